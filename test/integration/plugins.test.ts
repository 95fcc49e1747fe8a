// Plugins from files, loaded by the compiled binary: which hook is called when, what a broken one is told, and that
// nothing is left behind whatever it does.

import { expect } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, readlinkSync, renameSync, writeFileSync } from "node:fs";
import { Bundle, linesOf, machine, type Outcome, testWith, until } from "./harness.ts";

const test = testWith();

/** Appends a line to the file `log` of the bundle, in a plugin's source. */
const logger = (bundle: Bundle): string =>
  `import { appendFileSync } from "node:fs";\nconst log = (line: string): void => appendFileSync(${JSON.stringify(`${bundle.folder}/log`)}, line + "\\n");\n`;

const logOf = (bundle: Bundle): string[] =>
  existsSync(`${bundle.folder}/log`) ? linesOf(readFileSync(`${bundle.folder}/log`, "utf8")) : [];

/** Writes a plugin whose apply has this body. */
function writePlugin(bundle: Bundle, body: string, name = "own.ts", more = ""): void {
  writeFileSync(
    `${bundle.folder}/${name}`,
    `${logger(bundle)}export default { name: "own", ${more} apply(hooks: any, options: any, host: any) {\n${body}\n} };\n`,
  );
}

const runWith = async (bundle: Bundle, args: readonly string[], plugins: readonly string[] = ["./own.ts"]): Promise<Outcome> => {
  bundle.change((spec) => (spec.process.args = [...args]));
  return await bundle.box(["run", ...plugins.flatMap((plugin) => ["--plugin", plugin]), bundle.id]);
};

/** Durations vary; everything else of a message is fixed. */
const withoutTimes = (text: string): string => text.replaceAll(/after \d+ ms/g, "after … ms");

const everyHook = `
  hooks.config.tap("own", (spec: any, { id }: any) => log("config " + spec.process.args[0] + " " + (id !== "")));
  hooks.plan.tapPromise("own", async (plan: any) => log("plan " + plan.steps.some(({ call }: any) => call === "pivot_root")));
  hooks.prestart.tapAsync("own", ({ pid, status }: any, done: () => void) => { log("prestart " + status + " " + (pid > 0)); done(); });
  hooks.poststart.tap("own", ({ pid, status }: any) => log("poststart " + status + " " + (pid > 0)));
  hooks.poststop.tapPromise("own", async ({ status, exitCode, pid }: any) => log("poststop " + status + " " + exitCode + " " + require("node:fs").existsSync("/proc/" + pid)));`;

test("each hook is called once, in order, and poststop knows the exit status", async () => {
  using bundle = new Bundle();
  writePlugin(bundle, everyHook);
  const before = machine(bundle);
  expect(await runWith(bundle, ["sh", "-c", "exit 3"])).toEqual({ exitCode: 3, stdout: "", stderr: "" });
  expect(logOf(bundle)).toEqual([
    "config sh true",
    "plan true",
    "prestart created true",
    "poststart running true",
    "poststop stopped 3 false",
  ]);
  expect(machine(bundle)).toEqual(before);
});

test("a death by a signal is 128 and its number", async () => {
  using bundle = new Bundle();
  writePlugin(bundle, 'hooks.poststop.tap("own", ({ exitCode }: any) => log("poststop " + exitCode));');
  bundle.change((spec) => (spec.process.args = ["sh", "-c", "echo ready; sleep 60"]));
  using running = bundle.start(["run", "--plugin", "./own.ts", bundle.id]);
  await running.says("ready");
  process.kill(bundle.initPid, "SIGKILL");
  expect((await running.outcome()).exitCode).toBe(137);
  expect(logOf(bundle)).toEqual(["poststop 137"]);
});

test("prestart runs before the user's process, with its namespaces there", async () => {
  using bundle = new Bundle();
  writePlugin(
    bundle,
    'hooks.prestart.tap("own", ({ pid, rootfs }: any) => { require("node:fs").writeFileSync(rootfs + "/tmp/net", require("node:fs").readlinkSync("/proc/" + pid + "/ns/net")); });',
  );
  const { stdout } = await runWith(bundle, ["sh", "-c", "cat /tmp/net; readlink /proc/self/ns/net"]);
  const [seen, ...own] = stdout.split("net:").slice(1);
  expect([`net:${seen}`, own.map((one) => `net:${one}`.trim())]).toEqual([expect.stringMatching(/^net:\[\d+\]$/), [`net:${seen}`]]);
  expect(`net:${seen}`).not.toBe(readlinkSync("/proc/self/ns/net"));
});

test("several plugins in the order they are named, unless a tap says otherwise", async () => {
  using bundle = new Bundle();
  for (const [name, options] of [
    ["a", "{ name: 'a', stage: 10 }"],
    ["b", "'b'"],
    ["c", "{ name: 'c', before: 'b' }"],
  ] as const)
    writePlugin(bundle, `hooks.prestart.tap(${options}, () => log("${name}"));`, `${name}.ts`);
  expect((await runWith(bundle, ["true"], ["./a.ts", "./b.ts", "./c.ts"])).exitCode).toBe(0);
  expect(logOf(bundle)).toEqual(["c", "b", "a"]);
});

test("config changes what runs", async () => {
  using bundle = new Bundle();
  writePlugin(
    bundle,
    'hooks.config.tapPromise("own", async (spec: any) => ({ ...spec, hostname: "tapped", process: { ...spec.process, env: [...spec.process.env, "A=b"] } }));',
  );
  expect(await runWith(bundle, ["sh", "-c", "hostname; echo $A"])).toEqual({ exitCode: 0, stdout: "tapped\nb\n", stderr: "" });
});

test("a plugin of JavaScript, by its absolute path", async () => {
  using bundle = new Bundle();
  writeFileSync(
    `${bundle.folder}/own.js`,
    'export default { name: "own", apply(hooks) { hooks.config.tap("own", (spec) => void (spec.hostname = "js")); } };',
  );
  expect((await runWith(bundle, ["hostname"], [`${bundle.folder}/own.js`])).stdout).toBe("js\n");
});

test("plan shows who taps what, and takes no step", async () => {
  using bundle = new Bundle();
  writePlugin(bundle, everyHook);
  const { stdout } = await bundle.box(["plan", "--plugin", "./own.ts", bundle.id]);
  const notes = ["config", "plan", "prestart", "poststart", "poststop"].map((hook) => `note: hook ${hook}: --plugin ./own.ts`);
  expect(linesOf(stdout).slice(0, 5)).toEqual(notes);
  expect(logOf(bundle)).toEqual(["config sh true", "plan true"]);
});

/** What breaks before anything is made, and in prestart: the body of apply, and what is said. */
const broken: readonly [title: string, body: string, expected: string][] = [
  ["apply throws", 'throw new Error("boom")', "apply: boom (after … ms)"],
  ["apply throws no error", 'throw "boom"', "apply: boom (after … ms)"],
  ["config throws", 'hooks.config.tap("own", () => { throw new Error("boom"); })', "config: boom (after … ms)"],
  [
    "config makes a wrong field",
    'hooks.config.tap("own", (spec: any) => { spec.process.cwd = "srv"; })',
    'config: process.cwd: expected an absolute path, got "srv"',
  ],
  ["config returns no Spec", 'hooks.config.tap("own", () => 5)', "config: expected an object, got 5"],
  [
    "config makes a circle",
    'hooks.config.tap("own", (spec: any) => { spec.annotations = { a: spec }; })',
    "config: JSON.stringify cannot serialize cyclic structures. (after … ms)",
  ],
  ["plan vetoes", 'hooks.plan.tap("own", () => { throw new Error("not on a Friday"); })', "plan: not on a Friday (after … ms)"],
  ["prestart throws", 'hooks.prestart.tap("own", () => { throw new Error("boom"); })', "prestart: boom (after … ms)"],
  ["prestart rejects", 'hooks.prestart.tapPromise("own", async () => { throw new Error("boom"); })', "prestart: boom (after … ms)"],
  [
    "prestart calls back with an error",
    'hooks.prestart.tapAsync("own", (_: any, done: any) => done(new Error("boom")))',
    "prestart: boom (after … ms)",
  ],
  [
    "prestart hangs",
    'hooks.prestart.tapPromise({ name: "own", timeoutMs: 50 }, () => new Promise(() => {}))',
    "prestart: still not done, given up (after … ms)",
  ],
  [
    "a tap is made too late",
    'hooks.config.tap("own", () => { hooks.plan.tap("own", () => {}); })',
    "config: the hook plan was tapped after apply had ended (after … ms)",
  ],
  [
    "a namespace that is not there",
    'hooks.config.tap("own", () => host.resolveNamespace("container:gone", "net"))',
    "config: the container gone does not exist (after … ms)",
  ],
];

for (const [title, body, expected] of broken)
  test(`${title}: one message, and nothing left`, async () => {
    using bundle = new Bundle();
    writePlugin(bundle, body);
    const before = machine(bundle);
    const { exitCode, stdout, stderr } = await runWith(bundle, ["echo", "ran"]);
    expect([exitCode, stdout, withoutTimes(stderr)]).toEqual([125, "", `box: --plugin ./own.ts: ${expected}\n`]);
    expect(machine(bundle)).toEqual(before);
  });

/** Whole files that are no plugins. */
const files: readonly [title: string, name: string, text: string, expected: string][] = [
  ["a syntax error", "own.ts", "export default {\n  name: = 3 };", "load: Unexpected = (line 2, column 9) (after … ms)"],
  ["a throw while it loads", "own.ts", 'throw new Error("boom");', "load: boom (after … ms)"],
  ["no default export", "own.ts", "export const plugin = 3;", "has no default export that is a plugin: { name, apply(hooks, options) }"],
  [
    "a default export that is no object",
    "own.ts",
    "export default 3;",
    "has no default export that is a plugin: { name, apply(hooks, options) }",
  ],
  ["no name", "own.ts", "export default { apply() {} };", "its default export has no name"],
  ["no apply", "own.ts", 'export default { name: "own" };', "its default export has no apply"],
  [
    "options that are no schema",
    "own.ts",
    'export default { name: "own", options: { file: "string" }, apply() {} };',
    'its options are no schema: { type: "object", properties: {} }',
  ],
  [
    "a missing import of its own",
    "own.ts",
    'import "./gone.ts"; export default { name: "own", apply() {} };',
    "load: Cannot find module './gone.ts' imported from DIR/own.ts (after … ms)",
  ],
  [
    "a wait while it loads that never ends",
    "own.ts",
    "await new Promise(() => {}); export default {};",
    "load: still not done, given up (after … ms)",
  ],
  ["a file of another kind", "own.json", "{}", "DIR/own.json: a plugin's file ends in .ts or .js"],
];

for (const [title, name, text, expected] of files)
  test(`${title} is told`, async () => {
    using bundle = new Bundle();
    writeFileSync(`${bundle.folder}/${name}`, text);
    const before = machine(bundle);
    const { exitCode, stdout, stderr } = await runWith(bundle, ["echo", "ran"], [`./${name}`]);
    const message = expected.replaceAll("DIR", bundle.folder);
    expect([exitCode, stdout, withoutTimes(stderr)]).toEqual([125, "", `box: --plugin ./${name}: ${message}\n`]);
    expect(machine(bundle)).toEqual(before);
  }, 15_000);

test("a package that is not there is not fetched", async () => {
  using bundle = new Bundle();
  writeFileSync(
    `${bundle.folder}/own.ts`,
    'import { pad } from "some-package-that-nobody-has-made";\nexport default { name: "own", apply() { pad(); } };',
  );
  const { exitCode, stderr } = await runWith(bundle, ["true"]);
  expect([exitCode, withoutTimes(stderr)]).toEqual([
    125,
    `box: --plugin ./own.ts: load: Cannot find package 'some-package-that-nobody-has-made' imported from ${bundle.folder}/own.ts (after … ms)\nhint: a plugin is loaded without packages: put what it uses into one file with a bundler, such as bun build --target=bun\n`,
  ]);
});

test("names of no plugin", async () => {
  using bundle = new Bundle();
  const say = async (name: string): Promise<string> => (await runWith(bundle, ["true"], [name])).stderr;
  expect(await say("share-namespaces")).toBe(
    'box: --plugin share-namespaces: there is no built-in plugin of this name\nhint: did you mean "share-namespace"?\n',
  );
  expect(await say("mine")).toBe(
    "box: --plugin mine: there is no built-in plugin of this name\nhint: a plugin's own file is named by its path: ./mine.ts\n",
  );
  expect(await say("./gone.ts")).toBe(
    `box: --plugin ./gone.ts: cannot read ${bundle.folder}/gone.ts: ENOENT (no such file or directory)\n`,
  );
});

test("files that others could change are refused", async () => {
  using bundle = new Bundle();
  const say = async (path: string): Promise<string> => (await runWith(bundle, ["true"], [path])).stderr;
  writePlugin(bundle, "");
  chmodSync(`${bundle.folder}/own.ts`, 0o666);
  expect(await say("./own.ts")).toBe(
    `box: --plugin ./own.ts: anyone may change ${bundle.folder}/own.ts, and it would run as the user that runs box\nhint: chmod o-w ${bundle.folder}/own.ts\n`,
  );
  chmodSync(`${bundle.folder}/own.ts`, 0o644);
  bundle.change((spec) => spec.mounts.push({ destination: "/work", type: "bind", source: ".", options: ["bind"] }));
  const index = bundle.spec.mounts?.length ?? 0;
  const hint = "hint: make that read-only, or keep the plugin elsewhere\n";
  expect(await say("./own.ts")).toBe(
    `box: --plugin ./own.ts: the container could change ${bundle.folder}/own.ts: it is in the source of mounts[${index - 1}]\n${hint}`,
  );
  bundle.change((spec) => spec.mounts[index - 1]?.options?.push("ro", "rw"));
  expect(await say("./own.ts")).toContain("the container could change");
  bundle.change((spec) => spec.mounts[index - 1]?.options?.push("ro"));
  expect(await say("./own.ts")).toBe("");
  renameSync(`${bundle.folder}/own.ts`, `${bundle.rootfs}/own.ts`);
  bundle.change((spec) => (spec.root.readonly = false));
  expect(await say("./rootfs/own.ts")).toBe(
    `box: --plugin ./rootfs/own.ts: the container could change ${bundle.folder}/rootfs/own.ts: it is in the root, root.path\n${hint}`,
  );
});

test("so are those that a plugin's file imports, and a folder's package.json", async () => {
  using bundle = new Bundle();
  const say = async (path: string): Promise<string> => (await runWith(bundle, ["true"], [path])).stderr;
  mkdirSync(`${bundle.folder}/own`);
  const write = (name: string, text: string): void => writeFileSync(`${bundle.folder}/own/${name}`, text);
  write("package.json", '{ "main": "own.ts" }');
  write("own.ts", 'import type { X } from "./types.ts";\nimport { one } from "./one.ts";\nexport default { name: one, apply() {} };');
  write("one.ts", 'export const one = "1"; export const later = () => import("./two.js");');
  write("two.ts", "");
  const consequence = "and it would run as the user that runs box";
  for (const [name, label] of [
    ["package.json", "./own"],
    ["one.ts", "./own"],
    ["two.ts", "./own/own.ts"],
  ] as const) {
    const path = `${bundle.folder}/own/${name}`;
    chmodSync(path, 0o646);
    expect(await say(label)).toBe(`box: --plugin ${label}: anyone may change ${path}, ${consequence}\nhint: chmod o-w ${path}\n`);
    chmodSync(path, 0o644);
    expect(await say(label)).toBe("");
  }
});

test("what prestart began, poststop undoes when the start fails", async () => {
  using bundle = new Bundle();
  writePlugin(
    bundle,
    'hooks.prestart.tap("own", () => log("prestart")); hooks.poststop.tap("own", ({ exitCode, status }: any) => log("poststop " + exitCode + " " + status));',
  );
  const before = machine(bundle);
  const { exitCode, stderr } = await runWith(bundle, ["/bin/gone"]);
  expect([exitCode, stderr.split("\n")[0]]).toEqual([127, expect.stringMatching(/^box: process\.args\[0\]: /)]);
  expect(logOf(bundle)).toEqual(["prestart", "poststop undefined stopped"]);
  expect(machine(bundle)).toEqual(before);
});

test("a start that fails calls poststop once beside an OCI hook of that name, and not at all before prestart", async () => {
  using bundle = new Bundle();
  const { folder } = bundle;
  const oci = (script: string) => [{ path: "/bin/sh", args: ["sh", "-c", script] }];
  bundle.change((spec) => (spec.hooks = { poststop: oci(`echo OCI >>${folder}/log`) }));
  const poststop = 'hooks.poststop.tap("own", () => log("plugin"));';
  writePlugin(bundle, `hooks.prestart.tap("own", () => { throw new Error("boom"); }); ${poststop}`);
  expect((await runWith(bundle, ["true"])).stderr).toContain("prestart: boom");
  expect(logOf(bundle)).toEqual(["OCI", "plugin"]);
  writeFileSync(`${folder}/log`, "");
  bundle.change((spec) => (spec.hooks = { ...spec.hooks, createRuntime: oci("exit 7") }));
  writePlugin(bundle, `hooks.prestart.tap("own", () => log("prestart")); ${poststop}`);
  expect((await runWith(bundle, ["true"])).stderr).toStartWith("box: hooks.createRuntime[0]: ");
  expect(logOf(bundle)).toEqual(["OCI"]);
});

testWith("strace")("a supervisor that cannot note how the container ended still has everything removed", async () => {
  // For longer than box waits for it in itself: only a supervisor has to note how the container ended.
  using bundle = new Bundle((spec) => (spec.process.args = ["sh", "-c", "sleep 1; exit 3"]));
  writePlugin(bundle, 'hooks.poststop.tap("own", ({ exitCode }: any) => log("poststop " + exitCode));');
  const before = machine(bundle);
  const exit = `${bundle.states}/${bundle.id}/exit`;
  const failing = ["strace", "-qq", "-o", "/dev/null", "-P", exit, "-e", "trace=write", "-e", "inject=write:error=ENOSPC"];
  const { exitCode, stderr } = await bundle.box(["run", "--plugin", "./own.ts", bundle.id], { before: failing });
  expect(stderr).toEndWith(`box: cannot tell how the container ended: ${exit} is missing or cut short\n`);
  expect(exitCode).toBe(125);
  expect(logOf(bundle)).toEqual(["poststop undefined"]);
  expect(machine(bundle)).toEqual(before);
});

testWith("strace")("what prestart made, poststop undoes when the supervisor cannot begin", async () => {
  using bundle = new Bundle((spec) => (spec.process.args = ["sh", "-c", "exec sleep 1000"]));
  writePlugin(bundle, 'hooks.prestart.tap("own", () => log("prestart")); hooks.poststop.tap("own", () => log("poststop"));');
  const before = machine(bundle);
  // Of box alone, not of its children: its only execveat is the one that makes it the supervisor.
  const failing = ["strace", "-qq", "-o", "/dev/null", "-e", "trace=execveat", "-e", "inject=execveat:error=ENOSPC:when=1"];
  const { exitCode, stderr } = await bundle.box(["run", "--plugin", "./own.ts", bundle.id], { before: failing });
  expect(exitCode).toBe(125);
  expect(stderr).toContain("become the supervisor");
  expect(stderr).toContain("ENOSPC (no space left on device)");
  expect(logOf(bundle)).toEqual(["prestart", "poststop"]);
  expect(machine(bundle)).toEqual(before);
});

test("poststart and poststop stop nothing when they fail, and the others are called", async () => {
  using bundle = new Bundle();
  for (const hook of ["poststart", "poststop"]) {
    writePlugin(bundle, `hooks.${hook}.tap("own", () => { throw new Error("boom"); }); hooks.${hook}.tap("own", () => log("${hook}"));`);
    const { exitCode, stdout, stderr } = await runWith(bundle, ["sh", "-c", "echo ran; exit 4"]);
    expect([exitCode, stdout, withoutTimes(stderr)]).toEqual([4, "ran\n", `box: warning: --plugin ./own.ts: ${hook}: boom (after … ms)\n`]);
  }
  expect(logOf(bundle)).toEqual(["poststart", "poststop"]);
});

test("a plugin that is gone at the end is a warning", async () => {
  using bundle = new Bundle();
  writePlugin(
    bundle,
    `hooks.poststart.tap("own", () => require("node:fs").unlinkSync(${JSON.stringify(`${bundle.folder}/own.ts`)})); hooks.poststop.tap("own", () => log("poststop"));`,
  );
  const before = machine(bundle);
  expect(await runWith(bundle, ["true"])).toEqual({
    exitCode: 0,
    stdout: "",
    stderr: `box: warning: --plugin ./own.ts: cannot read ${bundle.folder}/own.ts: ENOENT (no such file or directory)\n`,
  });
  expect(machine(bundle)).toEqual(before);
});

test("programs that poststop starts find their tools and get every signal", async () => {
  using bundle = new Bundle();
  writePlugin(
    bundle,
    'hooks.poststop.tapPromise("own", async () => log(await new Response(Bun.spawn(["grep", "SigBlk", "/proc/self/status"]).stdout).text()));',
  );
  expect((await runWith(bundle, ["true"])).stderr).toBe("");
  expect(logOf(bundle).filter((line) => line !== "")).toEqual(["SigBlk:\t0000000000000000"]);
});

test("in the box that the supervisor becomes, Bun finds programs for poststop", async () => {
  using bundle = new Bundle();
  writePlugin(bundle, 'hooks.poststop.tap("own", () => log(String(Bun.which("sh"))));');
  bundle.change((spec) => (spec.process.args = ["sh", "-c", "echo ready; sleep 60"]));
  using running = bundle.start(["run", "--plugin", "./own.ts", bundle.id]);
  await running.says("ready");
  await running.supervises();
  process.kill(bundle.initPid, "SIGKILL");
  expect((await running.outcome()).stderr).toBe("");
  expect(logOf(bundle)).toEqual([expect.stringMatching(/\/bin\/sh$/)]);
});

for (const [way, args] of [
  ["delete --force", (id: string) => ["delete", "--force", id]],
  ["a run with the same id", (id: string) => ["run", "--plugin", "./own.ts", id]],
] as const)
  test(`after box was killed, ${way} calls poststop`, async () => {
    using bundle = new Bundle();
    writePlugin(bundle, 'hooks.poststop.tap("own", ({ exitCode }: any) => log("poststop " + exitCode));');
    const before = machine(bundle);
    bundle.change((spec) => (spec.process.args = ["sh", "-c", "echo ready; sleep 60"]));
    using running = bundle.start(["run", "--plugin", "./own.ts", bundle.id]);
    await running.says("ready");
    const init = bundle.initPid;
    running.child.kill("SIGKILL");
    await running.child.exited;
    process.kill(init, "SIGKILL");
    await until(() => !existsSync(`/proc/${init}`) || readFileSync(`/proc/${init}/stat`, "utf8").includes(") Z "), "the end of init");
    bundle.change((spec) => (spec.process.args = ["true"]));
    expect(await bundle.box(args(bundle.id))).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    expect(logOf(bundle)).toEqual(way === "delete --force" ? ["poststop undefined"] : ["poststop undefined", "poststop 0"]);
    running[Symbol.dispose]();
    expect(machine(bundle)).toEqual(before);
  });

test("share-namespace needs to be told whose", async () => {
  using bundle = new Bundle();
  expect(await runWith(bundle, ["true"], ["share-namespace"])).toEqual({
    exitCode: 125,
    stdout: "",
    stderr: "box: --plugin share-namespace: with: missing, expected a string\n",
  });
});

test("a folder with a package.json", async () => {
  using bundle = new Bundle();
  const folder = `${bundle.folder}/plugin`;
  const write = (path: string, text: string): void => {
    mkdirSync(`${folder}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
    writeFileSync(`${folder}/${path}`, text);
  };
  write("src/names.js", 'export const hostname = "packaged";');
  write(
    "src/main.ts",
    'import { hostname } from "./names.js";\nexport default { name: "p", apply(hooks: any) { hooks.config.tap("p", (s: any) => void (s.hostname = hostname)); } };',
  );
  for (const fields of [
    '"main": "src/main.ts"',
    '"exports": "./src/main.ts"',
    '"exports": { ".": { "types": "./x.d.ts", "import": "./src/main.ts" } }',
  ]) {
    write("package.json", `{ "name": "p", ${fields} }`);
    expect(await runWith(bundle, ["hostname"], ["./plugin"])).toEqual({ exitCode: 0, stdout: "packaged\n", stderr: "" });
  }
  // No package.json is read but the plugin's own, and that by box: so packages are not looked for.
  write("src/lost.ts", 'import "names"; export default {};');
  write("node_modules/names/package.json", '{ "name": "names", "main": "names.js" }');
  write("node_modules/names/names.js", "");
  const lost = await runWith(bundle, ["true"], ["./plugin/src/lost.ts"]);
  expect(lost.stderr.replace(/ \(after \d+ ms\)/, "")).toBe(
    `box: --plugin ./plugin/src/lost.ts: load: Cannot find package 'names' imported from ${folder}/src/lost.ts\nhint: a plugin is loaded without packages: put what it uses into one file with a bundler, such as bun build --target=bun\n`,
  );
  const say = async (text: string): Promise<string> => {
    write("package.json", text);
    return (await runWith(bundle, ["true"], ["./plugin/"])).stderr;
  };
  expect(await say("{}")).toBe(
    `box: --plugin ./plugin/: ${folder}/package.json names no file: "main" or "exports" says which is the plugin's\n`,
  );
  expect(await say("{")).toBe(`box: --plugin ./plugin/: ${folder}/package.json is not JSON: JSON Parse error: Expected '}'\n`);
  expect(await say('{ "main": "gone.ts" }')).toBe(
    `box: --plugin ./plugin/: cannot read ${folder}/gone.ts: ENOENT (no such file or directory)\n`,
  );
});

test("a folder without a package is no plugin", async () => {
  using bundle = new Bundle();
  mkdirSync(`${bundle.folder}/folder.ts`);
  expect((await runWith(bundle, ["true"], ["./folder.ts"])).stderr).toBe(
    `box: --plugin ./folder.ts: ${bundle.folder}/folder.ts is no file, and a plugin's folder has a package.json\n`,
  );
});

test("a folder in which anyone could replace the file", async () => {
  using bundle = new Bundle();
  mkdirSync(`${bundle.folder}/open`);
  chmodSync(`${bundle.folder}/open`, 0o777);
  writePlugin(bundle, "", "open/own.ts");
  const path = `${bundle.folder}/open`;
  expect((await runWith(bundle, ["true"], ["./open/own.ts"])).stderr).toBe(
    `box: --plugin ./open/own.ts: anyone may replace ${path}/own.ts in ${path}, and it would run as the user that runs box\nhint: chmod o-w ${path}\n`,
  );
  chmodSync(path, 0o1777);
  expect((await runWith(bundle, ["true"], ["./open/own.ts"])).stderr).toBe("");
});

const withOptions =
  'options: { type: "object", properties: { name: { type: "string", default: "usual" }, count: { type: "integer", maximum: 9 }, on: { type: "boolean" }, list: { type: "array", items: { type: "number" } } } },';

test("options in the command line, as words and as JSON", async () => {
  using bundle = new Bundle();
  writePlugin(
    bundle,
    'hooks.config.tap("own", (spec: any) => void spec.process.env.push("OPTIONS=" + JSON.stringify(options)));',
    "own.ts",
    withOptions,
  );
  const see = async (text: string): Promise<Outcome> => await runWith(bundle, ["sh", "-c", "echo $OPTIONS"], [`./own.ts${text}`]);
  const said = (options: string): Outcome => ({ exitCode: 0, stdout: `${options}\n`, stderr: "" });
  expect(await see("")).toEqual(said('{"name":"usual"}'));
  expect(await see(":name=a:b=c,count=3,on=true,list=1,list=2.5")).toEqual(
    said('{"name":"a:b=c","count":3,"on":true,"list":[1,2.5],"name":"usual"}'.replace(',"name":"usual"', "")),
  );
  expect(await see(':{"list": [1], "name": "x"}')).toEqual(said('{"list":[1],"name":"x"}'));
  expect((await see(":count=10,on=maybe,nam=1")).stderr).toBe(
    [
      "box: --plugin ./own.ts: count: expected an integer of at most 9, got 10",
      'box: --plugin ./own.ts: on: expected true or false, got "maybe"',
      'box: --plugin ./own.ts: nam: unknown option, did you mean "name"?\n',
    ].join("\n"),
  );
  expect((await see(":{")).stderr).toBe("box: --plugin ./own.ts: its options are not JSON: JSON Parse error: Expected '}'\n");
});

test("a plugin that taps nothing later is not loaded again", async () => {
  using bundle = new Bundle();
  writePlugin(bundle, 'log("applied"); hooks.config.tap("own", () => undefined);');
  expect((await runWith(bundle, ["true"])).exitCode).toBe(0);
  expect(logOf(bundle)).toEqual(["applied"]);
});

test("taps are shown in the order in which they are called", async () => {
  using bundle = new Bundle();
  writePlugin(bundle, 'hooks.config.tap({ name: "a", stage: 10 }, () => undefined);', "a.ts");
  writePlugin(bundle, 'hooks.config.tap("b", () => undefined);', "b.ts");
  writePlugin(bundle, 'hooks.config.tap({ name: "c", before: "b" }, () => undefined);', "c.ts");
  const { stdout } = await bundle.box(["plan", "--plugin", "./a.ts", "--plugin", "./b.ts", "--plugin", "./c.ts", bundle.id]);
  expect(linesOf(stdout)[0]).toBe("note: hook config: --plugin ./c.ts, --plugin ./b.ts, --plugin ./a.ts (stage 10)");
});

test("the plan says what each plugin changed", async () => {
  using bundle = new Bundle();
  writePlugin(bundle, 'hooks.config.tap("own", (spec: any) => { spec.hostname = "a"; spec.process.env.push("A=b"); });', "a.ts");
  writePlugin(bundle, 'hooks.config.tap("own", (spec: any) => ({ ...spec, annotations: { a: "b" } }));', "b.ts");
  const { stdout } = await bundle.box(["plan", "--plugin", "./a.ts", "--plugin", "./b.ts", bundle.id]);
  const index = bundle.spec.process?.env?.length;
  expect(linesOf(stdout).slice(1, 3)).toEqual([
    `note: --plugin ./a.ts changed process.env[${index}], hostname`,
    "note: --plugin ./b.ts changed annotations",
  ]);
});

test("a slow tap is a warning, with its hook and how long it took", async () => {
  using bundle = new Bundle();
  writePlugin(
    bundle,
    'hooks.config.tapPromise("own", () => Bun.sleep(1100)); hooks.prestart.tapPromise({ name: "own", timeoutMs: 5000 }, () => Bun.sleep(1100));',
  );
  const { exitCode, stderr } = await runWith(bundle, ["true"]);
  expect([exitCode, stderr.replace(/\d+ ms/, "… ms")]).toEqual([0, "box: warning: --plugin ./own.ts: config: slow: it took … ms\n"]);
});
