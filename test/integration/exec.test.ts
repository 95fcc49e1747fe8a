// exec: one more process in a container that runs. What it is like there, which flags change it, and how box follows it.

import { describe, expect } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmdirSync, writeFileSync } from "node:fs";
import type { Process, Spec } from "../../src/config/spec.ts";
import {
  asUser,
  Bundle,
  binary,
  cgroupsOf,
  descendants,
  ended,
  execute,
  inLayout,
  linesOf,
  machine,
  type Outcome,
  type RichSpec,
  type Running,
  type RunOptions,
  testWith,
  until,
  userId,
} from "./harness.ts";
import { Terminal } from "./terminal.ts";

const test = testWith();
const said = (stderr: string, exitCode = 125): Outcome => ({ exitCode, stdout: "", stderr });

/** A container that runs until the end of the test; `exec` runs a command in it. */
class Target implements AsyncDisposable {
  readonly bundle: Bundle;
  readonly #running: Running;

  private constructor(bundle: Bundle, running: Running) {
    this.bundle = bundle;
    this.#running = running;
  }

  static async start(change: (spec: RichSpec) => void = () => {}, options: RunOptions = {}): Promise<Target> {
    const bundle = new Bundle(change);
    return new Target(bundle, await bundle.startSh("echo ready; exec sleep 1000", options));
  }

  get init(): number {
    return this.bundle.initPid;
  }

  /** `words`: flags, then ID for the container's id, then the command. */
  exec(words: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return this.bundle.box(["exec", ...words.map((word) => (word === "ID" ? this.bundle.id : word))], options);
  }

  /** A shell script in the container, with flags; it must end with 0 and write nothing to stderr. */
  async sh(script: string, ...flags: readonly string[]): Promise<string[]> {
    const { exitCode, stdout, stderr } = await this.exec([...flags, "ID", "sh", "-c", script]);
    if (exitCode !== 0 || stderr !== "") throw new Error(`${script}\nended with ${exitCode}: ${stderr}${stdout}`);
    return linesOf(stdout);
  }

  /** A command that goes on, of which box is the supervisor once it does. */
  start(words: readonly string[], options: RunOptions = {}): Running {
    return this.bundle.start(["exec", ...words.map((word) => (word === "ID" ? this.bundle.id : word))], options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.bundle[Symbol.dispose]();
    await this.#running.outcome();
    this.#running[Symbol.dispose]();
  }
}

const withoutPidNamespace = (spec: RichSpec): void => {
  spec.linux.namespaces = spec.linux.namespaces.filter(({ type }) => type !== "pid");
  spec.mounts = spec.mounts.filter(({ type }) => type !== "proc");
};
const namespaces = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"];
const namespacesOf = (pid: number): string[] => namespaces.map((name) => readlinkSync(`/proc/${pid}/ns/${name}`));
const showNamespaces = `for n in ${namespaces.join(" ")}; do readlink /proc/self/ns/$n; done`;

describe("the process", () => {
  test("is in all of init's namespaces, and no other process is", async () => {
    await using target = await Target.start();
    expect(await target.sh(showNamespaces)).toEqual(namespacesOf(target.init));
    const [pid, parent] = await target.sh("echo $$; cut -d' ' -f4 /proc/$$/stat");
    expect([Number(pid) > 1, parent]).toEqual([true, "0"]);
  });

  test("is in all of init's cgroups from its first instruction on, and box is in none of them", async () => {
    await using target = await Target.start();
    const own = readFileSync(`/proc/${target.init}/cgroup`, "utf8");
    using running = target.start(["ID", "sh", "-c", "echo ready; exec sleep 1000"]);
    await running.says("ready");
    await running.supervises();
    const [child] = descendants(running.pid).map((line) => Number(line.split(" ")[0]));
    expect(readFileSync(`/proc/${child}/cgroup`, "utf8")).toBe(own);
    expect(
      cgroupsOf("/sys/fs/cgroup", target.bundle.id).flatMap((path) => linesOf(readFileSync(`${path}/cgroup.procs`, "utf8"))),
    ).not.toContain(String(running.pid));
    process.kill(child as number, "SIGKILL");
    expect((await running.outcome()).exitCode).toBe(137);
  });

  test("has the container's environment, user, folder, groups, umask and capabilities", async () => {
    await using target = await Target.start((spec) => {
      spec.process.env.push("OF=container");
      spec.process.cwd = "/tmp";
      spec.process.user = { uid: 0, gid: 1001, umask: 0o27, additionalGids: [5, 6] };
      spec.process.capabilities = { bounding: ["CAP_KILL", "CAP_CHOWN"], effective: ["CAP_KILL"], permitted: ["CAP_KILL"] };
      spec.process.noNewPrivileges = false;
    });
    const lines = await target.sh("echo $OF $HOME; pwd; umask; id; grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status");
    expect(lines).toEqual([
      "container /root",
      "/tmp",
      "0027",
      "uid=0(root) gid=1001(users) groups=5,6",
      "CapInh:\t0000000000000000",
      // The shell's exec of grep as root gives it the whole bounding set, as the kernel has it.
      "CapPrm:\t0000000000000021",
      "CapEff:\t0000000000000021",
      "CapBnd:\t0000000000000021",
      "CapAmb:\t0000000000000000",
      "NoNewPrivs:\t0",
      "Seccomp:\t0",
    ]);
  });

  test("has no descriptor but stdio, no signal blocked or ignored, and the caller's limit on open files", async () => {
    await using target = await Target.start((spec) => (spec.process.rlimits = []));
    const script = 'grep -E "^Sig(Blk|Ign)" /proc/self/status; grep "open files" /proc/self/limits; exec sleep 1000';
    // The caller's limit is that of box's parent, since Bun raises box's own.
    const before = ["prlimit", "--nofile=100:200", "sh", "-c", 'trap "" INT HUP; "$@" 5</ 6</etc; exit $?', "sh"];
    using running = target.start(["--pid-file", `${target.bundle.folder}/pid`, "ID", "sh", "-c", script], { before });
    await running.says("open files");
    const pid = Number(readFileSync(`${target.bundle.folder}/pid`, "utf8"));
    await until(() => readFileSync(`/proc/${pid}/comm`, "utf8") === "sleep\n", "the shell to become sleep");
    expect(readdirSync(`/proc/${pid}/fd`).toSorted()).toEqual(["0", "1", "2"]);
    expect(linesOf(running.stdout.replaceAll(/ +/g, " "))).toEqual([
      "SigBlk:\t0000000000000000",
      "SigIgn:\t0000000000000000",
      "Max open files 100 200 files ",
    ]);
    process.kill(pid, "SIGKILL");
    expect((await running.outcome()).exitCode).toBe(137);
  });

  test("has box's stdio", async () => {
    await using target = await Target.start();
    expect(await target.exec(["ID", "sh", "-c", "cat; echo err >&2"], { stdin: "typed\n" })).toEqual({
      exitCode: 0,
      stdout: "typed\n",
      stderr: "err\n",
    });
  });

  test("has the filter of system calls of the container", async () => {
    await using target = await Target.start((spec) => {
      spec.linux.seccomp = {
        defaultAction: "SCMP_ACT_ALLOW",
        architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
        syscalls: [{ names: ["sethostname"], action: "SCMP_ACT_ERRNO", errnoRet: 95 }],
      };
    });
    expect(await target.sh("grep Seccomp: /proc/self/status")).toEqual(["Seccomp:\t2"]);
    expect(await target.exec(["--cap", "CAP_SYS_ADMIN", "ID", "hostname", "x"])).toEqual(
      said("hostname: sethostname: Operation not supported\n", 1),
    );
  });

  test("runs in a container that waits for its start", async () => {
    using bundle = new Bundle((spec) => (spec.process.args = ["sleep", "1000"]));
    expect((await bundle.box(["create", bundle.id])).exitCode).toBe(0);
    expect(await bundle.box(["exec", bundle.id, "echo", "in"])).toEqual({ exitCode: 0, stdout: "in\n", stderr: "" });
    expect((await bundle.box(["start", bundle.id])).exitCode).toBe(0);
  });

  test("never shows box's executable to the container", async () => {
    await using target = await Target.start();
    const watch = "trap 'exit 0' TERM; echo ready; while :; do ls -l /proc/[0-9]*/exe; done 2>/dev/null";
    using watching = target.start(["ID", "sh", "-c", watch]);
    await watching.says("ready");
    for (let round = 0; round < 20; round++) await target.exec(["ID", "true"]);
    watching.child.kill("SIGTERM");
    const { exitCode, stdout } = await watching.outcome();
    const seen = new Set(linesOf(stdout).flatMap((line) => line.split(" -> ")[1] ?? []));
    expect([exitCode, [...seen].filter((path) => path !== "/bin/busybox" && path !== "/memfd:box-stage (deleted)")]).toEqual([0, []]);
    expect(seen.size).toBeGreaterThan(0);
  }, 30_000);
});

describe("exit codes", () => {
  test.each<[script: string, exitCode: number]>([
    ["exit 0", 0],
    ["exit 7", 7],
    ["exit 255", 255],
    ["kill -TERM $$", 143],
    ["kill -KILL $$", 137],
    ["sleep 0.2; exit 5", 5],
    ["sleep 0.2; kill -INT $$", 130],
  ])("%s", async (script, exitCode) => {
    await using target = await Target.start();
    expect(await target.exec(["ID", "sh", "-c", script])).toEqual({ exitCode, stdout: "", stderr: "" });
  });

  test("of programs that cannot be executed, and the container goes on", async () => {
    await using target = await Target.start();
    const refusal = async (...command: string[]): Promise<Outcome> => await target.exec(["ID", ...command]);
    expect(await refusal("nothing")).toEqual(
      said("box: process.args[0]: cannot execute nothing: executable file not found in $PATH\n", 127),
    );
    expect((await refusal("/bin/nothing")).exitCode).toBe(127);
    expect((await refusal("/etc/passwd")).exitCode).toBe(126);
    expect(await refusal("/etc")).toEqual(said("box: process.args[0]: cannot execute /etc: EACCES (permission denied)\n", 126));
    expect(await refusal("true")).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  });

  test("when the container ends meanwhile", async () => {
    await using target = await Target.start();
    using running = target.start(["ID", "sh", "-c", "echo ready; exec sleep 1000"]);
    await running.says("ready");
    process.kill(target.init, "SIGKILL");
    expect((await running.outcome()).exitCode).toBe(137);
  });
});

describe("flags", () => {
  test("--env, --cwd, --user, --additional-gids", async () => {
    await using target = await Target.start();
    const lines = await target.sh(
      "echo $A $B $HOME; pwd; id",
      "-e",
      "A=1",
      "--env=B=2 3",
      "--cwd",
      "/tmp",
      "-u",
      "1000:1001",
      "-g",
      "1002",
      "-g",
      "7",
    );
    expect(lines).toEqual(["1 2 3 /home/user", "/tmp", "uid=1000(user) gid=1001(users) groups=7,1002(extra)"]);
  });

  test("--user: rights go with the user, and a folder that only the user may enter can be its own", async () => {
    await using target = await Target.start((spec) => (spec.root.readonly = false));
    mkdirSync(`${target.bundle.rootfs}/private`, { mode: 0o700 });
    await execute(["chown", "1000:1001", `${target.bundle.rootfs}/private`]);
    expect(await target.sh("pwd; grep -E '^Cap(Prm|Eff)' /proc/self/status", "-u", "1000:1001", "--cwd", "/private")).toEqual([
      "/private",
      "CapPrm:\t0000000000000000",
      "CapEff:\t0000000000000000",
    ]);
  });

  test("--cap, never inheritable", async () => {
    await using target = await Target.start((spec) => (spec.process.capabilities = {}));
    const script = "grep ^Cap /proc/self/status";
    const sets = (bits: string): string[] => [
      "CapInh:\t0000000000000000",
      `CapPrm:\t${bits}`,
      `CapEff:\t${bits}`,
      `CapBnd:\t${bits}`,
      "CapAmb:\t0000000000000000",
    ];
    expect(await target.sh(script)).toEqual(sets("0000000000000000"));
    expect(await target.sh(script, "--cap", "CAP_KILL", "-c", "CAP_CHOWN")).toEqual(sets("0000000000000021"));
  });

  test("--no-new-privs", async () => {
    await using target = await Target.start((spec) => (spec.process.noNewPrivileges = false));
    expect(await target.sh("grep NoNewPrivs /proc/self/status")).toEqual(["NoNewPrivs:\t0"]);
    expect(await target.sh("grep NoNewPrivs /proc/self/status", "--no-new-privs")).toEqual(["NoNewPrivs:\t1"]);
  });

  test("--process FILE: all of it, whatever the container's is", async () => {
    await using target = await Target.start((spec) => spec.process.env.push("OF=container"));
    const own: Process = {
      args: ["sh", "-c", 'echo "$OF $B"; pwd; id -u; exit 4'],
      env: ["PATH=/bin", "B=file"],
      cwd: "/tmp",
      user: { uid: 33, gid: 33 },
    };
    writeFileSync(`${target.bundle.folder}/process.json`, JSON.stringify(own));
    expect(await target.exec(["--process", "process.json", "ID"])).toEqual({ exitCode: 4, stdout: " file\n/tmp\n33\n", stderr: "" });
  });

  test("--cgroup: below the container's, of all controllers or of some", async () => {
    await using target = await Target.start();
    const own = cgroupsOf("/sys/fs/cgroup", target.bundle.id);
    const made = own.map((path) => `${path}/sub`);
    for (const [index, path] of made.entries()) {
      mkdirSync(path);
      // A new cpuset of version 1 is empty, and takes no process.
      for (const file of ["cpuset.cpus", "cpuset.mems"])
        if (existsSync(`${path}/${file}`)) writeFileSync(`${path}/${file}`, readFileSync(`${own[index]}/${file}`, "utf8"));
    }
    const script = "cat /proc/self/cgroup";
    const before = await target.sh(script);
    expect(await target.sh(script, "--cgroup", "/sub")).toEqual(before.map((line) => `${line}/sub`));
    expect(await target.sh(script, "--cgroup", "pids,memory:sub")).toEqual(
      before.map((line) => (/:(pids|memory):/.test(line) ? `${line}/sub` : line)),
    );
    for (const path of made) rmdirSync(path);
    const missing = await target.exec(["--cgroup", "sub", "ID", "true"]);
    expect([missing.exitCode, missing.stderr.includes("/sub"), missing.stderr.includes("ENOENT")]).toEqual([125, true, true]);
  });

  test("--detach and --pid-file: the process goes on by itself", async () => {
    await using target = await Target.start();
    const file = `${target.bundle.folder}/exec.pid`;
    expect(await target.exec(["--detach", "--pid-file", file, "ID", "sleep", "1000"])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    const pid = Number(readFileSync(file, "utf8"));
    expect(readFileSync(`/proc/${pid}/cmdline`, "utf8")).toBe("sleep\x001000\0");
    expect(namespacesOf(pid)).toEqual(namespacesOf(target.init));
    expect(readlinkSync(`/proc/${pid}/root`)).toBe(readlinkSync(`/proc/${target.init}/root`));
    process.kill(pid, "SIGKILL");
    await ended(pid);
    expect(await target.sh("echo still")).toEqual(["still"]);
  });

  test("--detach of what cannot be executed says so", async () => {
    await using target = await Target.start();
    expect(await target.exec(["-d", "ID", "nothing"])).toEqual(
      said("box: process.args[0]: cannot execute nothing: executable file not found in $PATH\n", 127),
    );
  });

  test("--tty: a terminal of the container's own, of the caller's size", async () => {
    await using target = await Target.start();
    using terminal = new Terminal(
      target.bundle,
      `$BOX exec -t ${target.bundle.id} sh -c 'readlink /proc/self/fd/0; stty size; : < /dev/tty && echo controlling; read line; echo got $line; exit 6'`,
    );
    await terminal.says("controlling");
    terminal.type("keys\r");
    expect(await terminal.end()).toEqual({ exitCode: 6, output: "/dev/pts/0\n30 100\ncontrolling\nkeys\ngot keys\n" });
  });

  test("--tty without a terminal of the caller's", async () => {
    await using target = await Target.start();
    expect(await target.exec(["--tty", "ID", "sh", "-c", "readlink /proc/self/fd/1; exit 3"])).toEqual({
      exitCode: 3,
      stdout: "/dev/pts/0\n",
      stderr: "",
    });
  });

  test("--ignore-paused: waits until the container goes on; without it there is no waiting", async () => {
    await using target = await Target.start();
    const { id } = target.bundle;
    expect((await target.bundle.box(["pause", id])).exitCode).toBe(0);
    expect(await target.exec(["ID", "echo", "in"])).toEqual(
      said(`box: id: cannot exec in a paused container ${id}\nhint: --ignore-paused waits until it is resumed\n`),
    );
    using waiting = target.start(["--ignore-paused", "ID", "echo", "in"]);
    await until(() => descendants(waiting.pid).length > 0, "the process");
    expect([waiting.stdout, waiting.child.exitCode]).toEqual(["", null]);
    expect((await target.bundle.box(["resume", id])).exitCode).toBe(0);
    expect(await waiting.outcome()).toEqual({ exitCode: 0, stdout: "in\n", stderr: "" });
  });
});

describe("refused", () => {
  test("what is not there, or has ended", async () => {
    using bundle = new Bundle((spec) => (spec.process.args = ["true"]));
    const exec = (): Promise<Outcome> => bundle.box(["exec", bundle.id, "true"]);
    expect(await exec()).toEqual(said(`box: id: the container ${bundle.id} does not exist\n`));
    expect((await bundle.box(["run", "--keep", bundle.id])).exitCode).toBe(0);
    expect(await exec()).toEqual(said(`box: id: cannot exec in a stopped container ${bundle.id}\n`));
    expect(await bundle.box(["exec"])).toEqual(said("box: a container id is missing\nhint: box exec ID COMMAND…\n"));
    expect(await bundle.box(["exec", bundle.id])).toEqual(said(`box: id: cannot exec in a stopped container ${bundle.id}\n`));
  });

  test("a folder that is not there", async () => {
    await using target = await Target.start();
    expect(await target.exec(["--cwd", "/nowhere", "ID", "true"])).toEqual(
      said('box: process.cwd: cannot change to the folder /nowhere: chdir("/nowhere"): ENOENT (no such file or directory)\n'),
    );
  });

  test("a folder of the host behind a descriptor of box's (CVE-2024-21626)", async () => {
    await using target = await Target.start();
    for (let fd = 3; fd < 12; fd++) {
      const { exitCode, stdout } = await target.exec(["--cwd", `/proc/self/fd/${fd}`, "ID", "pwd"], {
        before: ["sh", "-c", 'exec "$@" 3</ 4</ 5</ 6</ 7</ 8</ 9</', "sh"],
      });
      expect([fd, exitCode, stdout]).toEqual([fd, 125, ""]);
    }
  });
});

describe("box meanwhile", () => {
  test("passes signals on", async () => {
    await using target = await Target.start();
    using running = target.start([
      "ID",
      "sh",
      "-c",
      "trap 'echo got USR1' USR1; trap 'exit 9' TERM; echo ready; while :; do sleep 0.01; done",
    ]);
    await running.says("ready");
    await running.supervises();
    process.kill(running.pid, "SIGUSR1");
    await running.says("got USR1");
    process.kill(running.pid, "SIGTERM");
    expect((await running.outcome()).exitCode).toBe(9);
    expect(await target.sh("echo still")).toEqual(["still"]);
  });

  test("passes on what comes before it is the supervisor", async () => {
    await using target = await Target.start();
    for (let delayMs = 0; delayMs < 60; delayMs += 6) {
      using running = target.start(["ID", "sh", "-c", "trap 'exit 9' TERM; while :; do sleep 0.01; done"]);
      await until(() => descendants(running.pid).length > 0 || running.child.exitCode !== null, "the process");
      await Bun.sleep(delayMs);
      running.child.kill("SIGTERM");
      const { exitCode } = await running.outcome();
      // 143: the shell had not set its trap yet, or box not yet begun.
      expect([9, 143]).toContain(exitCode);
    }
    await until(() => descendants(process.pid).filter((line) => line.endsWith(" sh")).length === 0, "the end of all shells");
  });

  test("is a lean supervisor once the process has run for a moment: the stage, one thread, a few pages", async () => {
    await using target = await Target.start();
    using running = target.start(["ID", "sh", "-c", "echo ready; exec sleep 1000"]);
    await running.says("ready");
    await running.supervises();
    const status = readFileSync(`/proc/${running.pid}/status`, "utf8");
    const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]);
    expect([readlinkSync(`/proc/${running.pid}/exe`), readFileSync(`/proc/${running.pid}/comm`, "utf8"), field("Threads")]).toEqual([
      "/memfd:box-stage (deleted)",
      "box\n",
      1,
    ]);
    expect(field("VmRSS")).toBeLessThan(1024);
    running.child.kill("SIGTERM");
    expect((await running.outcome()).exitCode).toBe(143);
  });

  test("killed: the process goes on in the container, and ends with it", async () => {
    await using target = await Target.start();
    using running = target.start(["--pid-file", `${target.bundle.folder}/pid`, "ID", "sh", "-c", "echo ready; exec sleep 1000"]);
    await running.says("ready");
    const pid = Number(readFileSync(`${target.bundle.folder}/pid`, "utf8"));
    running.child.kill("SIGKILL");
    await running.child.exited;
    expect(existsSync(`/proc/${pid}/root`)).toBe(true);
    process.kill(target.init, "SIGKILL");
    await ended(pid);
    await ended(target.init);
  });

  test("many at once", async () => {
    await using target = await Target.start();
    const numbers = Array.from({ length: 16 }, (_, index) => index);
    const outcomes = await Promise.all(numbers.map((number) => target.exec(["ID", "sh", "-c", `echo ${number}; exit ${number}`])));
    expect(outcomes).toEqual(numbers.map((number) => ({ exitCode: number, stdout: `${number}\n`, stderr: "" })));
  });

  test("leaves nothing on the machine", async () => {
    await using target = await Target.start();
    const before = machine(target.bundle);
    expect((await target.exec(["ID", "true"])).exitCode).toBe(0);
    expect((await target.exec(["ID", "nothing"])).exitCode).toBe(127);
    expect((await target.exec(["--user", "1000", "--cwd", "/root", "ID", "true"])).exitCode).not.toBe(1);
    expect(machine(target.bundle)).toEqual(before);
  });
});

describe("in containers of other kinds", () => {
  for (const layout of ["v1", "v2"] as const)
    test(`on ${layout}: in the container's cgroups`, async () => {
      const options = { before: inLayout(layout) };
      await using target = await Target.start(() => {}, options);
      const { stdout, stderr } = await target.exec(["ID", "cat", "/proc/self/cgroup"], options);
      expect([stdout, stderr]).toEqual([readFileSync(`/proc/${target.init}/cgroup`, "utf8"), ""]);
    });

  test("the host's pids: no helper, and the process is a child of box", async () => {
    await using target = await Target.start(withoutPidNamespace);
    using running = target.start(["ID", "sh", "-c", "echo ready; exec sleep 1000"]);
    await running.says("ready");
    const children = descendants(running.pid);
    expect(children.length).toBe(1);
    const pid = Number(children[0]?.split(" ")[0]);
    expect(namespacesOf(pid)).toEqual(namespacesOf(target.init));
    process.kill(pid, "SIGKILL");
    expect((await running.outcome()).exitCode).toBe(137);
  });

  test("a user namespace: its root, and its maps", async () => {
    const map = [{ containerID: 0, hostID: 100000, size: 2000 }];
    const bundle = new Bundle((spec) => {
      spec.linux.namespaces.push({ type: "user" });
      spec.linux.uidMappings = map;
      spec.linux.gidMappings = map;
    });
    bundle.giveRootTo(100000);
    using _ = bundle;
    using running = await bundle.startSh("echo ready; exec sleep 1000");
    const { stdout, stderr } = await bundle.box([
      "exec",
      "-u",
      "1000:1001",
      bundle.id,
      "sh",
      "-c",
      `${showNamespaces}; id -u; cat /proc/self/uid_map`,
    ]);
    const lines = linesOf(stdout).map((line) => line.trim().replace(/ +/g, " "));
    expect([lines, stderr]).toEqual([[...namespacesOf(bundle.initPid), "1000", "0 100000 2000"], ""]);
    expect(running.child.exitCode).toBeNull();
  });

  test("namespaces that the container has joined are joined with it", async () => {
    await using other = await Target.start();
    await using target = await Target.start((spec) => {
      const rest = spec.linux.namespaces.filter(({ type }) => type !== "network");
      spec.linux.namespaces = [...rest, { type: "network", path: `/proc/${other.init}/ns/net` }];
    });
    expect(await target.sh("readlink /proc/self/ns/net")).toEqual([readlinkSync(`/proc/${other.init}/ns/net`)]);
  });

  test("a container whose own processes have divided its cgroup", async () => {
    await using target = await Target.start();
    expect(await target.sh("cat /proc/self/cgroup")).toEqual(linesOf(readFileSync(`/proc/${target.init}/cgroup`, "utf8")));
  });
});

testWith("setpriv", "user namespaces for users")("an ordinary user's, by that user", async () => {
  using bundle = new Bundle();
  bundle.giveTo(userId);
  const target = `${bundle.folder}/made`;
  await execute([...asUser, "sh", "-c", `mkdir ${target} && cd ${target} && ${binary} spec --rootless`]);
  const spec = JSON.parse(readFileSync(`${target}/config.json`, "utf8")) as Spec;
  Object.assign(bundle.spec, spec, { process: { ...spec.process, terminal: false } });
  bundle.change(() => {});
  const options: RunOptions = { before: asUser };
  using running = await bundle.startSh("echo ready; exec sleep 1000", options);
  const { stdout, stderr, exitCode } = await bundle.box(["exec", bundle.id, "sh", "-c", `${showNamespaces}; id -u; exit 3`], options);
  expect([linesOf(stdout), stderr, exitCode]).toEqual([[...namespacesOf(bundle.initPid), "0"], "", 3]);
  running.child.kill("SIGKILL");
  process.kill(bundle.initPid, "SIGKILL");
  await running.child.exited;
});
