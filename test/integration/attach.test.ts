// box attach: at the stdin, stdout and stderr, or the terminal, of a container that runs in the background.

import { describe, expect } from "bun:test";
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { addressOf, systemCall } from "../../src/execute/libc.ts";
import { Bundle, ended, machine, type Outcome, type Running, testWith, until } from "./harness.ts";
import { Terminal } from "./terminal.ts";

const test = testWith();
const quiet: Outcome = { exitCode: 0, stdout: "", stderr: "" };

const bundleFor = (script: string, terminal = false): Bundle =>
  new Bundle((spec) => {
    spec.root.readonly = false;
    spec.process.terminal = terminal;
    spec.process.args = ["sh", "-c", script];
  });

const detach = async (bundle: Bundle, ...flags: string[]): Promise<void> =>
  expect(await bundle.box(["run", "-d", "--log-driver", "local", ...flags, bundle.id])).toEqual(quiet);

const FIONREAD = 0x541b;

const supervisorOf = ({ states, id }: Bundle): number =>
  (JSON.parse(readFileSync(`${states}/${id}/state.json`, "utf8")) as { box: { supervisor: number } }).box.supervisor;

/** It sleeps in its ppoll, for five descriptors. */
const isAttached = (pid: number): boolean => readFileSync(`/proc/${pid}/syscall`, "utf8").split(" ")[2] === "0x5";

async function attach(bundle: Bundle, flags: readonly string[] = [], stdin?: string): Promise<Running> {
  const running = bundle.start(["attach", ...flags, bundle.id], stdin === undefined ? {} : { stdin });
  await until(() => isAttached(running.pid), "box attach to wait");
  return running;
}

describe("pipes", () => {
  test("what goes in comes out at everyone who is attached, and the container's exit code is box's", async () => {
    using bundle = bundleFor('while read line; do echo "got $line"; echo error >&2; test "$line" != end || exit 4; done');
    const before = machine(bundle);
    await detach(bundle, "-i");
    using watcher = await attach(bundle, ["--no-stdin"]);
    using first = await attach(bundle, [], "one\n");
    await watcher.says("got one");
    await first.says("got one");
    using second = bundle.start(["attach", bundle.id], { stdin: "end\n" });
    expect(await second.outcome()).toEqual({ exitCode: 4, stdout: "got end\n", stderr: "error\n" });
    const all = { exitCode: 4, stdout: "got one\ngot end\n", stderr: "error\nerror\n" };
    expect([await first.outcome(), await watcher.outcome()]).toEqual([all, all]);
    expect(await bundle.box(["delete", bundle.id])).toEqual(quiet);
    expect(machine(bundle)).toEqual(before);
  });

  test("a container that is removed at its end has an exit code too", async () => {
    using bundle = bundleFor("until test -e /go; do sleep 0.01; done; exit 3");
    await detach(bundle, "--rm");
    const supervisor = supervisorOf(bundle);
    using attached = await attach(bundle, ["--no-stdin"]);
    writeFileSync(`${bundle.rootfs}/go`, "");
    await ended(supervisor);
    const { exitCode, stdout, stderr } = await attached.outcome();
    // Before Linux 6.15 nobody can tell any more.
    expect([exitCode, stdout, stderr]).toEqual(
      exitCode === 3 ? [3, "", ""] : [1, "", `box: id: cannot tell how the container ${bundle.id} ended\n`],
    );
  });

  test("a supervisor that was killed is no end of the container", async () => {
    using bundle = bundleFor("exec sleep 1000");
    await detach(bundle);
    using attached = await attach(bundle, ["--no-stdin"]);
    process.kill(supervisorOf(bundle), "SIGKILL");
    expect(await attached.outcome()).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: `box: id: the container ${bundle.id} goes on, and nobody passes on any more what it reads and writes: its supervisor was ended\nhint: box delete --force ${bundle.id}\n`,
    });
  });

  test("a container that has closed its stdin gets no signal for what comes there", async () => {
    using bundle = bundleFor(
      "trap 'echo pipe' PIPE; read line; exec 0<&-; echo closed; until test -e /go; do sleep 0.01; done; echo end; exit 6",
    );
    await detach(bundle, "-i");
    const keys = `${bundle.folder}/keys`;
    expect(Bun.spawnSync(["mkfifo", keys]).exitCode).toBe(0);
    // Both ends of it.
    const fifo = openSync(keys, "r+");
    using attached = bundle.start(["attach", bundle.id], { before: ["sh", "-c", `exec "$@" < ${keys}`, "sh"] });
    await until(() => isAttached(attached.pid), "box attach to wait");
    writeSync(fifo, "one\n");
    await attached.says("closed");
    writeSync(fifo, "two\n");
    const left = new Int32Array(1);
    await until(() => systemCall("ioctl", fifo, FIONREAD, addressOf(new Uint8Array(left.buffer))) === 0 && left[0] === 0, "box to read it");
    await until(() => isAttached(attached.pid), "box attach to wait again");
    writeFileSync(`${bundle.rootfs}/go`, "");
    expect(await attached.outcome()).toEqual({ exitCode: 6, stdout: "closed\nend\n", stderr: "" });
    closeSync(fifo);
  });

  test("more than a FIFO holds goes in", async () => {
    using bundle = bundleFor("sleep 0.2; head -c 500000 | wc -c");
    await detach(bundle, "-i");
    using attached = bundle.start(["attach", bundle.id], { stdin: "x".repeat(500_000) });
    expect(await attached.outcome()).toEqual({ exitCode: 0, stdout: "500000\n", stderr: "" });
  });

  test("without -i stdin is empty from the beginning", async () => {
    using bundle = bundleFor("cat; echo end");
    await detach(bundle);
    expect((await bundle.box(["wait", bundle.id])).stdout).toBe("0\n");
    expect((await bundle.box(["logs", bundle.id])).stdout).toBe("end\n");
  });

  test("signals pass on to the container, unless box attach is told otherwise", async () => {
    using bundle = bundleFor("trap 'echo caught; exit 9' TERM; while :; do sleep 0.02; done");
    await detach(bundle);
    using watcher = await attach(bundle, ["--sig-proxy=false"]);
    watcher.child.kill("SIGTERM");
    expect(await watcher.outcome()).toEqual(quiet);
    using attached = await attach(bundle);
    attached.child.kill("SIGTERM");
    expect(await attached.outcome()).toEqual({ exitCode: 9, stdout: "caught\n", stderr: "" });
  });
});

describe("a terminal", () => {
  test("has the size of whoever is attached, who can leave and come back", async () => {
    using bundle = bundleFor(
      'stty -echo; echo ready; while read line; do echo "$line: $(stty size)"; test "$line" != end || exit 5; done',
      true,
    );
    await detach(bundle);
    {
      using terminal = new Terminal(bundle, `$BOX attach ${bundle.id}; echo "left with $?"; stty -a`);
      await until(() => isAttached(boxBelow(terminal.child.pid)), "box attach to wait");
      terminal.type("one\r");
      await terminal.says("one: 30 100");
      terminal.resize(90, 20);
      terminal.type("two\r");
      await terminal.says("two: 20 90");
      terminal.type("\x10\x11");
      const { output } = await terminal.end();
      expect(output).toContain("left with 0");
      expect(output).toMatch(/ icanon /);
    }
    using terminal = new Terminal(bundle, `$BOX attach ${bundle.id}`);
    await until(() => isAttached(terminal.child.pid) || isAttached(boxBelow(terminal.child.pid)), "box attach to wait");
    terminal.type("end\r");
    expect(await terminal.end()).toEqual({ exitCode: 5, output: "end: 30 100\n" });
  });

  test("keys make signals there, as in front of it", async () => {
    using bundle = bundleFor("trap 'echo interrupted; exit 9' INT; echo ready; while :; do sleep 0.05; done", true);
    await detach(bundle);
    using terminal = new Terminal(bundle, `$BOX attach ${bundle.id}`);
    await until(() => isAttached(terminal.child.pid) || isAttached(boxBelow(terminal.child.pid)), "box attach to wait");
    terminal.type("\x03");
    expect(await terminal.end()).toEqual({ exitCode: 9, output: "^Cinterrupted\n" });
  });
});

/** The process that a shell has started; the shell itself where it has become that. */
function boxBelow(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return children === "" ? pid : Number(children.split(" ")[0]);
}

describe("is refused", () => {
  test("for a container without a log", async () => {
    using bundle = bundleFor("exec sleep 1000");
    expect(await bundle.box(["run", "-d", bundle.id])).toEqual(quiet);
    expect(await bundle.box(["attach", bundle.id])).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: `box: id: nobody passes on what the container ${bundle.id} reads and writes\nhint: run -d --log-driver local does, with -i for its stdin\n`,
    });
  });

  test("for one that has ended", async () => {
    using bundle = bundleFor("true");
    await detach(bundle);
    await bundle.box(["wait", bundle.id]);
    await ended(supervisorOf(bundle));
    expect(await bundle.box(["attach", bundle.id])).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: `box: id: the container ${bundle.id} has ended, or its supervisor has\nhint: box logs ${bundle.id}\n`,
    });
  });

  test("with a flag's other value", async () => {
    using bundle = bundleFor("exec sleep 1000");
    await detach(bundle);
    expect(await bundle.box(["attach", "--sig-proxy=maybe", bundle.id])).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: 'box: --sig-proxy: expected true or false, got "maybe"\n',
    });
  });
});
