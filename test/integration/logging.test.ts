// What a container in the background writes: through box's supervisor into a log or the journal, or into files by itself.

import { describe, expect } from "bun:test";
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { Bundle, binary, ended, execute, linesOf, machine, type Outcome, Running, testWith, until } from "./harness.ts";
import { JournalReceiver } from "./journal-receiver.ts";

const test = testWith();
const quiet: Outcome = { exitCode: 0, stdout: "", stderr: "" };
const local = ["--log-driver", "local"];

const bundleFor = (script: string): Bundle =>
  new Bundle((spec) => {
    spec.root.readonly = false;
    spec.process.args = ["sh", "-c", script];
  });

/** Runs it in the background, with a log unless said otherwise. */
async function detach(bundle: Bundle, ...flags: readonly string[]): Promise<void> {
  expect(await bundle.box(["run", "-d", ...(flags.length === 0 ? local : flags), bundle.id])).toEqual(quiet);
}

const state = (bundle: Bundle): { pid: number; box: { supervisor: number } } =>
  JSON.parse(readFileSync(`${bundle.states}/${bundle.id}/state.json`, "utf8"));

/** Waits for the end of the container and of its supervisor. */
async function end(bundle: Bundle): Promise<string> {
  const { exitCode, stdout, stderr } = await bundle.box(["wait", bundle.id]);
  expect([exitCode, stderr]).toEqual([0, ""]);
  await ended(state(bundle).box.supervisor);
  return stdout.trim();
}

const go = (bundle: Bundle, name = "go"): void => writeFileSync(`${bundle.rootfs}/${name}`, "");
const awaiting = (name: string): string => `until test -e /${name}; do sleep 0.01; done`;

describe("a log", () => {
  test("keeps both streams, in the background and after the end, until box delete; nothing is left then", async () => {
    using bundle = bundleFor("echo out; echo error >&2; exit 3");
    const before = machine(bundle);
    await detach(bundle);
    expect(await end(bundle)).toBe("3");
    expect(await bundle.box(["logs", bundle.id])).toEqual({ exitCode: 0, stdout: "out\n", stderr: "error\n" });
    expect(await bundle.box(["delete", bundle.id])).toEqual(quiet);
    expect(machine(bundle)).toEqual(before);
  });

  test("with --rm goes with the container", async () => {
    using bundle = bundleFor(`echo out; ${awaiting("go")}`);
    const before = machine(bundle);
    await detach(bundle, ...local, "--rm");
    const { supervisor } = state(bundle).box;
    using logs = bundle.start(["logs", "-f", bundle.id]);
    await logs.says("out");
    go(bundle);
    await ended(supervisor);
    expect(await logs.outcome()).toEqual({ exitCode: 0, stdout: "out\n", stderr: "" });
    expect(machine(bundle)).toEqual(before);
  });

  test("any bytes, long lines and a last line without an end come back as they were written", async () => {
    using bundle = bundleFor("printf 'a\\000\\377\\n'; head -c 100000 /dev/zero | tr '\\000' x; echo; printf end");
    await detach(bundle);
    await end(bundle);
    const { stdout } = Bun.spawnSync([binary, "--root", bundle.states, "logs", bundle.id]);
    const wanted = Buffer.concat([Buffer.from([0x61, 0, 0xff, 0x0a]), Buffer.alloc(100_000, "x"), Buffer.from("\nend")]);
    expect(Buffer.compare(stdout, wanted)).toBe(0);
    const json = linesOf((await bundle.box(["logs", "--json", bundle.id])).stdout).map((line) => (JSON.parse(line) as { log: string }).log);
    expect(json.join("")).toBe(`a\0\ufffd\n${"x".repeat(100_000)}\nend`);
  });

  test("its files take turns, and whoever follows misses nothing", async () => {
    using bundle = bundleFor(`${awaiting("go")}; seq 100000`);
    await detach(bundle, ...local, "--log-opt", "max-size=100k", "--log-opt", "max-file=20");
    using logs = bundle.start(["logs", "-f", bundle.id]);
    await until(() => isFollowing(logs.pid), "box logs to wait");
    go(bundle);
    const { exitCode, stdout, stderr } = await logs.outcome();
    const wanted = `${Array.from({ length: 100_000 }, (_, index) => index + 1).join("\n")}\n`;
    expect([exitCode, stderr, stdout === wanted]).toEqual([0, "", true]);
    await end(bundle);
    expect(readdirSync(`${bundle.states}/${bundle.id}/stdio`).length).toBeGreaterThan(4);
  });

  test("of more files than asked for none is kept", async () => {
    using bundle = bundleFor("seq 100000");
    await detach(bundle, ...local, "--log-opt", "max-size=50k", "--log-opt", "max-file=3");
    await end(bundle);
    expect(readdirSync(`${bundle.states}/${bundle.id}/stdio`).toSorted()).toEqual(["log", "log.1", "log.2"]);
    const lines = linesOf((await bundle.box(["logs", bundle.id])).stdout);
    expect([lines.at(-1), lines.length < 50_000]).toEqual(["100000", true]);
  });

  test("at a path of one's own stays, and the next container's is another file", async () => {
    using bundle = bundleFor("echo out");
    const flags = [...local, "--log-opt", `path=${bundle.folder}/log`];
    for (let run = 0; run < 2; run++) {
      await detach(bundle, ...flags);
      await end(bundle);
      expect((await bundle.box(["logs", bundle.id])).stdout).toBe("out\n".repeat(run + 1));
      expect(await bundle.box(["delete", bundle.id])).toEqual(quiet);
    }
    expect([existsSync(`${bundle.folder}/log`), existsSync(`${bundle.folder}/log.1`)]).toEqual([true, true]);
  });

  test.each([
    ["a folder", "log", (path: string) => mkdirSync(path)],
    ["a device", "log", (path: string) => void Bun.spawnSync(["mknod", path, "c", "1", "3"])],
    ["a link", "log", (path: string) => symlinkSync("/dev/null", path)],
    ["a FIFO, where an older file would be", "log.1", (path: string) => void Bun.spawnSync(["mkfifo", path])],
  ])("a path at which there is %s is refused, and that stays", async (_, name, make) => {
    using bundle = bundleFor("true");
    const before = machine(bundle);
    const path = `${bundle.folder}/${name}`;
    make(path);
    const { ino } = lstatSync(path);
    expect(await bundle.box(["run", "-d", ...local, "--log-opt", `path=${bundle.folder}/log`, bundle.id])).toEqual({
      exitCode: 125,
      stdout: "",
      stderr: `box: stdio: cannot write a log to ${name}: it is no regular file\n`,
    });
    expect([lstatSync(path).ino, machine(bundle)]).toEqual([ino, before]);
  });

  test("removed or emptied behind box's back, it goes on", async () => {
    using bundle = bundleFor(`echo one; ${awaiting("a")}; echo two; ${awaiting("b")}; echo three`);
    await detach(bundle);
    const log = `${bundle.states}/${bundle.id}/stdio/log`;
    const shows = async (text: string): Promise<void> => {
      using logs = bundle.start(["logs", "-f", bundle.id]);
      await logs.says(text);
    };
    await shows("one");
    unlinkSync(log);
    go(bundle, "a");
    await until(() => existsSync(log), "a new log");
    await shows("two");
    truncateSync(log, 0);
    go(bundle, "b");
    await end(bundle);
    expect((await bundle.box(["logs", bundle.id])).stdout).toBe("three\n");
  });

  test("on a full disk the container goes on, and what was lost is told once there is room", async () => {
    using bundle = bundleFor(`seq 50000; echo full > /full; ${awaiting("go")}; echo after`);
    const disk = mkdtempSync(`${tmpdir()}/box-disk-`);
    const script = `mount -t tmpfs -o size=64k none ${disk} && exec "$@"`;
    const before = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"];
    expect(await bundle.box(["run", "-d", ...local, "--log-opt", `path=${disk}/log`, bundle.id], { before })).toEqual(quiet);
    await until(() => existsSync(`${bundle.rootfs}/full`), "the container to have written all");
    const { supervisor } = state(bundle).box;
    const inside = ["nsenter", "--mount", `--target=${supervisor}`];
    expect(await execute([...inside, "mount", "-o", "remount,size=1m", disk])).toEqual(quiet);
    using logs = bundle.start(["logs", "-f", bundle.id], { before: inside });
    await until(() => isFollowing(logs.pid), "box logs to wait");
    go(bundle);
    const { stdout, stderr } = await logs.outcome();
    expect([stdout.slice(0, 4), stdout.slice(-6)]).toEqual(["1\n2\n", "after\n"]);
    const warning = /^box: warning: ([0-9]+) bytes of output were lost here: they could not be written$/;
    const lost = linesOf(stderr).map((line) => Number(warning.exec(line)?.[1]));
    const written = Array.from({ length: 50_000 }, (_, index) => `${index + 1}\n`).join("").length + "after\n".length;
    expect(stdout.length + lost.reduce((sum, one) => sum + one, 0)).toBe(written);
    await ended(supervisor);
    rmSync(disk, { recursive: true });
  });

  test("in the foreground the caller sees the output as well", async () => {
    using bundle = bundleFor("echo out; echo error >&2; exit 4");
    const flags = [...local, "--log-opt", `path=${bundle.folder}/log`, "--keep"];
    expect(await bundle.box(["run", ...flags, bundle.id])).toEqual({ exitCode: 4, stdout: "out\n", stderr: "error\n" });
    expect(await bundle.box(["logs", bundle.id])).toEqual({ exitCode: 0, stdout: "out\n", stderr: "error\n" });
  });

  test("in the foreground signals reach the container while its output waits for the caller", async () => {
    using bundle = bundleFor("trap 'echo > /caught; exit 5' TERM; yes & wait");
    const path = `${bundle.folder}/fifo`;
    expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0);
    const fifo = openSync(path, "r+");
    using running = bundle.start(["run", ...local, bundle.id], { before: ["sh", "-c", `exec "$@" > ${path}`, "sh"] });
    await running.supervises();
    await until(() => isPolling(running.pid, "0x2"), "the caller to be waited for");
    process.kill(running.pid, "SIGTERM");
    await until(() => existsSync(`${bundle.rootfs}/caught`), "the signal");
    // Nobody is there any more who could read the rest.
    closeSync(fifo);
    expect(await running.outcome()).toEqual({ exitCode: 5, stdout: "", stderr: "" });
  });

  test("of a terminal", async () => {
    using bundle = bundleFor("test -t 1 && stty size && echo yes");
    bundle.change((spec) => Object.assign(spec.process, { terminal: true, consoleSize: { height: 7, width: 77 } }));
    await detach(bundle);
    await end(bundle);
    expect((await bundle.box(["logs", bundle.id])).stdout).toBe("7 77\nyes\n");
  });
});

/** Whether it waits in a ppoll for three descriptors. */
const isFollowing = (pid: number): boolean => isPolling(pid, "0x3");

describe("the supervisor", () => {
  test("is no Bun: less than a megabyte, one thread, and no descriptor of the caller's", async () => {
    using bundle = bundleFor("yes | head -c 1000000; exec sleep 1000");
    await detach(bundle);
    const { supervisor } = state(bundle).box;
    await until(() => readlinkSync(`/proc/${supervisor}/exe`) !== binary, "box to become the supervisor");
    const rollup = readFileSync(`/proc/${supervisor}/smaps_rollup`, "utf8");
    const pssKb = Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1]);
    expect([pssKb > 0, pssKb < 1024, readdirSync(`/proc/${supervisor}/task`).length]).toEqual([true, true, 1]);
    expect([0, 1, 2].map((fd) => readlinkSync(`/proc/${supervisor}/fd/${fd}`))).toEqual(Array(3).fill("/dev/null"));
    expect(readlinkSync(`/proc/${supervisor}/cwd`)).toBe("/");
  });

  test("passes signals on, and notes by which one the container ended", async () => {
    using bundle = bundleFor("trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.02; done");
    await detach(bundle);
    using logs = bundle.start(["logs", "-f", bundle.id]);
    await logs.says("ready");
    process.kill(state(bundle).box.supervisor, "SIGTERM");
    expect(await end(bundle)).toBe("9");
    expect((await logs.outcome()).stdout).toBe("ready\ncaught\n");
  });

  test("killed: the container runs until it writes, and box delete --force leaves nothing", async () => {
    using bundle = bundleFor(`trap '' PIPE; ${awaiting("go")}; echo x; echo $? > /status; exec sleep 1000`);
    const before = machine(bundle);
    await detach(bundle);
    const { supervisor, pid } = { ...state(bundle), ...state(bundle).box };
    process.kill(supervisor, "SIGKILL");
    await ended(supervisor);
    expect((JSON.parse((await bundle.box(["state", bundle.id])).stdout) as { status: string }).status).toBe("running");
    go(bundle);
    await until(
      () => existsSync(`${bundle.rootfs}/status`) && readFileSync(`${bundle.rootfs}/status`, "utf8") !== "",
      "the write to have failed",
    );
    expect(readFileSync(`${bundle.rootfs}/status`, "utf8")).toBe("1\n");
    expect(await bundle.box(["delete", "--force", bundle.id])).toEqual(quiet);
    await ended(pid);
    expect(machine(bundle)).toEqual(before);
  });

  test("ends with box delete --force of a container that runs", async () => {
    using bundle = bundleFor("exec sleep 1000");
    const before = machine(bundle);
    await detach(bundle, ...local, "-i");
    const { supervisor } = state(bundle).box;
    expect(await bundle.box(["delete", "--force", bundle.id])).toEqual(quiet);
    await ended(supervisor);
    expect(machine(bundle)).toEqual(before);
  });

  test("a start that fails says so, with its exit code, and leaves nothing", async () => {
    using bundle = new Bundle((spec) => (spec.process.args = ["nothing"]));
    const before = machine(bundle);
    const { exitCode, stdout, stderr } = await bundle.box(["run", "-d", ...local, bundle.id]);
    expect([exitCode, stdout, stderr.split("\n")[0]]).toEqual([127, "", expect.stringMatching(/^box: process\.args\[0\]: /)]);
    expect(machine(bundle)).toEqual(before);
  });
});

describe("box logs", () => {
  const script = `echo one; echo two >&2; ${awaiting("go")}; echo three; printf part`;

  test("--tail, --timestamps, --json, --since and --until", async () => {
    using bundle = bundleFor(script);
    await detach(bundle);
    {
      using follow = bundle.start(["logs", "-f", bundle.id]);
      await until(() => follow.stdout === "one\n" && follow.stderr === "two\n", "the first two lines");
      go(bundle);
    }
    await end(bundle);
    const logs = async (...flags: string[]): Promise<string> => {
      const { exitCode, stdout, stderr } = await bundle.box(["logs", ...flags, bundle.id]);
      expect(exitCode).toBe(0);
      return stdout + stderr;
    };
    const times = linesOf((await bundle.box(["logs", "-t", bundle.id])).stdout);
    expect(times).toEqual(["one", "three", "part"].map((line) => expect.stringMatching(new RegExp(`^20\\d\\d-.*T.*\\.\\d{9}Z ${line}$`))));
    const [first = "", second = ""] = times.map((line) => line.split(" ")[0]);
    expect(await logs("--tail", "2")).toBe("three\npart");
    expect(await logs("--tail", "0")).toBe("");
    expect(await logs("-n", "all")).toBe("one\nthree\nparttwo\n");
    expect(await logs("--since", second)).toBe("three\npart");
    expect(await logs("--until", first)).toBe("one\n");
    expect(await logs("--since", "1h", "--until", first)).toBe("one\n");
    expect(await logs("--tail", "1", "--until", first)).toBe("one\n");
    const json = linesOf((await bundle.box(["logs", "--json", bundle.id])).stdout).map((line) => JSON.parse(line) as object);
    expect(json).toEqual([
      { log: "one\n", stream: "stdout", time: first },
      { log: "two\n", stream: "stderr", time: expect.any(String) },
      { log: "three\n", stream: "stdout", time: second },
      { log: "part", stream: "stdout", time: expect.any(String) },
    ]);
  });

  test("of logs that somebody else has changed", async () => {
    using bundle = bundleFor("echo one; echo two >&2");
    await detach(bundle);
    await end(bundle);
    const log = `${bundle.states}/${bundle.id}/stdio/log`;
    const bytes = readFileSync(log);
    // Cut in its second entry, then with a time that there is none of, then something else.
    truncateSync(log, bytes.length - 1);
    expect(await bundle.box(["logs", bundle.id])).toEqual({
      exitCode: 0,
      stdout: "one\n",
      stderr: "box: warning: the log was cut, and a part of it is missing\n",
    });
    const changed = Buffer.from(bytes);
    changed.writeBigInt64LE(2n ** 60n, 28);
    writeFileSync(log, changed);
    expect(await bundle.box(["logs", "-t", bundle.id])).toEqual({
      exitCode: 0,
      stdout: expect.stringMatching(/^20.*Z one\n$/) as unknown as string,
      stderr: "box: warning: the log was changed by somebody else, and the rest of one of its files cannot be read\n",
    });
    unlinkSync(log);
    expect(Bun.spawnSync(["mkfifo", log]).exitCode).toBe(0);
    expect(await bundle.box(["logs", "-f", bundle.id])).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: `box: warning: the log was changed by somebody else: ${log} is no regular file\n`,
    });
  });

  test("ends when nobody reads it any more", async () => {
    using bundle = bundleFor("while :; do echo line; sleep 0.01; done");
    await detach(bundle);
    const script = `"$0" --root "$1" logs -f "$2" | head -n 1`;
    const { exitCode, stdout } = Bun.spawnSync(["sh", "-c", script, binary, bundle.states, bundle.id], { timeout: 10_000 });
    expect([exitCode, stdout.toString()]).toEqual([0, "line\n"]);
  });

  test("says where else the output went", async () => {
    using bundle = bundleFor("true");
    expect(await bundle.box(["run", "-d", bundle.id])).toEqual(quiet);
    expect(await bundle.box(["logs", bundle.id])).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: `box: id: the container ${bundle.id} has no log: what it writes goes where box run was told to\nhint: run -d --log-driver local keeps one\n`,
    });
  });
});

describe("files", () => {
  test("are written by the container itself: no process stays, and box logs shows them", async () => {
    using bundle = bundleFor(`echo out; echo error >&2; ${awaiting("go")}; echo more`);
    const path = `${bundle.folder}/output`;
    writeFileSync(path, "before\n");
    await detach(bundle, "--log-driver", "file", "--log-opt", `path=${path}`);
    expect(machine(bundle).processes.filter((one) => one.endsWith(" box"))).toEqual([]);
    using logs = bundle.start(["logs", "-f", "--tail", "2", bundle.id]);
    await logs.says("error");
    go(bundle);
    expect(await logs.outcome()).toEqual({ exitCode: 0, stdout: "out\nerror\nmore\n", stderr: "" });
    expect(readFileSync(path, "utf8")).toBe("before\nout\nerror\nmore\n");
    expect(await bundle.box(["logs", "-t", bundle.id])).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: "box: this container writes into a file by itself, and a file has no times\nhint: the driver local keeps them\n",
    });
    await ended(bundle.initPid);
  });

  test("a FIFO that nobody reads is not waited for, and one that somebody reads holds the container up", async () => {
    using bundle = bundleFor("yes | head -c 1000000; echo done > /done");
    const path = `${bundle.folder}/fifo`;
    expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0);
    const flags = ["--log-driver", "file", "--log-opt", `path=${path}`];
    const before = machine(bundle);
    expect(await bundle.box(["run", "-d", ...flags, bundle.id])).toEqual({
      exitCode: 125,
      stdout: "",
      stderr: `box: stdio: cannot open the file ${path} for output: openat(AT_FDCWD, "${path}", O_WRONLY|O_CREAT|O_APPEND|O_NONBLOCK|O_NOCTTY|O_CLOEXEC, 0640): ENXIO (no such device or address)\n`,
    });
    expect(machine(bundle)).toEqual(before);
    using reader = new Running(["sh", "-c", `wc -c < ${path}`], {});
    const fifo = openSync(path, "r+");
    await detach(bundle, ...flags);
    closeSync(fifo);
    expect((await reader.outcome()).stdout).toBe("1000000\n");
  });

  test("that cannot be read again, box logs refuses", async () => {
    using bundle = bundleFor("echo out");
    await detach(bundle, "--log-driver", "file", "--log-opt", "path=/dev/null");
    await ended(bundle.initPid);
    expect(await bundle.box(["logs", bundle.id])).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: "box: what the container writes to cannot be read again: /dev/null is no regular file\n",
    });
  });

  test("two, for stdout and stderr", async () => {
    using bundle = bundleFor("echo out; echo error >&2");
    const [path, errors] = [`${bundle.folder}/out`, `${bundle.folder}/err`];
    await detach(bundle, "--log-driver", "file", "--log-opt", `path=${path}`, "--log-opt", `stderr-path=${errors}`);
    await ended(bundle.initPid);
    expect([readFileSync(path, "utf8"), readFileSync(errors, "utf8")]).toEqual(["out\n", "error\n"]);
    expect(await bundle.box(["logs", bundle.id])).toEqual({ exitCode: 0, stdout: "out\n", stderr: "error\n" });
  });
});

describe("the journal", () => {
  const flags = (socket: string): string[] => ["--log-driver", "journald", "--log-opt", `socket=${socket}`, "--log-opt", "tag=shop"];

  test("gets an entry for each write, with the container's id and a priority", async () => {
    using bundle = bundleFor("echo out; printf 'error\\000' >&2");
    using journal = new JournalReceiver(`${bundle.folder}/journal`);
    await detach(bundle, ...flags(journal.path));
    const entries = [await journal.receive(), await journal.receive()];
    const fields = { CONTAINER_ID: bundle.id.slice(0, 12), CONTAINER_ID_FULL: bundle.id, CONTAINER_NAME: bundle.id };
    const common = { ...fields, CONTAINER_TAG: "shop", SYSLOG_IDENTIFIER: "shop" };
    expect(entries).toEqual([
      { PRIORITY: "6", ...common, MESSAGE: "out" },
      { PRIORITY: "3", ...common, MESSAGE: "error\0" },
    ]);
    await end(bundle);
    expect(await bundle.box(["logs", bundle.id])).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: `box: id: what the container ${bundle.id} writes is in the journal\nhint: journalctl CONTAINER_ID_FULL=${bundle.id}\n`,
    });
  });

  test("that is started anew gets the rest, and is told of what was lost meanwhile", async () => {
    using bundle = bundleFor(`echo one; ${awaiting("a")}; echo two; echo done > /lost; ${awaiting("b")}; echo three`);
    const path = `${bundle.folder}/journal`;
    {
      using journal = new JournalReceiver(path);
      await detach(bundle, ...flags(path));
      expect((await journal.receive()).MESSAGE).toBe("one");
    }
    go(bundle, "a");
    await until(() => existsSync(`${bundle.rootfs}/lost`), "the container to have written");
    // It is given up after a second.
    const { supervisor } = state(bundle).box;
    await until(() => isPolling(supervisor, "0x0"), "the supervisor to be patient");
    await until(() => isPolling(supervisor, "0x5"), "the loss");
    using journal = new JournalReceiver(path);
    go(bundle, "b");
    expect([(await journal.receive()).MESSAGE, (await journal.receive()).MESSAGE]).toEqual(["box: output was lost before this", "three"]);
    await end(bundle);
  });

  test("that is not there: the start fails", async () => {
    using bundle = bundleFor("true");
    const { exitCode, stderr } = await bundle.box(["run", "-d", ...flags("/nowhere/journal"), bundle.id]);
    expect([exitCode, stderr]).toEqual([
      125,
      "box: stdio: cannot connect to the journal at /nowhere/journal: connect(the journal, 19 bytes, 19): ENOENT (no such file or directory)\n",
    ]);
    expect(machine(bundle).states).toEqual([]);
  });
});

/** Whether it waits in a ppoll for so many descriptors: five in its loop, none while it waits for the journal. */
const isPolling = (pid: number, count: string): boolean => readFileSync(`/proc/${pid}/syscall`, "utf8").split(" ")[2] === count;

describe("a plugin of one's own", () => {
  const plugin = (bundle: Bundle, answer: string): string => {
    const path = `${bundle.folder}/own.ts`;
    writeFileSync(path, `export default { name: "own", apply(hooks) { hooks.stdio.tap("own", (before, { id }) => (${answer})); } };`);
    return path;
  };

  test("chooses too, and the last choice counts", async () => {
    using bundle = bundleFor("echo out");
    const own = plugin(bundle, `before.kind === "file" ? { ...before, path: "${bundle.folder}/" + id } : undefined`);
    expect(await bundle.box(["run", "-d", "--plugin", own, bundle.id])).toMatchObject({ exitCode: 0, stderr: "" });
    expect(existsSync(`${bundle.folder}/${bundle.id}`)).toBe(false);
    await ended(bundle.initPid);
    expect(await bundle.box(["delete", bundle.id])).toEqual(quiet);
    const other = `${bundle.folder}/first.ts`;
    writeFileSync(
      other,
      `export default { name: "first", apply(hooks) { hooks.stdio.tap("first", () => ({ kind: "file", path: "/x" })); } };`,
    );
    await detach(bundle, "--plugin", other, "--plugin", own);
    await ended(bundle.initPid);
    expect(readFileSync(`${bundle.folder}/${bundle.id}`, "utf8")).toBe("out\n");
  });

  test("that chooses what there is none of is refused by its name", async () => {
    using bundle = bundleFor("true");
    const own = plugin(bundle, `{ kind: "tape" }`);
    const { exitCode, stderr } = await bundle.box(["run", "-d", "--plugin", own, bundle.id]);
    const words = "stdio: that is no choice for stdio: kind is none of inherit, file, supervised";
    expect([exitCode, stderr.replace(/after \d+ ms/, "after N ms")]).toEqual([125, `box: --plugin ${own}: ${words} (after N ms)\n`]);
  });
});

describe("is refused", () => {
  test.each<[readonly string[], string]>([
    [["run", "-d", "--log-opt", "max-size=1k"], "box: --log-opt: options for no driver\nhint: name one with --log-driver\n"],
    [["run", "-d", ...local, "--log-opt", "max-size"], 'box: --log-opt: expected NAME=VALUE, got "max-size"\n'],
    [
      ["run", "-d", "--log-driver", "locl"],
      'box: --log-driver locl: driver: expected one of local, json-file, file, journald, got "locl"\nhint: did you mean "local"?\n',
    ],
    [
      ["run", "-d", ...local, "--log-opt", "max-sice=1k"],
      'box: --log-driver local: ["max-sice"]: unknown option, did you mean "max-size"?\n',
    ],
    [
      ["run", "-d", "--log-driver", "file"],
      expect.stringMatching(/^box: --log-driver file: stdio: the driver file needs a path \(after \d+ ms\)\n$/),
    ],
  ])("%j", async (flags, stderr) => {
    using bundle = bundleFor("true");
    const before = machine(bundle);
    expect(await bundle.box([...flags, bundle.id])).toEqual({ exitCode: 125, stdout: "", stderr });
    expect(machine(bundle)).toEqual(before);
  });

  test("a descriptor to pass on", async () => {
    using bundle = bundleFor("true");
    const before = ["sh", "-c", 'exec "$@" 3< /dev/null', "sh"];
    expect(await bundle.box(["run", "-d", ...local, "--preserve-fds", "1", bundle.id], { before })).toEqual({
      exitCode: 125,
      stdout: "",
      stderr: "box: --preserve-fds: descriptors cannot be passed to a container whose output a supervisor reads\n",
    });
  });

  test("a log of what nobody supervises", async () => {
    using bundle = bundleFor("true");
    mkdirSync(`${bundle.folder}/yaml`);
    writeFileSync(`${bundle.folder}/yaml/box.yaml`, "rootfs: host\ncommand: true\nplugins: [logging]\n");
    expect(await bundle.box(["create", "-b", `${bundle.folder}/yaml`, bundle.id])).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: "box: stdio: a log needs a supervisor, which create does not leave behind\nhint: use run -d, or write into files\n",
    });
  });
});
