// start, kill and delete as the front does them (src/front/commands.ts): that it does, and that whatever is not as usual is
// done by the rest of box, in its words. What the commands do is in create-start.test.ts and kill.test.ts.

import { describe, expect, setDefaultTimeout } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { frontFile } from "../../src/front/front-file.ts";
import type { State } from "../../src/state/state.ts";
import {
  Bundle,
  binary,
  ended,
  execute,
  linesOf,
  machine,
  type Outcome,
  pastTheFront,
  type RichSpec,
  Running,
  testWith,
  until,
  userId,
} from "./harness.ts";

const test = testWith("strace");
setDefaultTimeout(60_000);
const quiet: Outcome = { exitCode: 0, stdout: "", stderr: "" };
const said = (stderr: string, exitCode = 1): Outcome => ({ exitCode, stdout: "", stderr });

const running =
  (...args: string[]) =>
  (spec: RichSpec): void => {
    spec.process.args = args;
  };
const script = (text: string) => running("sh", "-c", text);
const endless = running("sleep", "1000");
/** Says which signals it gets. */
const trapping = (...names: string[]) =>
  script(`${names.map((name) => `trap 'echo got ${name}' ${name};`).join(" ")} echo ready; while :; do sleep 0.01; done`);

const folderOf = (bundle: Bundle): string => `${bundle.states}/${bundle.id}`;
const stateOf = (bundle: Bundle): State => JSON.parse(readFileSync(`${folderOf(bundle)}/state.json`, "utf8")) as State;
const cgroupOf = (bundle: Bundle, controller: string): string =>
  stateOf(bundle).box.cgroups.find(({ path }) => path.startsWith(`/sys/fs/cgroup/${controller}/`))?.path ?? "none";
const statusOf = async (bundle: Bundle): Promise<string> =>
  (JSON.parse((await bundle.box(["state", bundle.id])).stdout) as { status: string }).status;

async function create(bundle: Bundle): Promise<Running> {
  const creating = bundle.start(["create", bundle.id]);
  expect(await creating.outcome()).toEqual(quiet);
  return creating;
}

/** A container whose program says "ready". */
async function started(bundle: Bundle): Promise<Running> {
  const creating = await create(bundle);
  expect(await bundle.box(["start", bundle.id])).toEqual(quiet);
  await until(() => creating.stdout.startsWith("ready\n"), "the program's output");
  return creating;
}

async function stop(bundle: Bundle): Promise<void> {
  const { initPid } = bundle;
  process.kill(initPid, "SIGKILL");
  await ended(initPid);
}

async function leavesNothing(bundle: Bundle, work: () => Promise<void>): Promise<void> {
  const before = machine(bundle);
  await work();
  await until(() => machine(bundle).processes.length === before.processes.length, "the end of all processes");
  expect(machine(bundle)).toEqual(before);
}

/** What a command did, call by call: `byFront` are those before the rest of box is there, if it ever is. */
type Traced = Outcome & { readonly calls: readonly string[]; readonly byFront: readonly string[]; readonly alone: boolean };

async function traced(bundle: Bundle, words: readonly string[], before: readonly string[] = []): Promise<Traced> {
  const file = `${bundle.folder}/calls`;
  const outcome = await bundle.box(words, { before: [...before, "strace", "-f", "-qq", "-o", file] });
  const calls = linesOf(readFileSync(file, "utf8")).map((line) => line.replace(/^\d+ +/, ""));
  // The front maps a kept start or the dynamic linker, and nothing for itself.
  const mapped = calls.findIndex((call) => call.startsWith("mmap("));
  return { ...outcome, calls, byFront: mapped < 0 ? calls : calls.slice(0, mapped), alone: mapped < 0 };
}

const others = /ld-linux|\.kept|\blibc\.so/;
/** Without a call that the rest of box would need, and in a few dozen of them. */
async function byFront(bundle: Bundle, ...words: string[]): Promise<void> {
  const { exitCode, stdout, stderr, alone, calls } = await traced(bundle, words);
  expect({ exitCode, stdout, stderr, alone }).toEqual({ ...quiet, alone: true });
  expect(calls.filter((call) => others.test(call))).toEqual([]);
  expect(calls.length).toBeLessThan(60);
  expect(calls.filter((call) => call.startsWith("exit_group("))).toEqual([expect.stringMatching(/^exit_group\(0\)/)]);
}

const changing = /^(write|pidfd_send_signal|unlinkat|kill|renameat2?|mkdirat|symlinkat|ftruncate)\(/;
/** By the rest of box; the front has changed nothing before. */
async function theLongWay(bundle: Bundle, ...words: string[]): Promise<Outcome> {
  const { exitCode, stdout, stderr, alone, byFront: first } = await traced(bundle, words);
  expect([words, alone, first.filter((call) => changing.test(call))]).toEqual([words, false, []]);
  return { exitCode, stdout, stderr };
}

describe("done by the front alone", () => {
  test("a life: start, kill, delete", async () => {
    using bundle = new Bundle(script("echo ready; exec sleep 1000"));
    await leavesNothing(bundle, async () => {
      using creating = await create(bundle);
      await byFront(bundle, "start", bundle.id);
      await until(() => creating.stdout === "ready\n", "the program's output");
      const { initPid } = bundle;
      await byFront(bundle, "kill", bundle.id, "KILL");
      await ended(initPid);
      expect(await statusOf(bundle)).toBe("stopped");
      await byFront(bundle, "delete", bundle.id);
      expect(existsSync(folderOf(bundle))).toBe(false);
    });
  });

  test("of a container of run -d: kill and delete", async () => {
    using bundle = new Bundle(endless);
    await leavesNothing(bundle, async () => {
      expect(await bundle.box(["run", "-d", bundle.id])).toEqual(quiet);
      const { initPid } = bundle;
      await byFront(bundle, "kill", bundle.id, "9");
      await ended(initPid);
      await byFront(bundle, "delete", "--force", bundle.id);
    });
  });

  const signals: [words: string[], name: string][] = [
    [[], "TERM"],
    [["TERM"], "TERM"],
    [["SIGTERM"], "TERM"],
    [["15"], "TERM"],
    [["SIGHUP"], "HUP"],
    [["2"], "INT"],
    [["QUIT"], "QUIT"],
    [["10"], "USR1"],
    [["SIGUSR2"], "USR2"],
    [["WINCH"], "WINCH"],
    [["SIGWINCH"], "WINCH"],
  ];
  for (const [words, name] of signals)
    test(`kill ${words.length === 0 ? "without a signal" : words[0]}`, async () => {
      using bundle = new Bundle(trapping(name));
      using creating = await started(bundle);
      await byFront(bundle, "kill", bundle.id, ...words);
      await until(() => creating.stdout === `ready\ngot ${name}\n`, `the signal, after ${creating.stdout}`);
    });

  for (const force of [[], ["--force"], ["-f"]])
    test(`delete ${force.join("")}`, async () => {
      using bundle = new Bundle(script("echo ready; exec sleep 1000"));
      await leavesNothing(bundle, async () => {
        using _creating = await started(bundle);
        await stop(bundle);
        await byFront(bundle, "delete", ...force, bundle.id);
      });
    });

  for (const format of ["json", "text"])
    test(`with a log as ${format}, which nothing is written to`, async () => {
      using bundle = new Bundle(script("echo ready; exec sleep 1000"));
      const log = ["--log", `${bundle.folder}/log`, "--log-format", format];
      await leavesNothing(bundle, async () => {
        using _creating = await create(bundle);
        const { initPid } = bundle;
        await byFront(bundle, ...log, "start", bundle.id);
        await byFront(bundle, ...log, "kill", bundle.id, "9");
        await ended(initPid);
        await byFront(bundle, ...log, "delete", "--force", bundle.id);
      });
      expect(existsSync(`${bundle.folder}/log`)).toBe(false);
    });

  test("where nobody names the folder of all states", async () => {
    using bundle = new Bundle(endless);
    const traceOf = (words: string): string => `strace -f -qq -o ${bundle.folder}/calls "$BOX" ${words}; echo $?; report`;
    const { stdout, stderr } = await execute(
      [
        "unshare",
        "--mount",
        "bash",
        "-c",
        `mount -t tmpfs run /run
        report() { grep -c mmap ${bundle.folder}/calls; }
        "$BOX" create --bundle ${bundle.folder} "$ID"; echo $?
        ${traceOf('start "$ID"')}
        ${traceOf('kill "$ID" KILL')}
        while "$BOX" state "$ID" | grep -q running; do :; done
        ${traceOf('delete "$ID"')}
        ls /run/box`,
      ],
      { env: { BOX: binary, ID: bundle.id } },
    );
    expect([stderr, linesOf(stdout)]).toEqual(["", ["0", "0", "0", "0", "0", "0", "0"]]);
  });

  test("with stdin, stdout and stderr closed", async () => {
    using bundle = new Bundle(endless);
    await leavesNothing(bundle, async () => {
      using _creating = await create(bundle);
      const closed = { before: ["sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-'] };
      expect((await bundle.box(["start", bundle.id], closed)).exitCode).toBe(0);
      expect(await statusOf(bundle)).toBe("running");
      const { initPid } = bundle;
      expect((await bundle.box(["kill", bundle.id, "KILL"], closed)).exitCode).toBe(0);
      await ended(initPid);
      expect((await bundle.box(["delete", bundle.id], closed)).exitCode).toBe(0);
    });
  });
});

describe("command lines that are not for the front", () => {
  const noSuch = (id: string): Outcome => said(`box: id: the container ${id} does not exist\n`);
  const wrongStart = (id: string): Outcome =>
    said(`box: container id "${id}" starts with ".": the first character must be a letter, a digit or "_"\n`);
  const slash = (id: string): Outcome => said(`box: container id "${id}" has a slash: an id is a plain name, not a path\n`);
  const cases: [words: string, outcome: Outcome][] = [
    ["start nope", noSuch("nope")],
    ["kill nope", noSuch("nope")],
    ["kill nope KILL", noSuch("nope")],
    ["delete nope", noSuch("nope")],
    ["delete --force nope", quiet],
    ["start no.pe-1", noSuch("no.pe-1")],
    ["start a/b", slash("a/b")],
    ["kill a/b 9", slash("a/b")],
    ["delete a/", slash("a/")],
    ["start .kept", wrongStart(".kept")],
    ["kill . 9", wrongStart(".")],
    ["delete -f ..", wrongStart("..")],
    ["delete ../x", wrongStart("../x")],
    ["start -x", said("box: unknown flag -x\nhint: box start --help lists the flags\n")],
    ["kill -- -x 9", said('box: container id "-x" starts with "-": the first character must be a letter, a digit or "_"\n')],
    ["start", said("box: a container id is missing\nhint: box start ID\n")],
    ["start a b", said("box: one container id is enough, and b is another\nhint: box start ID\n")],
    ["kill", said("box: a container id is missing\nhint: box kill [--all] ID… [SIGNAL]\n")],
    ["kill nope SIGNOPE", said('box: unknown signal "SIGNOPE", and no container is called that\nhint: box kill [--all] ID… [SIGNAL]\n')],
    ["delete", said("box: a container id is missing\nhint: box delete [--force] ID…\n")],
    ["--log-format xml start nope", said('box: --log-format: expected text, json, got "xml"\n')],
  ];
  for (const [words, outcome] of cases)
    test(`box ${words}`, async () => {
      using bundle = new Bundle();
      mkdirSync(bundle.states, { mode: 0o700 });
      expect(await theLongWay(bundle, ...words.split(" "))).toEqual(outcome);
      expect(await bundle.box(words.split(" "), { before: pastTheFront })).toEqual(outcome);
    });

  test("what is wrong is in the log", async () => {
    using bundle = new Bundle();
    const log = `${bundle.folder}/log`;
    expect((await theLongWay(bundle, "--log", log, "--log-format", "json", "start", "nope")).exitCode).toBe(1);
    expect(JSON.parse(readFileSync(log, "utf8"))).toMatchObject({ level: "error", msg: "id: the container nope does not exist" });
  });
});

describe("start goes the long way", () => {
  test("of a container that runs, is paused, or has stopped", async () => {
    using bundle = new Bundle(script("echo ready; exec sleep 1000"));
    const start = (): Promise<Outcome> => theLongWay(bundle, "start", bundle.id);
    using _creating = await started(bundle);
    expect(await start()).toEqual(said(`box: id: cannot start an already running container: ${bundle.id}\n`));
    expect(await bundle.box(["pause", bundle.id])).toEqual(quiet);
    expect(await start()).toEqual(said(`box: id: cannot start a paused container: ${bundle.id}\n`));
    expect(await bundle.box(["resume", bundle.id])).toEqual(quiet);
    await stop(bundle);
    expect(await start()).toEqual(said(`box: id: cannot start a container that has stopped: ${bundle.id}\n`));
  });

  test("of a created one that is paused, and takes the short one after that", async () => {
    using bundle = new Bundle(endless);
    using _creating = await create(bundle);
    expect(await bundle.box(["pause", bundle.id])).toEqual(quiet);
    expect(await theLongWay(bundle, "start", bundle.id)).toEqual(said(`box: id: cannot start a paused container: ${bundle.id}\n`));
    expect(await bundle.box(["resume", bundle.id])).toEqual(quiet);
    await byFront(bundle, "start", bundle.id);
  });

  test("of two starts at once, one of them past the front: one wins", async () => {
    using bundle = new Bundle(script("echo ready; exec sleep 1000"));
    for (let round = 0; round < 5; round++) {
      using creating = await create(bundle);
      const start = (options = {}): Promise<Outcome> => bundle.box(["start", bundle.id], options);
      const outcomes = await Promise.all([start(), start({ before: pastTheFront }), start(), start({ before: pastTheFront })]);
      const lost = said(`box: id: cannot start an already running container: ${bundle.id}\n`);
      expect(outcomes.toSorted((one, other) => one.exitCode - other.exitCode)).toEqual([quiet, lost, lost, lost]);
      await until(() => creating.stdout === "ready\n", "the program's output");
      expect(await bundle.box(["delete", "--force", bundle.id])).toEqual(quiet);
    }
  });
});

/** In a /run of its own: with a start that the second of two runs has kept there, whatever becomes of those; or without. */
const inRun = (kept: boolean): string[] => {
  const keep = `for time in 1 2; do "$0" run --bundle /nowhere none 2>/dev/null; done
    [ "$(ls /run/box/.kept | grep -c start-)" = 2 ] || echo "no start was kept" >&2`;
  return ["unshare", "--mount", "sh", "-c", `mount -t tmpfs run /run; ${kept ? keep : ""}\nexec "$0" "$@"`];
};

for (const kept of [false, true])
  describe(`what init answers to a start that the front has begun, ${kept ? "with" : "without"} a kept start`, () => {
    const start = (bundle: Bundle, ...flags: string[]): Promise<Outcome> =>
      bundle.box([...flags, "start", bundle.id], { before: inRun(kept) });
    const plant = (bundle: Bundle, text: string): void => {
      writeFileSync(`${bundle.rootfs}/bin/odd`, text);
      chmodSync(`${bundle.rootfs}/bin/odd`, 0o755);
    };

    test("a program that has gone since", async () => {
      using bundle = new Bundle(running("odd"));
      plant(bundle, "#!/bin/sh\n");
      await leavesNothing(bundle, async () => {
        using _creating = await create(bundle);
        rmSync(`${bundle.rootfs}/bin/odd`);
        const { exitCode, stderr } = await start(bundle);
        expect(exitCode).toBe(127);
        expect(stderr).toStartWith("box: process.args[0]: cannot execute odd: ENOENT (no such file or directory)\n");
        expect(await statusOf(bundle)).toBe("stopped");
        expect(await bundle.box(["delete", bundle.id])).toEqual(quiet);
      });
    });

    test("one without its interpreter, in the log too", async () => {
      using bundle = new Bundle(running("odd"));
      plant(bundle, "#!/bin/nothing\n");
      using _creating = await create(bundle);
      const log = `${bundle.folder}/log`;
      const words = "process.args[0]: cannot execute odd: ENOENT (no such file or directory)";
      expect((await start(bundle, "--log", log, "--log-format", "json")).exitCode).toBe(127);
      expect(JSON.parse(readFileSync(log, "utf8")).msg).toStartWith(words);
      expect(await statusOf(bundle)).toBe("stopped");
    });

    test("one that is no program", async () => {
      using bundle = new Bundle(running("odd"));
      plant(bundle, "echo hello\n");
      using _creating = await create(bundle);
      const { exitCode, stderr } = await start(bundle);
      expect([exitCode, stderr]).toEqual([
        126,
        expect.stringMatching(/^box: process\.args\[0\]: cannot execute odd: ENOEXEC \(exec format error\)\nhint: /),
      ]);
    });

    test("a hook startContainer that fails", async () => {
      using bundle = new Bundle(endless);
      const args = ["sh", "-c", "echo no luck; exit 3"];
      bundle.change((spec) => (spec.hooks = { startContainer: [{ path: "/bin/sh", args }] }));
      using _creating = await create(bundle);
      expect(await start(bundle)).toEqual(
        said("box: hooks.startContainer[0]: cannot run the hook /bin/sh: exit 3\nhint: it printed: no luck\n"),
      );
      expect(await statusOf(bundle)).toBe("stopped");
    });

    test("a hook startContainer that works", async () => {
      using bundle = new Bundle(script("echo ready; exec sleep 1000"));
      bundle.change((spec) => {
        spec.root.readonly = false;
        spec.hooks = { startContainer: [{ path: "/bin/sh", args: ["sh", "-c", "echo ran > /tmp/hook"] }] };
      });
      using creating = await create(bundle);
      expect(await start(bundle)).toEqual(quiet);
      expect(readFileSync(`${bundle.rootfs}/tmp/hook`, "utf8")).toBe("ran\n");
      await until(() => creating.stdout === "ready\n", "the program's output");
    });
  });

describe("kill goes the long way", () => {
  test("of a container that has stopped", async () => {
    using bundle = new Bundle(endless);
    using _creating = await create(bundle);
    await stop(bundle);
    for (const signal of ["KILL", "TERM"])
      expect(await theLongWay(bundle, "kill", bundle.id, signal)).toEqual(said(`box: ${bundle.id}: container not running\n`));
  });

  test("of one that waits for its start: what asks it to end, ends it", async () => {
    using bundle = new Bundle(endless);
    await leavesNothing(bundle, async () => {
      using _creating = await create(bundle);
      const { initPid } = bundle;
      expect(await theLongWay(bundle, "kill", bundle.id, "USR1")).toEqual(quiet);
      expect(await statusOf(bundle)).toBe("created");
      expect(await theLongWay(bundle, "kill", bundle.id)).toEqual(quiet);
      await ended(initPid);
      expect(await bundle.box(["delete", bundle.id])).toEqual(quiet);
    });
  });

  test("with a signal by another name", async () => {
    using bundle = new Bundle(trapping("USR1", "CONT"));
    using creating = await started(bundle);
    expect(await theLongWay(bundle, "kill", bundle.id, "usr1")).toEqual(quiet);
    expect(await theLongWay(bundle, "kill", bundle.id, "CONT")).toEqual(quiet);
    await until(() => linesOf(creating.stdout).length === 3, "both signals");
  });

  testWith("strace", "cgroup v1")("but not to end a container that is paused on v1", async () => {
    using bundle = new Bundle(script("echo ready; exec sleep 1000"));
    using _creating = await started(bundle);
    const { initPid } = bundle;
    expect(await bundle.box(["pause", bundle.id])).toEqual(quiet);
    await byFront(bundle, "kill", bundle.id, "9");
    await ended(initPid);
  });
});

describe("start beside an end", () => {
  /** Runs start, held up before or after its calls of that name, and `meanwhile` once it is there. */
  async function heldUp(bundle: Bundle, call: string, where: string, meanwhile: () => Promise<void>): Promise<Outcome> {
    const file = `${bundle.folder}/calls`;
    const before = ["strace", "-qq", "-o", file, "-e", `trace=${call}`, "-e", `inject=${call}:${where}=1000000:when=1`];
    using starting = bundle.start(["start", bundle.id], { before });
    await until(() => existsSync(file) && readFileSync(file, "utf8").includes(`${call}(`), "start to be there", 20_000);
    await meanwhile();
    return await starting.outcome();
  }

  test("of init, just before it is told: the rest of box says so, and no signal ends box", async () => {
    using bundle = new Bundle(endless);
    using _creating = await create(bundle);
    const outcome = await heldUp(bundle, "write", "delay_enter", () => stop(bundle));
    expect(outcome).toEqual(said(`box: id: cannot start a container that has stopped: ${bundle.id}\n`));
  });

  test("of the container, once it has failed: what init has said is told all the same", async () => {
    using bundle = new Bundle(running("odd"));
    writeFileSync(`${bundle.rootfs}/bin/odd`, "#!/bin/nothing\n", { mode: 0o755 });
    using _creating = await create(bundle);
    const outcome = await heldUp(bundle, "ppoll", "delay_exit", async () => {
      await ended(bundle.initPid);
      expect(await bundle.box(["delete", "--force", bundle.id])).toEqual(quiet);
    });
    expect(outcome.exitCode).toBe(127);
    expect(outcome.stderr).toStartWith("box: process.args[0]: cannot execute odd: ENOENT (no such file or directory)\n");
  });

  test("of the program: what init says is read by a box that begins by itself, since one that fails to go on from a kept start forgets", async () => {
    using bundle = new Bundle(running("odd"));
    writeFileSync(`${bundle.rootfs}/bin/odd`, "#!/bin/nothing\n", { mode: 0o755 });
    using _creating = await create(bundle);
    const { exitCode, calls } = await traced(bundle, ["start", bundle.id]);
    expect(exitCode).toBe(127);
    expect(calls.filter((call) => call.includes("ld-linux")).length).toBeGreaterThan(0);
    expect(calls.filter((call) => call.includes("/.kept") && call.startsWith("openat("))).toEqual([]);
  });

  test("of all who could answer: start does not wait for an answer", async () => {
    using bundle = new Bundle(endless);
    using _creating = await create(bundle);
    // Init closes both ends when it becomes the program; here somebody else has opened one again.
    const { exitCode } = await execute([
      "sh",
      "-c",
      'exec 9<>"$0"/wait; "$@" && "$@"',
      folderOf(bundle),
      binary,
      "--root",
      bundle.states,
      "start",
      bundle.id,
    ]);
    expect(exitCode).toBe(0);
  });
});

test("a pid means nothing in another pid namespace, where the rest of box still finds it in /proc", async () => {
  using bundle = new Bundle(script("echo ready; exec sleep 1000"));
  using creating = bundle.start(["--cgroup-manager", "disabled", "create", bundle.id]);
  expect(await creating.outcome()).toEqual(quiet);
  expect(await bundle.box(["start", bundle.id])).toEqual(quiet);
  const words = `box: id: cannot delete container ${bundle.id} that is not stopped: running\nhint: box delete --force ends it first\n`;
  expect(await bundle.box(["delete", bundle.id], { before: ["unshare", "--pid", "--fork"] })).toEqual(said(words));
  expect(await statusOf(bundle)).toBe("running");
});

describe("delete goes the long way", () => {
  test("of a container that runs, or waits: refused without --force, or ended first", async () => {
    using bundle = new Bundle(script("echo ready; exec sleep 1000"));
    await leavesNothing(bundle, async () => {
      using _creating = await started(bundle);
      expect(await theLongWay(bundle, "delete", bundle.id)).toEqual(
        said(`box: id: cannot delete container ${bundle.id} that is not stopped: running\nhint: box delete --force ends it first\n`),
      );
      expect(await statusOf(bundle)).toBe("running");
      expect(await theLongWay(bundle, "delete", "--force", bundle.id)).toEqual(quiet);
      using _again = await create(bundle);
      expect(await theLongWay(bundle, "delete", bundle.id)).toEqual(quiet);
    });
  });

  testWith("strace", "cgroup v1")("where there are cgroups below the container's own", async () => {
    using bundle = new Bundle(endless);
    await leavesNothing(bundle, async () => {
      using _creating = await create(bundle);
      mkdirSync(`${cgroupOf(bundle, "pids")}/one/two`, { recursive: true });
      await stop(bundle);
      // Those that come before it are gone by then.
      const { alone, exitCode, stderr } = await traced(bundle, ["delete", bundle.id]);
      expect({ alone, exitCode, stderr }).toEqual({ alone: false, exitCode: 0, stderr: "" });
    });
  });

  testWith("strace", "cgroup v1")("where another process is in them, which stays, as they do", async () => {
    using bundle = new Bundle(endless);
    using other = new Running(["sleep", "1000"], {});
    using _creating = await create(bundle);
    const pids = cgroupOf(bundle, "pids");
    writeFileSync(`${pids}/cgroup.procs`, String(other.pid));
    await stop(bundle);
    const { alone, exitCode, stderr } = await traced(bundle, ["delete", bundle.id]);
    expect({ alone, exitCode, stderr }).toEqual({ alone: false, exitCode: 0, stderr: "" });
    expect([other.child.exitCode, readFileSync(`${pids}/cgroup.procs`, "utf8")]).toEqual([null, `${other.pid}\n`]);
    expect(existsSync(folderOf(bundle))).toBe(false);
    other.child.kill("SIGKILL");
    await other.child.exited;
    rmdirSync(pids);
  });

  for (const force of [[], ["--force"], ["-f"]])
    test(`of several${force.map((flag) => `, with ${flag}`).join("")}: all are removed`, async () => {
      using bundle = new Bundle(endless);
      await leavesNothing(bundle, async () => {
        const ids = [`${bundle.id}-1`, `${bundle.id}-2`];
        for (const id of ids) {
          using creating = bundle.start(["create", id]);
          expect(await creating.outcome()).toEqual(quiet);
          const { pid } = JSON.parse(readFileSync(`${bundle.states}/${id}/state.json`, "utf8")) as State;
          process.kill(pid, "SIGKILL");
          await ended(pid);
        }
        expect(await theLongWay(bundle, "delete", ...force, ...ids)).toEqual(quiet);
        expect(ids.filter((id) => existsSync(`${bundle.states}/${id}`))).toEqual([]);
      });
    });

  test("where something is in the state folder that box did not put there", async () => {
    using bundle = new Bundle(endless);
    using _creating = await create(bundle);
    await stop(bundle);
    const folder = folderOf(bundle);
    writeFileSync(`${folder}/stranger`, "");
    const { exitCode, stderr } = await traced(bundle, ["delete", bundle.id]);
    const hint = "hint: there is something in it that box did not put there\n";
    expect([exitCode, stderr]).toEqual([1, `box: id: cannot remove ${folder}: ENOTEMPTY (directory not empty)\n${hint}`]);
    rmSync(`${folder}/stranger`);
    expect(await bundle.box(["delete", bundle.id])).toEqual(quiet);
  });

  test("where another box is at work on it", async () => {
    using bundle = new Bundle(endless);
    using _creating = await create(bundle);
    await stop(bundle);
    using locking = new Running(["flock", "--no-fork", folderOf(bundle), "sh", "-c", "echo locked; exec sleep 1000"], {});
    await locking.says("locked");
    const { exitCode, stderr } = await theLongWay(bundle, "delete", bundle.id);
    expect([exitCode, stderr]).toEqual([1, `box: id: another box is at work on the container ${bundle.id}\n`]);
    expect(existsSync(`${folderOf(bundle)}/state.json`)).toBe(true);
  });
});

describe("a container with more to do has no file for the front", () => {
  const hooked = (bundle: Bundle, name: "poststart" | "poststop"): void => {
    const args = ["sh", "-c", `cat > ${bundle.folder}/${name}`];
    bundle.change((spec) => (spec.hooks = { [name]: [{ path: "/bin/sh", args }] }));
  };
  const toldOf = (bundle: Bundle, name: string): string =>
    (JSON.parse(readFileSync(`${bundle.folder}/${name}`, "utf8")) as { status: string }).status;

  test("a hook poststart runs", async () => {
    using bundle = new Bundle(endless);
    hooked(bundle, "poststart");
    using _creating = await create(bundle);
    expect(existsSync(`${folderOf(bundle)}/front`)).toBe(false);
    expect(await theLongWay(bundle, "start", bundle.id)).toEqual(quiet);
    expect(toldOf(bundle, "poststart")).toBe("running");
  });

  test("a hook poststop runs", async () => {
    using bundle = new Bundle(endless);
    hooked(bundle, "poststop");
    using _creating = await create(bundle);
    await stop(bundle);
    expect(await theLongWay(bundle, "delete", bundle.id)).toEqual(quiet);
    expect(toldOf(bundle, "poststop")).toBe("stopped");
  });

  test("one without a pid namespace, of which more than init is to be ended", async () => {
    using bundle = new Bundle(script("sleep 1000 & echo ready; wait"));
    bundle.change((spec) => {
      spec.linux.namespaces = spec.linux.namespaces.filter(({ type }) => type !== "pid");
      spec.mounts = spec.mounts.filter(({ type }) => type !== "proc");
    });
    await leavesNothing(bundle, async () => {
      using _creating = await started(bundle);
      expect(await theLongWay(bundle, "kill", bundle.id, "KILL")).toEqual(quiet);
      await ended(bundle.initPid);
      expect(await theLongWay(bundle, "delete", bundle.id)).toEqual(quiet);
    });
  });

  test("where /proc shows processes alone, a container is made all the same", async () => {
    using bundle = new Bundle(endless);
    const hidden = {
      before: ["unshare", "--mount", "sh", "-c", 'umount -l /proc; mount -t proc -o subset=pid proc /proc; exec "$0" "$@"'],
    };
    await leavesNothing(bundle, async () => {
      using creating = bundle.start(["create", bundle.id], hidden);
      expect(await creating.outcome()).toEqual(quiet);
      expect(readFileSync(`${folderOf(bundle)}/front`, "utf8")).toBe("");
      expect(await theLongWay(bundle, "start", bundle.id)).toEqual(quiet);
      expect(await bundle.box(["delete", "--force", bundle.id])).toEqual(quiet);
    });
  });
});

/** Changes some bytes of the file. */
const poke = (file: string, at: number, ...bytes: readonly number[]): void => {
  const all = readFileSync(file);
  all.set(bytes, at);
  writeFileSync(file, all);
};
const flip = (file: string, at: number): void => poke(file, at, (readFileSync(file)[at] as number) ^ 1);
const fifoFor = (file: string): void => {
  rmSync(file);
  expect(Bun.spawnSync(["mkfifo", "-m", "600", file]).exitCode).toBe(0);
};

describe("nothing is started, signalled or removed by a file for the front", () => {
  const spoilt: [what: string, spoil: (file: string) => void][] = [
    ["that is empty", (file) => truncateSync(file)],
    ["that is torn", (file) => truncateSync(file, frontFile.bytes - 1)],
    ["that is too long", (file) => appendFileSync(file, "\0")],
    ["of another user", (file) => chownSync(file, userId, 0)],
    ["that a group may write", (file) => chmodSync(file, 0o620)],
    ["that others may write", (file) => chmodSync(file, 0o602)],
    [
      "that is a link to one",
      (file) => {
        renameSync(file, `${file}-there`);
        symlinkSync("front-there", file);
      },
    ],
    ["that is a FIFO", fifoFor],
    [
      "that is a folder",
      (file) => {
        rmSync(file);
        mkdirSync(file, 0o600);
      },
    ],
    ["that is none", (file) => flip(file, frontFile.magic)],
    ["of another boot", (file) => flip(file, frontFile.bootId)],
    ["of another boot, by its last letter", (file) => flip(file, frontFile.bootId + 35)],
    ["of another process with that pid", (file) => flip(file, frontFile.inode)],
    ["of another process with that pid, by its last byte", (file) => flip(file, frontFile.inode + 7)],
    ["that is not there", (file) => rmSync(file)],
  ];
  for (const [what, spoil] of spoilt)
    test(what, async () => {
      using bundle = new Bundle(trapping("USR1"));
      await leavesNothing(bundle, async () => {
        using creating = await create(bundle);
        const file = `${folderOf(bundle)}/front`;
        spoil(file);
        expect(await theLongWay(bundle, "start", bundle.id)).toEqual(quiet);
        await until(() => creating.stdout === "ready\n", "the program's output");
        expect(await theLongWay(bundle, "kill", bundle.id, "USR1")).toEqual(quiet);
        await until(() => creating.stdout === "ready\ngot USR1\n", "the signal");
        const { exitCode } = await theLongWay(bundle, "delete", bundle.id);
        expect([exitCode, await statusOf(bundle)]).toEqual([1, "running"]);
        await stop(bundle);
        rmSync(`${file}-there`, { force: true });
        if (what === "that is a folder") rmdirSync(file);
        // Where nobody has the pid any more it is nobody else's, and the front may remove what is left.
        const remove = what.startsWith("of another process") ? (...words: string[]) => bundle.box(words) : theLongWay.bind(null, bundle);
        expect(await remove("delete", bundle.id)).toEqual(quiet);
      });
    });

  test("whose pid is another process's by now", async () => {
    using bundle = new Bundle(trapping("USR1"));
    using other = new Running(["sleep", "1000"], {});
    await leavesNothing(bundle, async () => {
      using creating = await started(bundle);
      const pid = new Uint8Array(Uint32Array.of(other.pid).buffer);
      poke(`${folderOf(bundle)}/front`, frontFile.pid, ...pid);
      for (const [words, message] of [
        [["kill", bundle.id, "USR1"], quiet],
        [["start", bundle.id], said(`box: id: cannot start an already running container: ${bundle.id}\n`)],
      ] as const)
        expect(await theLongWay(bundle, ...words)).toEqual(message);
      await until(() => creating.stdout === "ready\ngot USR1\n", "the signal");
      expect((await theLongWay(bundle, "delete", bundle.id)).exitCode).toBe(1);
      const { initPid } = bundle;
      expect(await theLongWay(bundle, "kill", bundle.id, "KILL")).toEqual(quiet);
      await ended(initPid);
      expect(await theLongWay(bundle, "delete", bundle.id)).toEqual(quiet);
      expect(other.child.exitCode).toBe(null);
    });
  });

  for (const [what, spoil, problem] of [
    ["others may write in", (states: string) => chmodSync(states, 0o777), "other users may write in it"],
    ["a group may write in", (states: string) => chmodSync(states, 0o770), "other users may write in it"],
    ["another user has", (states: string) => chownSync(states, userId, userId), "it belongs to another user"],
  ] as const)
    test(`in a folder of all states that ${what}`, async () => {
      using bundle = new Bundle(script("echo ready; exec sleep 1000"));
      using _creating = await create(bundle);
      spoil(bundle.states);
      for (const words of [["start"], ["kill", "KILL"], ["delete"]]) {
        const [command = "", ...more] = words;
        const { exitCode, stderr } = await theLongWay(bundle, command, bundle.id, ...more);
        expect(exitCode).toBe(1);
        expect(stderr).toStartWith(`box: --root: cannot use the folder ${bundle.states}: ${problem}`);
      }
      chmodSync(bundle.states, 0o711);
      chownSync(bundle.states, 0, 0);
      expect(await statusOf(bundle)).toBe("created");
    });

  test("in a user namespace, where root is not the host's", async () => {
    using bundle = new Bundle(trapping("USR1"));
    using creating = await started(bundle);
    const { exitCode, alone, byFront: first } = await traced(bundle, ["kill", bundle.id, "USR1"], ["unshare", "--user", "--map-root-user"]);
    expect([exitCode, alone, first.filter((call) => changing.test(call))]).toEqual([0, false, []]);
    await until(() => creating.stdout === "ready\ngot USR1\n", "the signal");
  });
});

describe("what is left open", () => {
  /** The descriptors that a process has when it is about to map memory, beyond the three of stdio: front's leftovers. */
  const leftBy = ({ byFront: calls }: Traced): number[] => {
    const open = new Set<number>();
    for (const call of calls) {
      const [, name, first, result] = /^(\w+)\((-?\d+)?.*= (-?\d+)/.exec(call) ?? [];
      if (name === "openat" || name === "pidfd_open") open.add(Number(result));
      if (name === "close" && result === "0") open.delete(Number(first));
    }
    // What is mapped is open: the dynamic linker, or the kept start.
    return [...open].filter((fd) => fd >= 0);
  };

  test("is nothing of a command that the front refuses", async () => {
    using bundle = new Bundle(endless);
    using _creating = await create(bundle);
    const usual = leftBy(await traced(bundle, ["start", "nope"]));
    expect(usual.length).toBeLessThan(3);
    expect(await bundle.box(["pause", bundle.id])).toEqual(quiet);
    expect(leftBy(await traced(bundle, ["start", bundle.id]))).toEqual(usual);
    expect(await bundle.box(["resume", bundle.id])).toEqual(quiet);
    expect(leftBy(await traced(bundle, ["kill", bundle.id, "USR1"]))).toEqual(usual);
    truncateSync(`${folderOf(bundle)}/front`);
    expect(leftBy(await traced(bundle, ["kill", bundle.id, "USR1"]))).toEqual(usual);
    chmodSync(`${folderOf(bundle)}/front`, 0o644);
    expect(leftBy(await traced(bundle, ["start", bundle.id]))).toEqual(usual);
  });
});

test("box delete killed at any system call leaves what another can finish", async () => {
  using bundle = new Bundle(endless);
  await leavesNothing(bundle, async () => {
    const stopped = async (): Promise<void> => {
      using _creating = await create(bundle);
      await stop(bundle);
    };
    await stopped();
    const { calls, alone } = await traced(bundle, ["delete", bundle.id]);
    expect(alone).toBe(true);
    const names = calls.flatMap((call) => /^(\w+)\(/.exec(call)?.[1] ?? []).slice(1);
    expect(names.filter((name) => name === "unlinkat").length).toBeGreaterThan(8);
    for (const [index, name] of names.entries()) {
      const time = names.slice(0, index + 1).filter((one) => one === name).length;
      await stopped();
      const killing = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", `inject=${name}:signal=KILL:when=${time}`];
      expect([name, time, (await bundle.box(["delete", bundle.id], { before: killing })).exitCode]).toEqual([name, time, 137]);
      const isLeft = existsSync(folderOf(bundle));
      expect([name, time, isLeft]).toEqual([name, time, name !== "exit_group"]);
      const outcome = isLeft ? quiet : said(`box: id: the container ${bundle.id} does not exist\n`);
      expect([name, time, await bundle.box(["delete", bundle.id])]).toEqual([name, time, outcome]);
    }
  });
}, 120_000);
