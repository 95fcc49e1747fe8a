// run --detach and --keep: containers that outlive the box that made them, and what tells others of them.

import { describe, expect } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { Bundle, ended, machine, type Outcome, type RichSpec, type Running, testWith, until } from "./harness.ts";

const test = testWith();
const quiet: Outcome = { exitCode: 0, stdout: "", stderr: "" };

const script =
  (text: string) =>
  (spec: RichSpec): void => {
    spec.process.args = ["sh", "-c", text];
  };

async function statusOf(bundle: Bundle): Promise<string> {
  return (JSON.parse((await bundle.box(["state", bundle.id])).stdout) as { status: string }).status;
}

async function leavesNothing(bundle: Bundle, work: () => Promise<void>): Promise<void> {
  const before = machine(bundle);
  await work();
  await until(() => machine(bundle).processes.length === before.processes.length, "the end of all processes");
  expect(machine(bundle)).toEqual(before);
}

/** Runs the container by itself; what it writes later is in the result's output. */
async function detach(bundle: Bundle, ...flags: string[]): Promise<Running> {
  const running = bundle.start(["run", "--detach", ...flags, bundle.id]);
  expect((await running.outcome()).exitCode).toBe(0);
  return running;
}

describe("run --detach", () => {
  test("ends once the program runs, which goes on without a box", async () => {
    using bundle = new Bundle(script("echo ready; until test -e /end; do sleep 0.01; done; echo done; exit 3"));
    bundle.change((spec) => (spec.root.readonly = false));
    await leavesNothing(bundle, async () => {
      using running = await detach(bundle);
      const { initPid } = bundle;
      expect(await statusOf(bundle)).toBe("running");
      expect(machine(bundle).processes.filter((one) => one.endsWith(" box"))).toEqual([]);
      expect(readlinkSync(`/proc/${initPid}/exe`)).toBe("/bin/busybox");
      await until(() => running.stdout === "ready\n", "the program's output");
      writeFileSync(`${bundle.rootfs}/end`, "");
      await ended(initPid);
      expect([running.stdout, await statusOf(bundle)]).toEqual(["ready\ndone\n", "stopped"]);
      expect(await bundle.box(["delete", bundle.id])).toEqual(quiet);
    });
  });

  test("-d, whose container stays in the list until it is deleted", async () => {
    using bundle = new Bundle(script("true"));
    const running = bundle.start(["run", "-d", bundle.id]);
    expect(await running.outcome()).toEqual(quiet);
    running[Symbol.dispose]();
    await ended(bundle.initPid);
    expect((await bundle.box(["list", "--quiet"])).stdout).toBe(`${bundle.id}\n`);
    expect(await bundle.box(["delete", bundle.id])).toEqual(quiet);
    expect((await bundle.box(["list", "--quiet"])).stdout).toBe("");
  });

  test("has no descriptor but stdio", async () => {
    using bundle = new Bundle(script("exec sleep 1000"));
    using _running = await detach(bundle);
    await until(() => readlinkSync(`/proc/${bundle.initPid}/exe`) === "/bin/busybox", "the program");
    expect(readdirSync(`/proc/${bundle.initPid}/fd`).toSorted()).toEqual(["0", "1", "2"]);
  });

  test("a signal to box's parent's group does not end it: it has a session of its own", async () => {
    using bundle = new Bundle(script("exec sleep 1000"));
    using _running = await detach(bundle);
    const { initPid } = bundle;
    const stat = readFileSync(`/proc/${initPid}/stat`, "utf8");
    const [, , group, session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    expect([group, session]).toEqual([String(initPid), String(initPid)]);
  });

  test("with a program that is missing: says so, and leaves nothing", async () => {
    using bundle = new Bundle((spec) => (spec.process.args = ["nothing"]));
    await leavesNothing(bundle, async () =>
      expect(await bundle.box(["run", "--detach", "--pid-file", `${bundle.folder}/pid`, bundle.id])).toEqual({
        exitCode: 127,
        stdout: "",
        stderr: "box: process.args[0]: cannot execute nothing: executable file not found in $PATH\n",
      }),
    );
    expect(existsSync(`${bundle.folder}/pid`)).toBe(false);
  });

  test("with a program that needs a missing interpreter: says so too, since it waits for execve", async () => {
    using bundle = new Bundle((spec) => (spec.process.args = ["/bin/odd"]));
    writeFileSync(`${bundle.rootfs}/bin/odd`, "#!/bin/nothing\n", { mode: 0o755 });
    await leavesNothing(bundle, async () =>
      expect(await bundle.box(["run", "--detach", bundle.id])).toEqual({
        exitCode: 127,
        stdout: "",
        stderr: `box: process.args[0]: cannot execute /bin/odd: execve("/bin/odd", ["/bin/odd"], 3 variables): ENOENT (no such file or directory)\nhint: the script names the interpreter "/bin/nothing", which does not exist in the container's root\n`,
      }),
    );
  });

  test("with a terminal takes a socket for it", async () => {
    using bundle = new Bundle((spec) => (spec.process.terminal = true));
    await leavesNothing(bundle, async () =>
      expect(await bundle.box(["run", "--detach", bundle.id])).toEqual({
        exitCode: 125,
        stdout: "",
        stderr:
          "box: process.terminal: cannot allocate tty if box will detach without setting console socket\nhint: give one with --console-socket\n",
      }),
    );
  });

  test("an id that is taken by one that has stopped is refused", async () => {
    using bundle = new Bundle(script("true"));
    using _running = await detach(bundle);
    await ended(bundle.initPid);
    expect(await bundle.box(["run", "--detach", bundle.id])).toEqual({
      exitCode: 125,
      stdout: "",
      stderr: `box: id: the container ${bundle.id} already exists\nhint: box delete --force ${bundle.id} ends and removes it\n`,
    });
  });
});

describe("--pid-file", () => {
  for (const command of [["run", "--detach"], ["create"]])
    test(`of ${command.join(" ")}: init's pid, and nothing else`, async () => {
      using bundle = new Bundle(script("exec sleep 1000"));
      const file = `${bundle.folder}/pid`;
      const running = bundle.start([...command, "--pid-file", file, bundle.id]);
      expect(await running.outcome()).toEqual(quiet);
      expect(readFileSync(file, "utf8")).toBe(String(bundle.initPid));
      expect(statSync(file).mode & 0o777).toBe(0o644);
      running[Symbol.dispose]();
    });

  test("is there as a whole or not at all", async () => {
    using bundle = new Bundle(script("exec sleep 1000"));
    const file = `${bundle.folder}/pid`;
    for (let round = 0; round < 10; round++) {
      using running = bundle.start(["run", "--detach", "--pid-file", file, bundle.id]);
      // Busy: what is to be seen lasts for less than a timer's millisecond.
      const patience = performance.now() + 5000;
      while (!existsSync(file) && performance.now() < patience);
      const first = readFileSync(file, "utf8");
      await running.outcome();
      expect([round, first]).toEqual([round, String(bundle.initPid)]);
      await bundle.box(["delete", "--force", bundle.id]);
      Bun.spawnSync(["rm", file]);
    }
  });

  test("of a run in the foreground; a name relative to the working folder; in the place of an older one", async () => {
    using bundle = new Bundle();
    mkdirSync(`${bundle.folder}/sub`);
    writeFileSync(`${bundle.folder}/sub/pid`, "an older and longer text");
    bundle.change(script("echo ready; exec sleep 1000"));
    using running = bundle.start(["run", "--bundle", bundle.folder, "--pid-file", "pid", bundle.id], { cwd: `${bundle.folder}/sub` });
    await running.says("ready");
    await until(() => !readFileSync(`${bundle.folder}/sub/pid`, "utf8").includes("older"), "the pid file");
    expect(readFileSync(`${bundle.folder}/sub/pid`, "utf8")).toBe(String(bundle.initPid));
    expect(readdirSync(`${bundle.folder}/sub`)).toEqual(["pid"]);
  });

  test("in a folder that is not there: nothing is left running", async () => {
    using bundle = new Bundle(script("exec sleep 1000"));
    const file = `${bundle.folder}/nowhere/pid`;
    await leavesNothing(bundle, async () =>
      expect(await bundle.box(["run", "--detach", "--pid-file", file, bundle.id])).toEqual({
        exitCode: 125,
        stdout: "",
        stderr: `box: --pid-file: cannot write the file ${file}: openat(AT_FDCWD, "${bundle.folder}/nowhere/.pid", O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0644): ENOENT (no such file or directory)\n`,
      }),
    );
  });
});

describe("run --keep", () => {
  test("ends as the program does, and leaves the container stopped", async () => {
    using bundle = new Bundle(script("echo said; exit 7"));
    await leavesNothing(bundle, async () => {
      expect(await bundle.box(["run", "--keep", bundle.id])).toEqual({ exitCode: 7, stdout: "said\n", stderr: "" });
      expect(await statusOf(bundle)).toBe("stopped");
      expect(machine(bundle).cgroups.length).toBeGreaterThan(0);
      expect(await bundle.box(["delete", bundle.id])).toEqual(quiet);
    });
  });

  test("passes signals on meanwhile", async () => {
    using bundle = new Bundle(script("trap 'exit 9' TERM; echo ready; while :; do sleep 0.01; done"));
    using running = bundle.start(["run", "--keep", bundle.id]);
    await running.says("ready");
    await running.supervises();
    process.kill(running.pid, "SIGTERM");
    expect((await running.outcome()).exitCode).toBe(9);
    expect(await statusOf(bundle)).toBe("stopped");
  });

  test("without it everything is gone", async () => {
    using bundle = new Bundle(script("exit 7"));
    await leavesNothing(bundle, async () => expect((await bundle.box(["run", bundle.id])).exitCode).toBe(7));
  });
});
