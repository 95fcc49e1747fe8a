// Flags of run and create that say how a container is started, seen from inside it.

import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { Bundle, cgroupsOf, linesOf, testWith, until } from "./harness.ts";

const test = testWith();

const withoutPidNamespace = (bundle: Bundle): void =>
  bundle.change((spec) => (spec.linux.namespaces = spec.linux.namespaces?.filter(({ type }) => type !== "pid") ?? []));

/** Prints the parent of a process whose own parent has ended. */
const orphan = '(sh -c "while [ ! -e /tmp/orphaned ]; do :; done; grep PPid /proc/self/status" &); touch /tmp/orphaned; sleep 0.2';

test("box adopts what a container without a pid namespace of its own leaves behind, unless told not to", async () => {
  using bundle = new Bundle((spec) => {
    spec.root.readonly = false;
    spec.process.args = ["sh", "-c", `${orphan}; echo ready; sleep 1000`];
  });
  withoutPidNamespace(bundle);
  using running = bundle.start(["run", bundle.id]);
  await running.says("ready");
  const parentOf = (text: string): string => /PPid:\t(\d+)/.exec(text)?.[1] ?? "";
  await until(() => parentOf(running.stdout) !== "", "the orphan to say whose it is");
  expect(parentOf(running.stdout)).toBe(String(running.pid));
  // Nothing is left of those that have ended.
  const states = (): string[] =>
    readFileSync(`/proc/${running.pid}/task/${running.pid}/children`, "utf8")
      .trim()
      .split(" ")
      .map((pid) => /State:\t(\w)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "");
  await until(() => !states().includes("Z"), "the orphan to be reaped");
  await bundle.box(["delete", "--force", bundle.id]);

  using other = bundle.start(["run", "--no-subreaper", bundle.id]);
  await other.says("ready");
  await until(() => parentOf(other.stdout) !== "", "the orphan to say whose it is");
  expect(parentOf(other.stdout)).not.toBe(String(other.pid));
});

const keyring = 'head -n1 /proc/keys | grep -c . ; grep -o "_ses.*" /proc/keys | cut -d: -f1';

test("a container has a session keyring of its own, unless it is to have its caller's", async () => {
  using bundle = new Bundle((spec) => (spec.linux.maskedPaths = []));
  const own = await bundle.sh(keyring);
  expect(own).toContain(`_ses.${bundle.id}`);
  // Another name: the kernel takes its time to forget a keyring.
  using other = new Bundle((spec) => {
    spec.linux.maskedPaths = [];
    spec.process.args = ["sh", "-c", keyring];
  });
  const { exitCode, stdout } = await other.box(["run", "--no-new-keyring", other.id]);
  expect([exitCode, stdout.includes(`_ses.${other.id}`)]).toEqual([0, false]);
});

test("without pivot_root the root is the container's all the same, for exec too", async () => {
  using bundle = new Bundle((spec) => (spec.process.args = ["sh", "-c", "ls /; ls /..; echo ready; sleep 1000"]));
  const root = "bin dev etc proc sys tmp".split(" ");
  using running = bundle.start(["run", "--no-pivot", bundle.id]);
  await running.says("ready");
  const listed = linesOf(running.stdout);
  for (const name of root.slice(0, 1)) expect(listed.filter((line) => line === name)).toHaveLength(2);
  const { stdout } = await bundle.box(["exec", bundle.id, "sh", "-c", "ls /; ls /.."]);
  expect(`${stdout}ready\n`).toBe(running.stdout);
});

test("the caller's own choice of processors is not the container's, nor an exec's", async () => {
  using bundle = new Bundle((spec) => {
    spec.process.args = ["sh", "-c", "grep Cpus_allowed_list /proc/self/status; echo ready; sleep 1000"];
  });
  const all = linesOf(readFileSync("/sys/fs/cgroup/cpuset/cpuset.cpus", "utf8"))[0];
  const before = ["taskset", "--cpu-list", "0"];
  using running = bundle.start(["run", bundle.id], { before });
  await running.says("ready");
  expect(running.stdout).toBe(`Cpus_allowed_list:\t${all}\nready\n`);
  const { stdout } = await bundle.box(["exec", bundle.id, "grep", "Cpus_allowed_list", "/proc/self/status"], { before });
  expect(stdout).toBe(`Cpus_allowed_list:\t${all}\n`);
});

test("without pivot_root no procfs of the host is left in sight, however often it is mounted", async () => {
  using bundle = new Bundle((spec) => {
    for (const set of ["bounding", "permitted", "effective"] as const) spec.process.capabilities[set]?.push("CAP_SETFCAP");
  });
  // A new procfs is refused to a user namespace that sees none whole (mount_namespaces(7)): that of the container has masks.
  const twice = ["unshare", "-m", "sh", "-c", 'mount -t proc proc /proc && mount -t proc proc /proc && exec "$@"', "sh"];
  const { exitCode, stdout, stderr } = await bundle.box(
    ["run", "--no-pivot", bundle.id, "busybox", "unshare", "-Urmpf", "busybox", "mount", "-t", "proc", "proc", "/proc"],
    {
      before: twice,
    },
  );
  expect([exitCode, stdout, stderr]).toEqual([1, "", "mount: permission denied (are you root?)\n"]);
});

test("no cgroup is made where the caller wants none", async () => {
  using bundle = new Bundle((spec) => (spec.process.args = ["sh", "-c", "echo ready; sleep 1000"]));
  using running = bundle.start(["--cgroup-manager", "disabled", "run", bundle.id]);
  await running.says("ready");
  expect(cgroupsOf("/sys/fs/cgroup", bundle.id)).toEqual([]);
  expect(readFileSync(`/proc/${bundle.initPid}/cgroup`, "utf8")).toBe(readFileSync("/proc/self/cgroup", "utf8"));
});

test("exec runs on the processors that the configuration gives it", async () => {
  using bundle = new Bundle((spec) => {
    spec.process.args = ["sh", "-c", "echo ready; sleep 1000"];
    spec.process.execCPUAffinity = { initial: "0", final: "0" };
  });
  using running = bundle.start(["run", bundle.id]);
  await running.says("ready");
  const allowed = (): Promise<{ stdout: string }> => bundle.box(["exec", bundle.id, "grep", "Cpus_allowed_list", "/proc/self/status"]);
  expect((await allowed()).stdout).toBe("Cpus_allowed_list:\t0\n");
});

test("exec stays on the processors that it begins on, unless it is told where to go on", async () => {
  using bundle = new Bundle((spec) => {
    spec.process.args = ["sh", "-c", "echo ready; sleep 1000"];
    spec.process.execCPUAffinity = { initial: "0" };
  });
  using running = bundle.start(["run", bundle.id]);
  await running.says("ready");
  const outcome = await bundle.box(["exec", bundle.id, "grep", "Cpus_allowed_list", "/proc/self/status"]);
  expect(outcome).toEqual({ exitCode: 0, stdout: "Cpus_allowed_list:\t0\n", stderr: "" });
});

test("exec on a processor that there is not", async () => {
  using bundle = new Bundle((spec) => {
    spec.process.args = ["sh", "-c", "echo ready; sleep 1000"];
    spec.process.execCPUAffinity = { final: "8000" };
  });
  using running = bundle.start(["run", bundle.id]);
  await running.says("ready");
  expect(await bundle.box(["exec", bundle.id, "true"])).toEqual({
    exitCode: 125,
    stdout: "",
    stderr:
      "box: process.execCPUAffinity.final: cannot run on the processors 8000: sched_setaffinity(0, 1008, 1008 bytes): EINVAL (invalid argument)\n",
  });
});

test("a terminal needs a console socket when box does not stay, and a console socket a terminal", async () => {
  using bundle = new Bundle((spec) => (spec.process.terminal = true));
  expect(await bundle.box(["create", bundle.id])).toEqual({
    exitCode: 1,
    stdout: "",
    stderr:
      "box: process.terminal: cannot allocate tty if box will detach without setting console socket\nhint: give one with --console-socket\n",
  });
  expect((await bundle.box(["run", "--console-socket", "/tmp/none.sock", bundle.id])).stderr).toBe(
    "box: --console-socket: cannot use console socket if box will not detach or allocate tty\n",
  );
});

testWith("strace")("exec knows that its process runs, though the helper that made it comes to its end later", async () => {
  using bundle = new Bundle((spec) => {
    spec.process.args = ["sleep", "1000"];
  });
  expect((await bundle.box(["run", "-d", bundle.id])).exitCode).toBe(0);
  // The clone returns late in the helper alone: by then the process has become its program.
  const before = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=clone", "-e", "inject=clone:delay_exit=200000"];
  const { exitCode, stdout, stderr } = await bundle.box(["exec", bundle.id, "sh", "-c", "echo done; exit 3"], { before });
  expect([exitCode, stdout, stderr]).toEqual([3, "done\n", ""]);
});
