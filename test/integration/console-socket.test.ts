// --console-socket and --pidfd-socket: what a client gets at its socket, and that box keeps nothing of it.

import { describe, expect } from "bun:test";
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync, writeSync } from "node:fs";
import { systemCall } from "../../src/execute/libc.ts";
import { Bundle, ended, machine, type Outcome, type RichSpec, testWith, until } from "./harness.ts";
import { readUntil, SocketReceiver } from "./socket-receiver.ts";

const test = testWith();
const quiet: Outcome = { exitCode: 0, stdout: "", stderr: "" };

const atTerminal =
  (script: string) =>
  (spec: RichSpec): void => {
    spec.process.terminal = true;
    spec.process.args = ["sh", "-c", script];
  };

async function leavesNothing(bundle: Bundle, work: () => Promise<void>): Promise<void> {
  const before = machine(bundle);
  await work();
  await until(() => machine(bundle).processes.length === before.processes.length, "the end of all processes");
  expect(machine(bundle)).toEqual(before);
}

const script = "stty size; readlink /proc/self/fd/0; : < /dev/tty && echo controlling; read line; echo got $line; exit 3";

describe("a terminal's master", () => {
  for (const [title, args] of [
    ["create and start", ["create"]],
    ["run --detach", ["run", "--detach"]],
  ] as const)
    test(`${title}: is sent to the socket, and works both ways`, async () => {
      using bundle = new Bundle(atTerminal(script));
      bundle.change((spec) => (spec.process.consoleSize = { height: 24, width: 81 }));
      using receiver = new SocketReceiver(`${bundle.folder}/console`);
      await leavesNothing(bundle, async () => {
        const [outcome, { text, fd }] = await Promise.all([
          bundle.box([...args, "--console-socket", receiver.path, bundle.id]),
          receiver.receive(),
        ]);
        expect([outcome, text]).toEqual([quiet, "/dev/ptmx"]);
        const { initPid } = bundle;
        if (args[0] === "create") expect(await bundle.box(["start", bundle.id])).toEqual(quiet);
        // As the terminal is made: whoever has the master sets it up.
        expect(await readUntil(fd, "controlling\r\n")).toBe("24 81\r\n/dev/pts/0\r\ncontrolling\r\n");
        writeSync(fd, "typed\r");
        expect(await readUntil(fd, "got typed\r\n")).toBe("typed\r\ngot typed\r\n");
        await ended(initPid);
        expect(await bundle.box(["delete", bundle.id])).toEqual(quiet);
      });
    });

  test("nobody but the client has it: when it is closed, the process is told so", async () => {
    using bundle = new Bundle(atTerminal("echo ready; exec sleep 1000"));
    using receiver = new SocketReceiver(`${bundle.folder}/console`);
    // Without a pid namespace, where SIGHUP ends what does not handle it.
    bundle.change((spec) => {
      spec.linux.namespaces = spec.linux.namespaces.filter(({ type }) => type !== "pid");
      spec.mounts = spec.mounts.filter(({ type }) => type !== "proc");
    });
    const [outcome, { fd }] = await Promise.all([
      bundle.box(["run", "--detach", "--console-socket", receiver.path, bundle.id]),
      receiver.receive(),
    ]);
    expect(outcome).toEqual(quiet);
    await readUntil(fd, "ready");
    const { initPid } = bundle;
    expect(readdirSync(`/proc/${initPid}/fd`).map((name) => readlinkSync(`/proc/${initPid}/fd/${name}`))).toEqual([
      "/dev/pts/0",
      "/dev/pts/0",
      "/dev/pts/0",
    ]);
    receiver.close(fd);
    await ended(initPid);
  });

  test("exec --detach --tty: the new process has one of its own", async () => {
    using bundle = new Bundle();
    using _running = await bundle.startSh("echo ready; exec sleep 1000");
    using receiver = new SocketReceiver(`${bundle.folder}/console`);
    const [outcome, { text, fd }] = await Promise.all([
      bundle.box([
        "exec",
        "--detach",
        "--tty",
        "--console-socket",
        receiver.path,
        "--pid-file",
        `${bundle.folder}/pid`,
        bundle.id,
        "sh",
        "-c",
        script,
      ]),
      receiver.receive(),
    ]);
    expect([outcome, text]).toEqual([quiet, "/dev/ptmx"]);
    expect(await readUntil(fd, "controlling\r\n")).toContain("/dev/pts/0\r\ncontrolling\r\n");
    writeSync(fd, "typed\r");
    await readUntil(fd, "got typed\r\n");
    await ended(Number(readFileSync(`${bundle.folder}/pid`, "utf8")));
  });

  test("a relative path is that of the working folder", async () => {
    using bundle = new Bundle(atTerminal("exec sleep 1000"));
    using receiver = new SocketReceiver(`${bundle.folder}/console`);
    const [outcome] = await Promise.all([bundle.box(["create", "--console-socket", "console", bundle.id]), receiver.receive()]);
    expect(outcome).toEqual(quiet);
  });
});

describe("a socket that is none", () => {
  const refusal = (path: string, errno: string, exitCode: number): Outcome => ({
    exitCode,
    stdout: "",
    stderr: `box: --console-socket: cannot connect to ${path}: connect(socket for the terminal, &sockaddr_un, ${path.length + 3}): ${errno}\n`,
  });

  for (const [args, exitCode] of [
    [["create"], 1],
    [["run", "--detach"], 125],
  ] as const)
    test(`${args[0]}: nothing is left`, async () => {
      using bundle = new Bundle(atTerminal("exec sleep 1000"));
      const missing = `${bundle.folder}/missing`;
      const file = `${bundle.folder}/file`;
      writeFileSync(file, "");
      await leavesNothing(bundle, async () => {
        expect(await bundle.box([...args, "--console-socket", missing, bundle.id])).toEqual(
          refusal(missing, "ENOENT (no such file or directory)", exitCode),
        );
        expect(await bundle.box([...args, "--console-socket", file, bundle.id])).toEqual(
          refusal(file, "ECONNREFUSED (connection refused)", exitCode),
        );
      });
    });

  test("exec: nothing is left of the process", async () => {
    using bundle = new Bundle();
    using _running = await bundle.startSh("echo ready; exec sleep 1000");
    const before = machine(bundle);
    const missing = `${bundle.folder}/missing`;
    expect(await bundle.box(["exec", "-d", "-t", "--console-socket", missing, bundle.id, "sleep", "1000"])).toEqual(
      refusal(missing, "ENOENT (no such file or directory)", 125),
    );
    expect(machine(bundle)).toEqual(before);
  });

  test("asked for where there is no use for it", async () => {
    using bundle = new Bundle((spec) => (spec.process.args = ["true"]));
    const stderr = "box: --console-socket: cannot use console socket if box will not detach or allocate tty\n";
    expect(await bundle.box(["create", "--console-socket", "/x", bundle.id])).toEqual({ exitCode: 1, stdout: "", stderr });
    expect(await bundle.box(["run", "--console-socket", "/x", bundle.id])).toEqual({ exitCode: 125, stdout: "", stderr });
    expect(existsSync(`${bundle.states}/${bundle.id}`)).toBe(false);
  });
});

describe("a handle on init", () => {
  const pidOf = (pidfd: number): number => Number(/^Pid:\t(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${pidfd}`, "utf8"))?.[1]);
  const SIGKILL = 9;

  for (const args of [["create"], ["run", "--detach"], ["run"]])
    test(`${args.join(" ")}: is sent to the socket`, async () => {
      using bundle = new Bundle((spec) => (spec.process.args = ["sleep", "1000"]));
      using receiver = new SocketReceiver(`${bundle.folder}/pidfd`);
      await leavesNothing(bundle, async () => {
        using running = bundle.start([...args, "--pidfd-socket", receiver.path, bundle.id]);
        const { text, fd } = await receiver.receive();
        expect([text, pidOf(fd)]).toEqual(["pidfd", bundle.initPid]);
        const { initPid } = bundle;
        expect(systemCall("pidfd_send_signal", fd, SIGKILL, 0, 0)).toBe(0);
        const foreground = args.join() === "run";
        expect((await running.outcome()).exitCode).toBe(foreground ? 137 : 0);
        if (foreground) return;
        await ended(initPid);
        expect(await bundle.box(["delete", bundle.id])).toEqual(quiet);
      });
    });

  test("exec: on the new process", async () => {
    using bundle = new Bundle();
    using _running = await bundle.startSh("echo ready; exec sleep 1000");
    using receiver = new SocketReceiver(`${bundle.folder}/pidfd`);
    using running = bundle.start(["exec", "--pidfd-socket", receiver.path, bundle.id, "sh", "-c", "echo ready; exec sleep 1000"]);
    const { fd } = await receiver.receive();
    expect(pidOf(fd)).not.toBe(bundle.initPid);
    expect(readlinkSync(`/proc/${pidOf(fd)}/ns/pid`)).toBe(readlinkSync(`/proc/${bundle.initPid}/ns/pid`));
    expect(systemCall("pidfd_send_signal", fd, SIGKILL, 0, 0)).toBe(0);
    expect((await running.outcome()).exitCode).toBe(137);
  });

  test("a socket that is missing: nothing is left", async () => {
    using bundle = new Bundle((spec) => (spec.process.args = ["sleep", "1000"]));
    const path = `${bundle.folder}/missing`;
    await leavesNothing(bundle, async () =>
      expect(await bundle.box(["create", "--pidfd-socket", path, bundle.id])).toEqual({
        exitCode: 1,
        stdout: "",
        stderr: `box: --pidfd-socket: cannot connect to ${path}: connect(socket for a handle on init, &sockaddr_un, ${path.length + 3}): ENOENT (no such file or directory)\n`,
      }),
    );
  });
});
