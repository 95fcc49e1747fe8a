// What is executed again and again in a container runs by the front alone, from one tape: it is as without, every change is
// noticed, and what somebody else could have written is never run.

import { describe, expect, setDefaultTimeout } from "bun:test";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import {
  Bundle,
  binary,
  execute,
  linesOf,
  type Outcome,
  type RichSpec,
  Running,
  type RunOptions,
  testWith,
  until,
  userId,
} from "./harness.ts";

setDefaultTimeout(30_000);
const test = testWith();
const strace = testWith("strace");

const said = (stdout: string, exitCode = 0): Outcome => ({ exitCode, stdout, stderr: "" });

/** A container that was created and runs. */
class Probed implements Disposable {
  readonly bundle: Bundle;

  constructor(change: (spec: RichSpec) => void = () => {}) {
    this.bundle = new Bundle((spec) => {
      spec.process.args = ["sleep", "100000"];
      spec.process.rlimits = [];
      spec.root.readonly = false;
      change(spec);
    });
  }

  async start(): Promise<this> {
    for (const command of ["create", "start"]) expect(await this.bundle.box([command, this.bundle.id])).toEqual(said(""));
    return this;
  }

  get folder(): string {
    return `${this.bundle.states}/${this.bundle.id}`;
  }

  /** The programs that are kept for the front. */
  get files(): string[] {
    const folder = `${this.folder}/exec`;
    return existsSync(folder) ? readdirSync(folder).map((name) => `${folder}/${name}`) : [];
  }

  /** The only one. */
  get file(): string {
    const [file = "there is none", ...more] = this.files;
    expect(more).toEqual([]);
    return file;
  }

  exec(command: readonly string[], flags: readonly string[] = [], options: RunOptions = {}): Promise<Outcome> {
    return this.bundle.box(["exec", ...flags, this.bundle.id, ...command], options);
  }

  /** Kept: it has been executed twice. */
  async keep(command: readonly string[], flags: readonly string[] = [], options: RunOptions = {}): Promise<void> {
    await this.exec(command, flags, options);
    expect(existsSync(this.file)).toBe(false);
    await this.exec(command, flags, options);
    expect(existsSync(this.file)).toBe(true);
  }

  /** Makes the kept tape of the process say `bad` where it says `own`, so that whoever runs it can be told; what it is compared with stays. */
  turnIntoBad(): void {
    const bytes = readFileSync(this.file);
    // Arguments stand in there twice.
    const at = bytes.lastIndexOf("own\0");
    expect(at).toBeGreaterThan(0);
    bytes.write("bad", at);
    writeFileSync(this.file, bytes);
  }

  [Symbol.dispose](): void {
    // Else its containers could not be deleted.
    chmodSync(this.bundle.states, 0o700);
    this.bundle[Symbol.dispose]();
  }
}

const own = ["echo", "own"];

const isOptions = (value: unknown): value is RunOptions => typeof value === "object" && value !== null;

/** Keeps a program, and executes the same again, with the options that it may return, after `change`; the front must leave it to the rest of box. */
async function leavesIt(change: (probed: Probed) => unknown, expected = said("own\n")): Promise<void> {
  using probed = await new Probed().start();
  await probed.keep(own);
  probed.turnIntoBad();
  const options = await change(probed);
  expect(await probed.exec(own, [], isOptions(options) ? options : {})).toEqual(expected);
}

describe("the third time", () => {
  test("is the front's, without which all that follows says nothing", async () => {
    using probed = await new Probed().start();
    await probed.keep(own);
    probed.turnIntoBad();
    expect(await probed.exec(own)).toEqual(said("bad\n"));
  });

  strace("makes few calls, and none to begin with libc or where another start was kept", async () => {
    using probed = await new Probed().start();
    await probed.keep(own);
    const { id, states, folder } = probed.bundle;
    const calls = `${folder}/calls`;
    const traced = await execute(["strace", "-qq", "-o", calls, binary, "--root", states, "exec", id, ...own]);
    expect(traced).toEqual(said("own\n"));
    const lines = linesOf(readFileSync(calls, "utf8"));
    expect(lines.filter((line) => line.includes("libc.so") || line.includes("start-") || line.includes("epoll"))).toEqual([]);
    expect(lines.length).toBeLessThan(150);
  });

  test("is as the first", async () => {
    using probed = await new Probed().start();
    const command = [
      "sh",
      "-c",
      "cat; echo $HOME; id -u; readlink /proc/self/ns/pid; cat /proc/self/cgroup; grep -e SigB -e SigI -e SigC -e Cap -e NoNew -e Seccomp /proc/self/status; ulimit -n; ls /proc/self/fd; echo err >&2; exit 6",
    ];
    const outcomes: Outcome[] = [];
    for (let times = 0; times < 4; times++) outcomes.push(await probed.exec(command, [], { stdin: "in\n" }));
    const [first, second, third, fourth] = outcomes as [Outcome, Outcome, Outcome, Outcome];
    expect(first).toMatchObject({ exitCode: 6, stderr: "err\n" });
    expect(first.stdout).toMatch(/^in\n\/root\n0\npid:\[\d+\]\n/);
    expect([second, third, fourth]).toEqual([first, first, first]);
    expect(existsSync(probed.file)).toBe(true);
  });

  test("is as the first for a process from a file, a pid file and --detach, as clients call it, whatever they are called", async () => {
    using probed = await new Probed().start();
    const { folder } = probed.bundle;
    const process = {
      ...(probed.bundle.spec as RichSpec).process,
      args: ["sh", "-c", "echo $0 > /out; echo $$ > /pid; exec sleep 1000", "own"],
    };
    const text = JSON.stringify(process);
    const probe = async (name: string): Promise<void> => {
      writeFileSync(`${folder}/process-${name}`, text);
      for (const out of ["out", "pid"]) rmSync(`${probed.bundle.rootfs}/${out}`, { force: true });
      const flags = ["--process", `${folder}/process-${name}`, "--pid-file", `pids/${name}`, "--detach"];
      expect(await probed.exec([], flags)).toEqual(said(""));
      await until(() => existsSync(`${probed.bundle.rootfs}/pid`) && readFileSync(`${probed.bundle.rootfs}/pid`, "utf8") !== "", "its pid");
      const pid = readFileSync(`${folder}/pids/${name}`, "utf8");
      const inside = readFileSync(`${probed.bundle.rootfs}/pid`, "utf8").trim();
      expect(readFileSync(`/proc/${pid}/status`, "utf8")).toMatch(new RegExp(`^NSpid:\\t${pid}\\t${inside}$`, "m"));
    };
    mkdirSync(`${folder}/pids`);
    await probe("one");
    await probe("two");
    // In a file they stand between quotation marks.
    probed.turnIntoBad();
    await probe("six");
    expect(readFileSync(`${probed.bundle.rootfs}/out`, "utf8")).toBe("bad\n");
    expect(readdirSync(`${folder}/pids`).toSorted()).toEqual(["one", "six", "two"]);
  });

  test("stays with a program that takes its time, and passes signals on", async () => {
    using probed = await new Probed().start();
    const command = ["sh", "-c", "trap 'echo hup; exit 4' HUP; echo ready; while :; do sleep 0.1; done"];
    for (let times = 0; times < 3; times++) {
      using running = probed.bundle.start(["exec", probed.bundle.id, ...command]);
      await running.says("ready");
      await running.supervises();
      running.child.kill("SIGHUP");
      expect(await running.outcome()).toEqual({ exitCode: 4, stdout: "ready\nhup\n", stderr: "" });
    }
    expect(existsSync(probed.file)).toBe(true);
  });

  test("ends as a shell says it of a program that a signal has ended", async () => {
    using probed = await new Probed().start();
    const command = ["sh", "-c", "kill -9 $$"];
    await probed.keep(command);
    expect(await probed.exec(command)).toEqual(said("", 137));
  });

  test("explains a failure as the first would, and leaves no process", async () => {
    using probed = await new Probed().start();
    const { rootfs, initPid } = probed.bundle;
    writeFileSync(`${rootfs}/probe`, "#!/bin/sh\necho fine\n", { mode: 0o755 });
    await probed.keep(["/probe"]);
    renameSync(`${rootfs}/probe`, `${rootfs}/away`);
    const third = await probed.exec(["/probe"]);
    rmSync(probed.file);
    expect(third).toEqual(await probed.exec(["/probe"]));
    expect(third.exitCode).toBe(127);
    expect(third.stderr).toContain("/probe");
    // Init and the shell.
    expect((await probed.exec(["sh", "-c", "echo /proc/[0-9]*"])).stdout).toMatch(/^\/proc\/1 \/proc\/\d+\n$/);
    expect(existsSync(`/proc/${initPid}`)).toBe(true);
  });

  test("explains a pid file that cannot be written, in the log too, and does not run the program again", async () => {
    using probed = await new Probed().start();
    const { folder, rootfs, states, id } = probed.bundle;
    mkdirSync(`${folder}/pids`);
    const command = ["sh", "-c", "echo ran >> /ran; exec sleep 1000"];
    const flags = ["--detach", "--pid-file", `${folder}/pids/pid`];
    await probed.exec(command, flags);
    await probed.exec(command, flags);
    expect(probed.files.length).toBe(1);
    rmSync(`${folder}/pids`, { recursive: true });
    await until(() => readFileSync(`${rootfs}/ran`, "utf8") === "ran\nran\n", "both to run");
    rmSync(`${rootfs}/ran`);
    const log = `${folder}/log`;
    const third = [binary, "--root", states, "--log", log, "--log-format", "json", "exec", ...flags, id, ...command];
    expect((await execute(third)).exitCode).toBe(125);
    const { msg } = JSON.parse(readFileSync(log, "utf8")) as { msg: string };
    expect(msg).toBe(`--pid-file: cannot write the file ${folder}/pids/pid: ENOENT (no such file or directory)`);
    // It may have been ended before it could say so, or even when it had just made the file.
    expect(["", "ran\n"]).toContain(existsSync(`${rootfs}/ran`) ? readFileSync(`${rootfs}/ran`, "utf8") : "");
  });

  test("a pid file that is a folder is told of with the kernel's reason", async () => {
    using probed = await new Probed().start();
    const { folder } = probed.bundle;
    const flags = ["--pid-file", `${folder}/pid`];
    await probed.keep(own, flags);
    rmSync(`${folder}/pid`);
    mkdirSync(`${folder}/pid`);
    const { exitCode, stderr } = await probed.exec(own, flags);
    expect([exitCode, stderr]).toEqual([125, `box: --pid-file: cannot write the file ${folder}/pid: EISDIR (is a directory)\n`]);
    expect(readdirSync(folder).filter((name) => name.startsWith(".pid"))).toEqual([]);
  });

  test("two at once may name the same pid file", async () => {
    using probed = await new Probed().start();
    const { folder } = probed.bundle;
    const flags = ["--pid-file", `${folder}/pid`];
    await probed.keep(["true"], flags);
    for (let times = 0; times < 20; times++) {
      const [one, other] = await Promise.all([probed.exec(["true"], flags), probed.exec(["true"], flags)]);
      expect([one, other]).toEqual([said(""), said("")]);
      expect(readFileSync(`${folder}/pid`, "utf8")).toMatch(/^\d+$/);
    }
  });

  test("is kept anew where what it was planned from has changed", async () => {
    using probed = await new Probed().start();
    await probed.keep(own);
    writeFileSync(`${probed.bundle.rootfs}/etc/passwd`, "root:x:0:0::/root:/bin/sh\nmore:x:7:7::/:/bin/sh\n");
    expect(await probed.exec(own)).toEqual(said("own\n"));
    probed.turnIntoBad();
    expect(await probed.exec(own)).toEqual(said("bad\n"));
  });

  test("with more in its environment than a program may take, it stays the rest of box's", async () => {
    const letters = "x".repeat(100_000);
    using probed = new Probed((spec) => {
      for (let index = 0; index < 6; index++) spec.process.env?.push(`A${index}=${letters}`);
    });
    await probed.start();
    for (let times = 0; times < 3; times++) expect(await probed.exec(own)).toEqual(said("own\n"));
    expect(probed.files).toEqual([]);
  });

  test("a limit on the size of files is an error, and no signal", async () => {
    using probed = await new Probed().start();
    await probed.keep(own);
    const { exitCode, stderr } = await probed.exec(own, [], { before: ["prlimit", "--fsize=100:100"] });
    expect([exitCode, stderr.includes("EFBIG")]).toEqual([125, true]);
  });
});

test("several commands in turn are kept side by side, and those of one place one after the other", async () => {
  using probed = await new Probed().start();
  const commands = [
    ["echo", "own"],
    ["echo", "owner"],
    ["echo", "owners"],
  ] as const;
  // One after the other, since two may share a place of the rest of box, which marks first what it keeps.
  for (const command of commands) for (let times = 0; times < 2; times++) await probed.exec(command);
  expect(probed.files.length).toBe(3);
  for (const file of probed.files) {
    const bytes = readFileSync(file);
    bytes.write("bad", bytes.lastIndexOf("own"));
    writeFileSync(file, bytes);
  }
  const outcomes: Outcome[] = [];
  for (const command of commands) outcomes.push(await probed.exec(command));
  expect(outcomes).toEqual([said("bad\n"), said("bader\n"), said("baders\n")]);
  // As long as the first.
  for (let times = 0; times < 2; times++) expect(await probed.exec(["echo", "two"])).toEqual(said("two\n"));
  expect(probed.files.length).toBe(3);
  expect(await probed.exec(["echo", "own"])).toEqual(said("own\n"));
});

strace("of many commands those that were kept last stay, until the front removes them with all the rest", async () => {
  using probed = await new Probed().start();
  const commands = Array.from({ length: 10 }, (_, index) => ["echo", "own".padEnd(3 + index, "-")]);
  for (const command of commands) for (let times = 0; times < 2; times++) await probed.exec(command);
  const kept = probed.files.map((file) => /own-*/.exec(readFileSync(file, "latin1"))?.[0].length ?? 0);
  expect(kept.sort((one, other) => one - other)).toEqual([5, 6, 7, 8, 9, 10, 11, 12]);
  const { id, states, folder } = probed.bundle;
  const isAlive = (): boolean => existsSync(`/proc/${pid}/exe`);
  const pid = probed.bundle.initPid;
  expect(isAlive()).toBe(true);
  expect(await probed.bundle.box(["kill", id, "KILL"])).toEqual(said(""));
  // Of a process that nobody has waited for there is no program any more.
  await until(() => !isAlive(), "it to end");
  const calls = `${folder}/calls`;
  const traced = { before: ["strace", "-qq", "-o", calls, "-e", "trace=openat,unlinkat"] };
  expect(await probed.bundle.box(["delete", id], traced)).toEqual(said(""));
  expect(readFileSync(calls, "utf8")).not.toContain("libc.so");
  expect(readdirSync(states).filter((name) => !name.startsWith("."))).toEqual([]);
});

describe("a change is noticed", () => {
  test("of the arguments", async () => {
    using probed = await new Probed().start();
    await probed.keep(own);
    probed.turnIntoBad();
    expect(await probed.exec(["echo", "owner"])).toEqual(said("owner\n"));
    expect(await probed.exec(["echo"])).toEqual(said("\n"));
    expect(await probed.exec(["echo", "own", ""])).toEqual(said("own \n"));
    expect(await probed.exec(["echo own"])).toMatchObject({ exitCode: 127 });
    expect(await probed.exec([])).toMatchObject({ exitCode: 125 });
    expect(await probed.exec(own)).toEqual(said("bad\n"));
  });

  test("of the flags", async () => {
    using probed = await new Probed().start();
    const { folder } = probed.bundle;
    await probed.keep(own);
    probed.turnIntoBad();
    expect(await probed.exec(["sh", "-c", "echo own $A"], ["-e", "A=1"])).toEqual(said("own 1\n"));
    expect(await probed.exec(own, ["--cwd", "/etc"])).toEqual(said("own\n"));
    expect(await probed.exec(own, ["--pid-file", `${folder}/pid`])).toEqual(said("own\n"));
    expect(await probed.exec(own, ["--user", "1"])).toEqual(said("own\n"));
    expect(await probed.exec(own)).toEqual(said("bad\n"));
  });

  test("of what the file of --process says, and a pipe is read once", async () => {
    using probed = await new Probed().start();
    const { folder } = probed.bundle;
    const { process } = probed.bundle.spec as RichSpec;
    const say = (word: string): void => writeFileSync(`${folder}/process`, JSON.stringify({ ...process, args: ["echo", word] }));
    say("own");
    await probed.keep([], ["--process", `${folder}/process`]);
    probed.turnIntoBad();
    expect(await probed.exec([], ["--process", `${folder}/process`])).toEqual(said("bad\n"));
    say("new");
    expect(await probed.exec([], ["--process", `${folder}/process`])).toEqual(said("new\n"));
    say("own");
    const piped = ["sh", "-c", 'cat "$0" | "$@"', `${folder}/process`];
    const { id } = probed.bundle;
    expect(await execute([...piped, binary, "--root", probed.bundle.states, "exec", "--process", "/dev/stdin", id])).toEqual(said("own\n"));
  });

  test("of limits on open files", () => leavesIt(() => ({ before: ["prlimit", "--nofile=512:512"] })));
  test("of the capabilities there are", () => leavesIt(() => ({ before: ["setpriv", "--bounding-set=-sys_time"] })));
  test("of the environment that systemd makes", () =>
    leavesIt(() => ({ before: ["sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=0 exec "$@"', "sh"] })));
  test("of the user's home in the root", () =>
    leavesIt(({ bundle }) => writeFileSync(`${bundle.rootfs}/etc/passwd`, "root:x:0:0::/home:/bin/sh\n")));
  test("of the configuration", () =>
    leavesIt(async ({ bundle }) => {
      expect(await bundle.box(["update", "--pids-limit", "100", bundle.id])).toEqual(said(""));
    }));
  test("of the container: another one with the same id", async () => {
    using probed = await new Probed().start();
    await probed.keep(own);
    const { id } = probed.bundle;
    const { file } = probed;
    copyFileSync(file, `${probed.bundle.folder}/kept`);
    expect(await probed.bundle.box(["delete", "--force", id])).toEqual(said(""));
    await probed.start();
    mkdirSync(`${probed.folder}/exec`, { mode: 0o700 });
    copyFileSync(`${probed.bundle.folder}/kept`, file);
    chmodSync(file, 0o600);
    probed.turnIntoBad();
    expect(await probed.exec(own)).toEqual(said("own\n"));
  });

  test("of plugins that the host names", async () => {
    using probed = await new Probed().start();
    await probed.keep(own);
    probed.turnIntoBad();
    const script = 'mount -t tmpfs none /etc && mkdir /etc/box && echo "plugins: [nothing]" > /etc/box/config.yaml && exec "$@"';
    const { exitCode, stderr } = await probed.exec(own, [], { before: ["unshare", "-m", "sh", "-c", script, "sh"] });
    expect(exitCode).toBe(125);
    expect(stderr).toContain("nothing");
  });

  test("of the container's state: paused, and ended", async () => {
    using probed = await new Probed().start();
    await probed.keep(own);
    const { id } = probed.bundle;
    expect(await probed.bundle.box(["pause", id])).toEqual(said(""));
    expect((await probed.exec(own)).stderr).toContain("cannot exec in a paused container");
    expect(await probed.bundle.box(["resume", id])).toEqual(said(""));
    expect(await probed.exec(own)).toEqual(said("own\n"));
    expect(await probed.bundle.box(["kill", id, "KILL"])).toEqual(said(""));
    const gone = (): boolean => readFileSync(`/proc/${probed.bundle.initPid}/stat`, "utf8").includes(") Z ");
    await until(() => !existsSync(`/proc/${probed.bundle.initPid}`) || gone(), "its end");
    expect((await probed.exec(own)).stderr).toContain("cannot exec in a stopped container");
  });

  test("of stdio: a folder of the host goes into no container", async () => {
    const stderr = "box: descriptor 0 is a folder, and a container must get none of the host's\n";
    await leavesIt(() => ({ before: ["sh", "-c", 'exec "$@" < /etc', "sh"] }), { exitCode: 125, stdout: "", stderr });
  });

  test("of who asks: another user is not root", async () => {
    using probed = await new Probed().start();
    await probed.keep(own);
    probed.turnIntoBad();
    chmodSync(probed.bundle.states, 0o755);
    chmodSync(probed.folder, 0o755);
    chmodSync(`${probed.folder}/exec`, 0o755);
    for (const file of [probed.file, `${probed.folder}/front`]) chmodSync(file, 0o644);
    const user = ["setpriv", "--reuid", String(userId), "--regid", String(userId), "--clear-groups"];
    const { exitCode, stdout } = await probed.exec(own, [], { before: user });
    expect([exitCode, stdout]).toEqual([125, ""]);
  });
});

describe("a program is not run", () => {
  test("when others may write it", () => leavesIt(({ file }) => chmodSync(file, 0o666)));
  test("when it is another user's", () => leavesIt(({ file }) => chownSync(file, userId, userId)));
  test("when it is cut short", () => leavesIt(({ file }) => truncateSync(file, readFileSync(file).length - 1)));
  test("when it is empty", () => leavesIt(({ file }) => truncateSync(file, 0)));
  test("when another build has kept it", () =>
    leavesIt(({ file }) => {
      const bytes = readFileSync(file);
      // The words that tell box's own file from another: src/front/boot.ts.
      bytes.writeUInt8(bytes.readUInt8(8) ^ 1, 8);
      writeFileSync(file, bytes);
    }));
  test("when it is a link", () =>
    leavesIt(({ file }) => {
      renameSync(file, `${file}-away`);
      symlinkSync(`${file}-away`, file);
      lchownSync(file, 0, 0);
    }));
  test("when others may write into the folder of all states", () =>
    leavesIt(({ bundle }) => chmodSync(bundle.states, 0o777), {
      exitCode: 125,
      stdout: "",
      stderr: expect.stringContaining("other users may write in it") as unknown as string,
    }));
});

describe("a program is not kept", () => {
  /** Four times the same, and nothing for the front. */
  async function isNot(probed: Probed, command: readonly string[], flags: readonly string[] = [], options: RunOptions = {}): Promise<void> {
    using container = await probed.start();
    const first = await container.exec(command, flags, options);
    for (let times = 0; times < 3; times++) expect(await container.exec(command, flags, options)).toEqual(first);
    expect(existsSync(container.file)).toBe(false);
  }

  test("with flags that the front does not read", () => isNot(new Probed(), own, ["--cwd", "/etc"]));
  test("for a container with hooks that are to come", () =>
    isNot(new Probed((spec) => (spec.hooks = { poststop: [{ path: "/bin/true" }] })), own));
  test("for a container that shares its processes' numbers with the host", () =>
    isNot(
      new Probed((spec) => {
        spec.linux.namespaces = spec.linux.namespaces.filter(({ type }) => type !== "pid");
        spec.mounts = spec.mounts.filter(({ type }) => type !== "proc");
      }),
      own,
    ));
});

/** Runs exec with what it calls held up, sends SIGTERM once it waits, and says how it ends. */
async function endedBySignal(probed: Probed, inject: string, flags: readonly string[] = []): Promise<void> {
  const { id, folder, rootfs } = probed.bundle;
  const calls = `${folder}/calls`;
  const tracer = ["strace", "-f", "-qq", "-o", calls, "-e", "trace=execve,exit_group,ppoll", "-e", `inject=${inject}`];
  const log = ["--log", `${folder}/log`];
  using running = new Running(
    [...tracer, binary, "--root", probed.bundle.states, ...log, "exec", ...flags, id, "sh", "-c", "echo ran >> /ran"],
    {},
  );
  const held = (): boolean =>
    existsSync(calls) &&
    /^\d+ +(<\.\.\. )?ppoll.*= 0 \(Timeout\)/m.test(readFileSync(calls, "utf8").replace(/.*tv_nsec=0\}, NULL.*\n/g, ""));
  await until(held, "exec to wait", 20_000);
  const text = readFileSync(calls, "utf8");
  // Every tenth of a second, and not all the time.
  expect((text.match(/ppoll/g) ?? []).length).toBeLessThan(40);
  process.kill(Number(/^(\d+) +ppoll/m.exec(text)?.[1]), "SIGTERM");
  expect(await running.outcome()).toMatchObject({ exitCode: 143, stdout: "" });
  expect(readFileSync(`${folder}/log`, "utf8")).toContain("SIGTERM has ended exec before the program ran");
  expect(existsSync(`${rootfs}/ran`)).toBe(false);
  // Init and the shell; strace may have held up the process's end until box was gone.
  const { stdout } = await probed.exec(["sh", "-c", "grep -L zombie /proc/[0-9]*/status"]);
  expect(stdout).toMatch(/^\/proc\/1\/status\n\/proc\/\d+\/status\n$/);
}

describe("a signal ends exec that is held up before the program runs, and nothing of it goes on", () => {
  const command = ["sh", "-c", "echo ran >> /ran"];

  // Box's own execve is the first of its process, and that into the program of its own.
  strace("in the execve of the program", async () => {
    using probed = await new Probed().start();
    const flags = ["--pid-file", `${probed.bundle.folder}/pid`];
    await probed.keep(command, flags);
    rmSync(`${probed.bundle.rootfs}/ran`);
    rmSync(`${probed.bundle.folder}/pid`);
    await endedBySignal(probed, "execve:delay_enter=1500000:when=1", flags);
    expect(readdirSync(probed.bundle.folder).filter((name) => name.includes("pid"))).toEqual([]);
  });

  strace("at the end of the helper, which has made the process", async () => {
    using probed = await new Probed().start();
    await probed.keep(command);
    rmSync(`${probed.bundle.rootfs}/ran`);
    // The program would run meanwhile: it is held up too.
    await endedBySignal(probed, "execve,exit_group:delay_enter=1500000:when=1");
  });
});

test("delete removes it with all the rest", async () => {
  using probed = await new Probed().start();
  await probed.keep(own);
  const { id, states } = probed.bundle;
  expect(await probed.bundle.box(["delete", "--force", id])).toEqual(said(""));
  expect(readdirSync(states).filter((name) => !name.startsWith("."))).toEqual([]);
});
