// Programs kept from one start for the next: a start that uses one is as the first, every change is noticed, and what
// somebody else could have written is never run.

import { describe, expect } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { asUser, Bundle, machine, testWith, userId } from "./harness.ts";
import { kept, keptFile, writtenAt } from "./kept-file.ts";

const test = testWith();

/** A bundle that has run `args` twice, and so has a kept program. */
async function ranTwice(args: readonly string[], change?: ConstructorParameters<typeof Bundle>[0]): Promise<Bundle> {
  const bundle = new Bundle(change);
  try {
    await bundle.run(args);
    expect(statSync(keptFile(bundle)).size).toBeLessThan(20);
    await again(bundle);
    expect(statSync(keptFile(bundle)).size).toBeGreaterThan(10_000);
    expect(readdirSync(kept(bundle)).length).toBe(1);
    return bundle;
  } catch (error) {
    bundle[Symbol.dispose]();
    throw error;
  }
}

const again = (bundle: Bundle) => bundle.box(["run", bundle.id]);

describe("the third start", () => {
  test("uses what the second kept, and is as the first", async () => {
    using bundle = await ranTwice(["sh", "-c", "echo out; echo err >&2; cat /proc/1/cgroup | wc -l; exit 6"]);
    const before = machine(bundle);
    const written = writtenAt(bundle);
    const first = await again(bundle);
    expect(first).toEqual({ exitCode: 6, stdout: first.stdout, stderr: "err\n" });
    expect(first.stdout).toMatch(/^out\n\d+\n$/);
    expect(await again(bundle)).toEqual(first);
    expect(writtenAt(bundle)).toBe(written);
    expect(machine(bundle)).toEqual(before);
  });

  test("says in its state when it began and who runs it", async () => {
    using bundle = await ranTwice(["true"]);
    // Not through `run`, which writes the configuration anew: the same text it is.
    bundle.change((spec) => (spec.process.args = ["sh", "-c", "echo ready; sleep 100"]));
    for (const _ of [1, 2, 3]) {
      using running = bundle.start(["run", bundle.id]);
      await running.says("ready");
      const state = JSON.parse(readFileSync(`${bundle.states}/${bundle.id}/state.json`, "utf8"));
      expect(state.box.supervisor).toBe(running.pid);
      expect(Date.now() - Date.parse(state.created)).toBeLessThan(10_000);
      process.kill(state.pid, "SIGKILL");
      expect((await running.outcome()).exitCode).toBe(137);
    }
  });

  test("has a terminal, signals and an exit code like any other", async () => {
    using bundle = await ranTwice(["sh", "-c", "stty size; exit 3"], (spec) => {
      spec.process.terminal = true;
      spec.process.consoleSize = { height: 9, width: 99 };
    });
    expect(await again(bundle)).toEqual({ exitCode: 3, stdout: "9 99\n", stderr: "" });
  });

  test("refuses an id that runs, and takes one whose box was killed", async () => {
    using bundle = await ranTwice(["true"]);
    bundle.change((spec) => (spec.process.args = ["sh", "-c", "echo ready; exec sleep 100"]));
    for (const _ of [1, 2]) {
      using before = bundle.start(["run", bundle.id]);
      await before.says("ready");
      process.kill(bundle.initPid, "SIGKILL");
      await before.outcome();
    }
    using first = bundle.start(["run", bundle.id]);
    await first.says("ready");
    const { exitCode, stderr } = await again(bundle);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 125,
      stderr: `box: id: the container ${bundle.id} already exists\nhint: box delete --force ${bundle.id} ends and removes it\n`,
    });
    const init = bundle.initPid;
    first.child.kill("SIGKILL");
    await first.outcome();
    using second = bundle.start(["run", bundle.id]);
    await second.says("ready");
    expect(bundle.initPid).not.toBe(init);
    // A zombie until the tests end: nobody waits for it any more.
    expect(readFileSync(`/proc/${init}/stat`, "utf8")).toContain(") Z ");
  });

  test("explains a failure as the first would", async () => {
    using bundle = await ranTwice(["true"]);
    renameSync(bundle.rootfs, `${bundle.rootfs}.away`);
    const second = await again(bundle);
    rmSync(kept(bundle), { recursive: true });
    const anew = await again(bundle);
    renameSync(`${bundle.rootfs}.away`, bundle.rootfs);
    expect(second).toEqual(anew);
    expect(second.exitCode).toBe(125);
    expect(second.stderr).toContain("cannot open the root folder");
  });

  test("ends with a poststart hook that fails, as the first would, though it has changed the configuration", async () => {
    using bundle = new Bundle();
    const script = "test ! -e fail || { echo changed > config.json; exit 7; }";
    bundle.change((spec) => {
      spec.process.args = ["echo", "one"];
      spec.hooks = { poststart: [{ path: "/bin/sh", args: ["sh", "-c", script] }] };
    });
    for (const _ of [1, 2]) expect(await again(bundle)).toEqual({ exitCode: 0, stdout: "one\n", stderr: "" });
    const before = machine(bundle);
    bundle.change((spec) => (spec.process.args = ["echo", "one"]));
    const written = writtenAt(bundle);
    writeFileSync(`${bundle.folder}/fail`, "");
    const { exitCode, stderr } = await again(bundle);
    expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/^box: hooks\.poststart\[0\]: .*exit 7/)]);
    expect(writtenAt(bundle)).toBe(written);
    expect(machine(bundle)).toEqual(before);
  });

  test("runs the poststop hooks when it fails", async () => {
    using bundle = new Bundle();
    const { folder } = bundle;
    bundle.change((spec) => {
      spec.process.args = ["true"];
      spec.hooks = {
        createRuntime: [{ path: "/bin/sh", args: ["sh", "-c", `test ! -e ${folder}/fail`] }],
        poststop: [{ path: "/bin/sh", args: ["sh", "-c", `echo poststop >>${folder}/log`] }],
      };
    });
    for (const _ of [1, 2]) expect(await again(bundle)).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    rmSync(`${folder}/log`);
    const written = writtenAt(bundle);
    writeFileSync(`${folder}/fail`, "");
    expect((await again(bundle)).stderr).toStartWith("box: hooks.createRuntime[0]: ");
    expect(writtenAt(bundle)).toBe(written);
    expect(readFileSync(`${folder}/log`, "utf8")).toBe("poststop\n");
  });
});

describe("a change is noticed", () => {
  test("of the configuration", async () => {
    using bundle = await ranTwice(["echo", "one"]);
    expect((await bundle.run(["echo", "two"])).stdout).toBe("two\n");
    expect((await bundle.run(["echo", "one"])).stdout).toBe("one\n");
  });

  test("of the user's home in the root", async () => {
    using bundle = await ranTwice(["sh", "-c", "echo $HOME"]);
    expect((await again(bundle)).stdout).toBe("/root\n");
    writeFileSync(`${bundle.rootfs}/etc/passwd`, "root:x:0:0::/somewhere:/bin/sh\n");
    expect((await again(bundle)).stdout).toBe("/somewhere\n");
  });

  test("of the caller's limit on open files", async () => {
    using bundle = await ranTwice(["sh", "-c", "ulimit -n"], (spec) => (spec.process.rlimits = []));
    const limited = (soft: number) => bundle.box(["run", bundle.id], { before: ["prlimit", `--nofile=${soft}:${soft}`] });
    expect((await limited(300)).stdout).toBe("300\n");
    expect((await limited(400)).stdout).toBe("400\n");
  });

  test("of the flags: with those that change the container nothing is kept", async () => {
    using bundle = await ranTwice(["sh", "-c", "echo $A"]);
    const written = writtenAt(bundle);
    expect((await bundle.box(["run", "-e", "A=1", bundle.id])).stdout).toBe("1\n");
    expect((await again(bundle)).stdout).toBe("\n");
    expect(writtenAt(bundle)).toBe(written);
  });
});

/** A plugin beside the bundle, outside of what the container may write, whose apply has this body; `calls` counts its `config`. */
function writePlugin(bundle: Bundle, body: string): void {
  writeFileSync(
    `${bundle.folder}/own.ts`,
    `import { appendFileSync, existsSync } from "node:fs";
    const called = (): void => appendFileSync(${JSON.stringify(`${bundle.folder}/calls`)}, "x");
    export default { name: "own", options: { type: "object", properties: { word: { type: "string", default: "usual" } } },
      apply(hooks: any, { word }: { word: string }) { ${body} } };\n`,
  );
}

const calls = (bundle: Bundle): number => (existsSync(`${bundle.folder}/calls`) ? readFileSync(`${bundle.folder}/calls`).length : 0);
const says = "hooks.config.tap('own', (spec: any) => { called(); spec.process.args = ['echo', word, process.env.SAYS ?? 'nothing']; })";
const plugged = (bundle: Bundle, options = "", env: Record<string, string> = {}) =>
  bundle.box(["run", "--plugin", `./own.ts${options}`, bundle.id], { env });

/** A bundle that has run twice with a plugin, and so has a kept program for it. */
async function pluggedTwice(body = says): Promise<Bundle> {
  const bundle = new Bundle();
  try {
    writePlugin(bundle, body);
    for (const _ of [1, 2]) expect((await plugged(bundle)).stderr).toBe("");
    expect(statSync(keptFile(bundle)).size).toBeGreaterThan(10_000);
    return bundle;
  } catch (error) {
    bundle[Symbol.dispose]();
    throw error;
  }
}

describe("with plugins", () => {
  test("what they make of the configuration is asked each time, and what it was is not planned again", async () => {
    using bundle = await pluggedTwice();
    const written = writtenAt(bundle);
    expect([await plugged(bundle), calls(bundle)]).toEqual([{ exitCode: 0, stdout: "usual nothing\n", stderr: "" }, 3]);
    expect(writtenAt(bundle)).toBe(written);
  });

  test("another answer is noticed, of the same plugin, by its options, and of another text", async () => {
    using bundle = await pluggedTwice();
    expect((await plugged(bundle, "", { SAYS: "more" })).stdout).toBe("usual more\n");
    expect((await plugged(bundle, ":word=other")).stdout).toBe("other nothing\n");
    writePlugin(bundle, says.replace("word", "'changed'"));
    expect((await plugged(bundle)).stdout).toBe("changed nothing\n");
  });

  test("a container without them is another", async () => {
    using bundle = await pluggedTwice();
    bundle.change((spec) => (spec.process.args = ["echo", "bare"]));
    for (const _ of [1, 2, 3]) {
      expect((await again(bundle)).stdout).toBe("bare\n");
      expect((await plugged(bundle)).stdout).toBe("usual nothing\n");
    }
  });

  test("an answer that is not right is refused as at first", async () => {
    using bundle = await pluggedTwice();
    writePlugin(bundle, "hooks.config.tap('own', (spec: any) => { spec.process.cwd = 'srv'; })");
    const fault = "--plugin ./own.ts: config: process.cwd: expected an absolute path";
    expect((await plugged(bundle)).stderr).toContain(fault);
  });

  test("hooks are called in the order and with the state that they are called with at first", async () => {
    using bundle = await pluggedTwice(
      `for (const at of ["prestart", "poststart", "poststop"])
        hooks[at].tap("own", ({ status, exitCode }: any) => appendFileSync("log", [at, status, exitCode, ""].join(" ")))`,
    );
    bundle.change((spec) => (spec.process.args = ["sh", "-c", "exit 4"]));
    rmSync(`${bundle.folder}/log`);
    for (const _ of [1, 2, 3]) {
      expect((await plugged(bundle)).exitCode).toBe(4);
      expect(readFileSync(`${bundle.folder}/log`, "utf8")).toBe("prestart created  poststart running  poststop stopped 4 ");
      rmSync(`${bundle.folder}/log`);
    }
  });

  test("nothing is kept for one that looks at the plan", async () => {
    using bundle = new Bundle();
    writePlugin(bundle, "hooks.plan.tap('own', () => called())");
    bundle.change((spec) => (spec.process.args = ["true"]));
    for (const _ of [1, 2, 3]) expect((await plugged(bundle)).exitCode).toBe(0);
    const names = existsSync(kept(bundle)) ? readdirSync(kept(bundle)) : [];
    expect([calls(bundle), names.filter((name) => name.startsWith("place-"))]).toEqual([3, []]);
  });

  test("a failure is explained as at first, and no plugin asked twice", async () => {
    using bundle = await pluggedTwice();
    renameSync(bundle.rootfs, `${bundle.rootfs}.away`);
    const before = calls(bundle);
    const second = await plugged(bundle);
    expect(calls(bundle)).toBe(before + 1);
    rmSync(kept(bundle), { recursive: true });
    const anew = await plugged(bundle);
    renameSync(`${bundle.rootfs}.away`, bundle.rootfs);
    expect(second).toEqual(anew);
    expect(second.stderr).toContain("cannot open the root folder");
  });

  test("a file that anyone may change by now is refused", async () => {
    using bundle = await pluggedTwice();
    chmodSync(`${bundle.folder}/own.ts`, 0o666);
    const { exitCode, stdout, stderr } = await plugged(bundle);
    expect({ exitCode, stdout }).toEqual({ exitCode: 125, stdout: "" });
    expect(stderr).toContain("anyone may change");
    expect(calls(bundle)).toBe(2);
  });
});

const withoutTimes = (text: string): string => text.replaceAll(/after \d+ ms/g, "after … ms");

/** Another body of the same file as it is kept: whoever asks the plugin again can be told. */
function turnScript(bundle: Bundle, from: string, to: string): void {
  const bytes = readFileSync(keptFile(bundle));
  const body = bytes.lastIndexOf(from);
  expect(body).toBeGreaterThan(0);
  bytes.write(to, body);
  writeFileSync(keptFile(bundle), bytes);
}

describe("plugins that would say the same again", () => {
  const sets = "hooks.config.tap('own', (spec: any) => ({ ...spec, process: { ...spec.process, args: ['echo', word, 'says-so'] } }));";

  /** A bundle that has run until it is known of its plugins that they depend on nothing else, or that they do. One start in a hundred cannot tell. */
  async function known(body: string, isPure: boolean): Promise<Bundle> {
    const bundle = new Bundle((spec) => {
      spec.process.args = ["true"];
      spec.root = { ...spec.root, readonly: false };
    });
    try {
      writeFileSync(`${bundle.rootfs}/tool`, '#!/bin/sh\necho "$@"\n', { mode: 0o755 });
      mkdirSync(`${bundle.folder}/there`);
      writePlugin(bundle, body.replaceAll("FOLDER", bundle.folder));
      const isKnown = (): boolean => readFileSync(keptFile(bundle), "latin1").includes(`"pure":${isPure}}`);
      for (let times = 0; times < 2 || (!isKnown() && times < 8); times++) expect((await plugged(bundle)).stderr).toBe("");
      expect(isKnown()).toBe(true);
      return bundle;
    } catch (error) {
      bundle[Symbol.dispose]();
      throw error;
    }
  }

  test("are not asked", async () => {
    using bundle = await known(sets, true);
    turnScript(bundle, "says-so", "changed");
    const written = writtenAt(bundle);
    expect(await plugged(bundle)).toEqual({ exitCode: 0, stdout: "usual says-so\n", stderr: "" });
    expect(writtenAt(bundle)).toBe(written);
  });

  test("are asked when they look at more", async () => {
    for (const looks of ["called();", "process.env.SAYS;", "Date.now();"]) {
      using bundle = await known(sets.replace("({ ...spec", `{ ${looks} return ({ ...spec`).replace("} }));", "} }); });"), false);
      turnScript(bundle, "says-so", "changed");
      const { stdout } = await plugged(bundle);
      // A plain start reads the file itself; two in a row are no chance.
      expect(stdout === "usual says-so\n" ? (await plugged(bundle)).stdout : stdout).toBe("usual changed\n");
    }
  });

  test("are not counted as such when they do more than anybody waits for", async () => {
    const later = "(async () => { for (let turn = 0; turn < 30; turn++) await 0; called(); })();";
    using bundle = await known(sets.replace("({ ...spec", `{ ${later} return ({ ...spec`).replace("} }));", "} }); });"), false);
    expect((await plugged(bundle)).stdout).toBe("usual says-so\n");
  });

  test("are looked at again when they have changed, and say the same", async () => {
    using bundle = await known(sets, true);
    writePlugin(bundle, `${sets} /* more */`);
    expect((await plugged(bundle)).stdout).toBe("usual says-so\n");
    const isKnown = (): boolean => readFileSync(keptFile(bundle), "latin1").includes("/* more */");
    // One start in a hundred is a plain one, which cannot tell.
    if (!isKnown()) await plugged(bundle);
    expect(isKnown()).toBe(true);
    turnScript(bundle, "says-so", "changed");
    expect((await plugged(bundle)).stdout).toBe("usual says-so\n");
  });

  test("with a NUL in their text are asked each time", async () => {
    using bundle = new Bundle();
    const write = (word: string): void =>
      writePlugin(bundle, `/* \0 */ hooks.config.tap('own', (spec: any) => { spec.process.args = ['echo', '${word}']; return spec; });`);
    write("one");
    for (const _ of [1, 2, 3, 4]) expect((await plugged(bundle)).stdout).toBe("one\n");
    write("two");
    for (const _ of [1, 2]) expect((await plugged(bundle)).stdout).toBe("two\n");
  });

  test("in a folder of their own have a program that stays", async () => {
    using bundle = new Bundle();
    mkdirSync(`${bundle.folder}/own`);
    writeFileSync(`${bundle.folder}/own/package.json`, '{ "main": "own.ts" }');
    writePlugin(bundle, sets);
    renameSync(`${bundle.folder}/own.ts`, `${bundle.folder}/own/own.ts`);
    const run = () => bundle.box(["run", "--plugin", "./own", bundle.id]);
    for (const _ of [1, 2, 3]) expect((await run()).stdout).toBe("usual says-so\n");
    const written = writtenAt(bundle);
    for (const _ of [1, 2]) expect((await run()).stdout).toBe("usual says-so\n");
    expect(writtenAt(bundle)).toBe(written);
  });

  test("that would be loaded late are not where their folder is gone: nothing is made", async () => {
    using bundle = await known(`${sets} hooks.prestart.tap('own', () => called());`, true);
    const elsewhere = { before: ["sh", "-c", 'mkdir gone; cd gone; rmdir ../gone; exec "$0" "$@"'] };
    const before = [machine(bundle), calls(bundle)];
    const { exitCode } = await bundle.box(["run", "--plugin", `${bundle.folder}/own.ts`, "--bundle", bundle.folder, bundle.id], elsewhere);
    expect(exitCode).toBe(125);
    expect([machine(bundle), calls(bundle)]).toEqual(before);
  });

  test("are asked when they ask box", async () => {
    using bundle = new Bundle();
    writeFileSync(
      `${bundle.folder}/own.ts`,
      `export default { name: "own", apply(hooks: any, _: object, host: any) {
        hooks.config.tapPromise("own", async () => { await host.warn("look"); }); } };\n`,
    );
    for (const _ of [1, 2, 3, 4]) expect((await plugged(bundle)).stderr).toBe("box: warning: --plugin ./own.ts: look\n");
  });

  test("are called while the container is made, with all that they have seen", async () => {
    const sees = "let seen: unknown; hooks.config.tap({ name: 'own', stage: 1 }, (spec: any) => { seen = [seen, spec.process.args[2]]; });";
    const tells = (hook: string): string =>
      `hooks.${hook}.tap('own', ({ status }: any) => appendFileSync('FOLDER/log', status + seen + ' '));`;
    using bundle = await known(`${sets} ${sees} ${["prestart", "poststart", "poststop"].map(tells).join(" ")}`, true);
    rmSync(`${bundle.folder}/log`);
    expect(await plugged(bundle)).toEqual({ exitCode: 0, stdout: "usual says-so\n", stderr: "" });
    // What ends the container is another box.
    expect(readFileSync(`${bundle.folder}/log`, "utf8")).toBe("created,says-so running,says-so stoppedundefined ");
  });

  test("undo what they have begun when they fail, and are named", async () => {
    const fails = "hooks.prestart.tap('own', () => { if (existsSync('FOLDER/fails')) throw new Error('no'); });";
    const undoes = "hooks.poststop.tap('own', ({ exitCode }: any) => appendFileSync('FOLDER/log', exitCode + ' '));";
    using bundle = await known(`${sets} ${fails} ${undoes}`, true);
    rmSync(`${bundle.folder}/log`);
    writeFileSync(`${bundle.folder}/fails`, "");
    const before = machine(bundle);
    const failed = await plugged(bundle);
    expect([failed.exitCode, withoutTimes(failed.stderr)]).toEqual([125, "box: --plugin ./own.ts: prestart: no (after … ms)\n"]);
    expect(readFileSync(`${bundle.folder}/log`, "utf8")).toBe("undefined ");
    expect(machine(bundle)).toEqual(before);
  });

  test("are not loaded late where a plain start has to load them", async () => {
    using bundle = await known(`${sets} hooks.prestart.tap('own', () => appendFileSync('FOLDER/log', String(new Array(1).length)));`, true);
    rmSync(`${bundle.folder}/log`);
    expect((await plugged(bundle, "", { TZ: "Asia/Tokyo" })).stdout).toBe("usual says-so\n");
    expect(readFileSync(`${bundle.folder}/log`, "utf8")).toBe("1");
  });

  test("and their poststop is called in the end, and after a start that fails", async () => {
    const calls = "hooks.poststop.tap('own', ({ exitCode }: any) => appendFileSync('FOLDER/log', exitCode + ' '));";
    using bundle = await known(`${sets.replace("'echo'", "'/tool'")} ${calls}`, true);
    rmSync(`${bundle.folder}/log`);
    expect((await plugged(bundle)).exitCode).toBe(0);
    rmSync(`${bundle.rootfs}/tool`);
    const failed = await plugged(bundle);
    expect([failed.exitCode, readFileSync(`${bundle.folder}/log`, "utf8")]).toEqual([127, "0 undefined "]);
    rmSync(kept(bundle), { recursive: true });
    expect(await plugged(bundle)).toEqual(failed);
  });

  test("and are named by an error in what they have made", async () => {
    const mount = "{ destination: '/srv', source: 'FOLDER/there', options: ['bind', 'ro'] }";
    using bundle = await known(`hooks.config.tap('own', (spec: any) => ({ ...spec, mounts: [...spec.mounts, ${mount}] }));`, true);
    rmSync(`${bundle.folder}/there`, { recursive: true });
    const failed = await plugged(bundle);
    expect(failed.stderr).toStartWith("box: --plugin ./own.ts: mounts[");
    rmSync(kept(bundle), { recursive: true });
    expect(await plugged(bundle)).toEqual(failed);
  });

  test("are asked when anything about them is another", async () => {
    using bundle = await known(sets, true);
    expect((await plugged(bundle, ":word=other")).stdout).toBe("other says-so\n");
    expect((await plugged(bundle)).stdout).toBe("usual says-so\n");
    writePlugin(bundle, sets.replace("says-so", "says-no"));
    expect((await plugged(bundle)).stdout).toBe("usual says-no\n");
  });

  for (const [title, change, said] of [
    ["a file that anyone may change", (bundle: Bundle) => chmodSync(`${bundle.folder}/own.ts`, 0o666), "anyone may change"],
    ["a folder that anyone may change", (bundle: Bundle) => chmodSync(bundle.folder, 0o777), "anyone may replace"],
    ["a file that the container may change", (bundle: Bundle) => moveInto(bundle), "the container could change"],
  ] as const)
    test(`are refused in ${title} by now`, async () => {
      using bundle = await known(sets, true);
      change(bundle);
      const { exitCode, stdout, stderr } = await plugged(bundle);
      expect({ exitCode, stdout }).toEqual({ exitCode: 125, stdout: "" });
      expect(stderr).toContain(said);
    });

  /** The root is another folder now, by a link, and the file is in it. */
  function moveInto(bundle: Bundle): void {
    renameSync(bundle.rootfs, `${bundle.folder}/old`);
    renameSync(`${bundle.folder}/own.ts`, `${bundle.folder}/old/own.ts`);
    symlinkSync("old", bundle.rootfs);
    symlinkSync("old/own.ts", `${bundle.folder}/own.ts`);
  }
});

describe("what a plugin's file is without its types", () => {
  const scriptFile = (bundle: Bundle): string | undefined => {
    const name = readdirSync(kept(bundle)).find((one) => one.startsWith("script-"));
    return name && `${kept(bundle)}/${name}`;
  };
  const body = "hooks.config.tap('own', (spec: any) => ({ ...spec, process: { ...spec.process, args: ['echo', word, 'says-so'] } }));";
  /** With a flag that changes the container, so that no program is kept. */
  const changed = (bundle: Bundle) => bundle.box(["run", "--env", "A=1", "--plugin", "./own.ts", bundle.id]);

  /** A bundle whose plugin's file is kept, saying something else. */
  async function spoilt(spoil: (file: string, bundle: Bundle) => void): Promise<string> {
    using bundle = new Bundle();
    writePlugin(bundle, body);
    mkdirSync(bundle.states, { recursive: true });
    // One start in a hundred is a plain one, which keeps none.
    for (let times = 0; times < 5 && (!existsSync(kept(bundle)) || scriptFile(bundle) === undefined); times++)
      expect((await changed(bundle)).stdout).toBe("usual says-so\n");
    const file = scriptFile(bundle) ?? "";
    const bytes = readFileSync(file);
    bytes.write("changed", bytes.lastIndexOf("says-so"));
    writeFileSync(file, bytes);
    spoil(file, bundle);
    const first = await changed(bundle);
    return (first.stdout === "usual says-so\n" ? await changed(bundle) : first).stdout;
  }

  test("is kept", async () => expect(await spoilt(() => {})).toBe("usual changed\n"));
  test("is not taken when others may write it", async () => expect(await spoilt((file) => chmodSync(file, 0o666))).toBe("usual says-so\n"));
  test("is not taken when it is another user's", async () =>
    expect(await spoilt((file) => chownSync(file, userId, userId))).toBe("usual says-so\n"));
  test("is not taken when it is a link", async () =>
    expect(
      await spoilt((file, { folder }) => {
        renameSync(file, `${folder}/moved`);
        symlinkSync(`${folder}/moved`, file);
      }),
    ).toBe("usual says-so\n"));
  test("is found out again when it is cut short", async () =>
    expect(await spoilt((file) => truncateSync(file, statSync(file).size - 5))).toBe("usual says-so\n"));
  test("is not that of another text", async () =>
    expect(await spoilt((_, bundle) => writePlugin(bundle, body.replace("word", "'own'")))).toBe("own says-so\n"));
});

describe("a kept program is not run", () => {
  /** Runs again after `spoil`; it must do as the configuration says, and keep a program of its own where it may. */
  async function spoilt(spoil: (bundle: Bundle, other: string) => void): Promise<void> {
    using other = await ranTwice(["echo", "other"]);
    using bundle = await ranTwice(["echo", "own"]);
    turnIntoBad(keptFile(bundle));
    spoil(bundle, keptFile(other));
    expect(await again(bundle)).toEqual({ exitCode: 0, stdout: "own\n", stderr: "" });
  }

  /** Makes the kept tape say `bad` where it says `own`; its header and key stay. So whoever runs it can be told. */
  function turnIntoBad(file: string): void {
    const bytes = readFileSync(file);
    const tapes = 24 + bytes.readUInt32LE(0) + bytes.readUInt32LE(4);
    const said = bytes.indexOf("own\0", tapes);
    expect(said).toBeGreaterThan(tapes);
    bytes.write("bad", said);
    writeFileSync(file, bytes);
  }

  test("but for this, without which the others say nothing: an untouched one is", async () => {
    using bundle = await ranTwice(["echo", "own"]);
    turnIntoBad(keptFile(bundle));
    expect((await again(bundle)).stdout).toBe("bad\n");
  });

  test("when it is another's", () => spoilt((bundle, other) => writeFileSync(keptFile(bundle), readFileSync(other))));
  test("when it is cut short", () => spoilt((bundle) => truncateSync(keptFile(bundle), 1000)));
  test("when it is empty", () => spoilt((bundle) => truncateSync(keptFile(bundle), 0)));
  test("when it is a link", () =>
    spoilt((bundle) => {
      const file = keptFile(bundle);
      renameSync(file, `${bundle.folder}/moved`);
      symlinkSync(`${bundle.folder}/moved`, file);
    }));
  test("when others may write it", () => spoilt((bundle) => chmodSync(keptFile(bundle), 0o666)));
  test("when it is another user's", () => spoilt((bundle) => chownSync(keptFile(bundle), userId, userId)));
  test("when others may write the folder", () => spoilt((bundle) => chmodSync(kept(bundle), 0o777)));
  test("when the folder is another user's", () => spoilt((bundle) => chownSync(kept(bundle), userId, userId)));
  test("when the folder is a link", () =>
    spoilt((bundle) => {
      renameSync(kept(bundle), `${bundle.folder}/elsewhere`);
      symlinkSync(`${bundle.folder}/elsewhere`, kept(bundle));
    }));
});

testWith("setpriv", "user namespaces for users")("an ordinary user keeps none", async () => {
  using bundle = new Bundle((spec) => {
    spec.linux.namespaces = [...spec.linux.namespaces.filter(({ type }) => type !== "network"), { type: "user" }];
    spec.linux.uidMappings = [{ containerID: 0, hostID: userId, size: 1 }];
    spec.linux.gidMappings = [{ containerID: 0, hostID: userId, size: 1 }];
    // A user namespace may not mount a new sysfs for a network namespace that is not its own, nor give devpts an unmapped group.
    spec.mounts = spec.mounts.filter(({ type }) => type !== "sysfs" && type !== "cgroup" && type !== "devpts");
    spec.process.args = ["true"];
  });
  bundle.giveTo(userId);
  for (let time = 0; time < 2; time++)
    expect(await bundle.box(["run", bundle.id], { before: asUser })).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  expect(existsSync(kept(bundle))).toBe(false);
});

test("however many containers there are, so many places and no more, and those that have started twice stay", async () => {
  using bundle = await ranTwice(["true"]);
  const [own] = readdirSync(kept(bundle));
  const written = writtenAt(bundle);
  for (let index = 0; index < 80; index++) {
    expect((await bundle.box(["run", `${bundle.id}-${index}`])).exitCode).toBe(0);
    expect(readdirSync(kept(bundle)).length).toBeLessThanOrEqual(64);
  }
  expect(statSync(`${kept(bundle)}/${own}`).ctimeMs).toBe(written);
}, 30_000);

test("two containers are not in each other's way", async () => {
  using bundle = await ranTwice(["true"]);
  const ids = Array.from({ length: 20 }, (_, index) => `${bundle.id}-${index}`);
  const times = (): number[] => readdirSync(kept(bundle)).map((name) => statSync(`${kept(bundle)}/${name}`).ctimeMs);
  for (const _ of [1, 2]) for (const id of ids) expect((await bundle.box(["run", id])).exitCode).toBe(0);
  const before = times();
  for (const id of ids) expect((await bundle.box(["run", id])).exitCode).toBe(0);
  expect(before.length).toBe(21);
  expect(times()).toEqual(before);
}, 30_000);
