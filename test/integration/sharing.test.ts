// Namespaces shared by box.yaml and by flags: each type seen from inside, what is refused and how, and a pod that is torn
// down in every order.

import { expect } from "bun:test";
import { readlinkSync, rmSync, writeFileSync } from "node:fs";
import type { NamespaceKey } from "../../hooks/plugin.ts";
import type { NamespaceType } from "../../src/config/spec.ts";
import { namespaceKeys } from "../../src/config/yaml-rules.ts";
import { asUser, Bundle, ended, linesOf, machine, type Outcome, type Running, testWith, userId } from "./harness.ts";

const test = testWith();
const testAsUser = testWith("setpriv", "user namespaces for users");

/** Names in /proc/PID/ns. */
const files: Readonly<Record<NamespaceType, string>> = {
  pid: "pid",
  network: "net",
  ipc: "ipc",
  uts: "uts",
  mount: "mnt",
  cgroup: "cgroup",
  user: "user",
  time: "time",
};
const keys = Object.keys(namespaceKeys) as NamespaceKey[];
const inode = (pid: number | "self", key: NamespaceKey): string => readlinkSync(`/proc/${pid}/ns/${files[namespaceKeys[key]]}`);
const showAll = `for n in ${keys.map((key) => files[namespaceKeys[key]]).join(" ")}; do readlink /proc/self/ns/$n; done`;

/** A container with a namespace of its own of every type, under way. */
async function startOwner(bundle: Bundle): Promise<Running> {
  const types = Object.values(namespaceKeys);
  bundle.change((spec) => {
    spec.linux.namespaces = types.map((type) => ({ type }));
    spec.linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 1000 }];
    spec.linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 1000 }];
    spec.linux.timeOffsets = { monotonic: { secs: 86400 } };
    spec.mounts = spec.mounts.filter(({ type }) => type !== "cgroup");
    bundle.giveRootTo(100000);
  });
  return await bundle.startSh("echo ready; exec sleep 1000");
}

/** Puts a box.yaml in place of config.json; its containers are in the state folder of `owner`. */
function useYaml(bundle: Bundle, text: string): void {
  rmSync(`${bundle.folder}/config.json`, { force: true });
  writeFileSync(`${bundle.folder}/box.yaml`, `rootfs: rootfs\n${text}`);
}

const runBeside = (owner: Bundle, bundle: Bundle, flags: readonly string[] = [], command: readonly string[] = []): Promise<Outcome> =>
  owner.box(["run", "-b", bundle.folder, ...flags, `${owner.id}-other`, ...command]);

type Shown = {
  readonly pid: number;
  readonly status: string;
  readonly box?: { readonly shares: { type: string; with: string; status?: string }[] };
};
async function stateOf(owner: Bundle, id: string): Promise<Shown> {
  const { stdout, stderr } = await owner.box(["state", id]);
  expect(stderr).toBe("");
  return JSON.parse(stdout) as Shown;
}

for (const key of keys.filter((one) => one !== "mount" && one !== "user"))
  for (const way of ["box.yaml", "a flag"] as const)
    test(`${key} is shared with a container by ${way}`, async () => {
      using owner = new Bundle();
      using bundle = new Bundle();
      using _running = await startOwner(owner);
      const reference = `container:${owner.id}`;
      useYaml(bundle, `command: [sh, -c, "${showAll}"]\n${way === "box.yaml" ? `namespaces: {${key}: "${reference}"}` : ""}`);
      const flags = way === "box.yaml" ? [] : key === "net" ? ["--net", reference] : ["--ns", `${key}=${reference}`];
      const { exitCode, stdout, stderr } = await runBeside(owner, bundle, flags);
      const seen = linesOf(stdout);
      const shared = keys.filter((one, index) => seen[index] === inode(owner.initPid, one));
      expect([exitCode, stderr, shared]).toEqual([0, "", [key]]);
    });

test("the clocks of a shared time namespace are the other container's", async () => {
  using owner = new Bundle();
  using bundle = new Bundle();
  using _running = await startOwner(owner);
  useYaml(bundle, `command: cat /proc/self/timens_offsets\nnamespaces: {time: "container:${owner.id}"}`);
  const { stdout, stderr } = await runBeside(owner, bundle);
  expect([stderr, linesOf(stdout)[0]?.split(/\s+/)]).toEqual(["", ["monotonic", "86400", "0"]]);
});

test("user and mount are shared with the rest: the program is beside the other container's", async () => {
  using owner = new Bundle();
  using bundle = new Bundle();
  using _running = await startOwner(owner);
  const all = keys.map((key) => `${key}: "container:${owner.id}"`).join(", ");
  useYaml(bundle, `command: [sh, -c, "${showAll}"]\nnamespaces: {${all}}`);
  const { stdout, stderr } = await runBeside(owner, bundle);
  expect([stderr, linesOf(stdout)]).toEqual(["", keys.map((key) => inode(owner.initPid, key))]);
});

test("with a process, and with a file", async () => {
  using owner = new Bundle();
  using bundle = new Bundle();
  using _running = await startOwner(owner);
  useYaml(bundle, `command: [sh, -c, "${showAll}"]\nnamespaces: {net: "pid:${owner.initPid}", ipc: /proc/${owner.initPid}/ns/ipc}`);
  const { stdout, stderr } = await runBeside(owner, bundle, ["--uts", `pid:${owner.initPid}`]);
  const seen = linesOf(stdout);
  expect([stderr, keys.filter((one, index) => seen[index] === inode(owner.initPid, one))]).toEqual(["", ["ipc", "uts", "net"]]);
});

test("host and new by flags", async () => {
  using bundle = new Bundle();
  useYaml(bundle, `command: [sh, -c, "${showAll}"]\nnamespaces: {uts: host}`);
  const { stdout, stderr } = await bundle.box(["run", "--net", "host", "--ipc", "host", "--uts", "new", "--ns", "time=new", bundle.id]);
  const seen = linesOf(stdout);
  expect([stderr, keys.filter((one, index) => seen[index] === inode("self", one))]).toEqual(["", ["ipc", "net", "user"]]);
});

testAsUser("the host's, without root, where a user namespace may make no mounts of its own for it", async () => {
  using bundle = new Bundle();
  useYaml(bundle, `command: [sh, -c, "${showAll}; ls /proc/1/comm"]\nnamespaces: {net: host, ipc: host, pid: host}`);
  bundle.giveTo(userId);
  const { stdout, stderr } = await bundle.box(["run", bundle.id], { before: asUser });
  const seen = linesOf(stdout);
  expect([stderr, keys.filter((one, index) => seen[index] === inode("self", one)), seen.slice(8)]).toEqual([
    "",
    ["pid", "ipc", "net", "time"],
    ["/proc/1/comm"],
  ]);
});

testAsUser("without root, with a container of the same user, and its user namespace alone says why not", async () => {
  using owner = new Bundle();
  using bundle = new Bundle();
  useYaml(owner, "command: sh -c 'echo ready; exec sleep 1000'");
  owner.giveTo(userId);
  using running = owner.start(["run", owner.id], { before: asUser });
  await running.says("ready");
  const reference = `"container:${owner.id}"`;
  useYaml(bundle, `command: [sh, -c, "${showAll}"]\nnamespaces: {user: ${reference}, net: ${reference}, ipc: ${reference}}`);
  bundle.giveTo(userId);
  const run = () => owner.box(["run", "-b", bundle.folder, `${owner.id}-other`], { before: asUser });
  const { stdout, stderr } = await run();
  const seen = linesOf(stdout);
  expect([stderr, keys.filter((one, index) => seen[index] === inode(owner.initPid, one))]).toEqual(["", ["ipc", "net", "user", "time"]]);
  useYaml(bundle, `namespaces: {net: ${reference}}`);
  expect(await run()).toEqual({
    exitCode: 125,
    stdout: "",
    stderr: `box: box.yaml:2:19: namespaces.net: cannot join the network namespace of the container ${owner.id}: that takes CAP_SYS_ADMIN, here and in the user namespace that owns it\nhint: without root, join the user namespace that owns it too\n`,
  });
});

/** Refusals while `owner` runs: what stands in box.yaml from line 2 on, and what box says. */
const refusals: [title: string, yaml: (owner: Bundle) => string, lines: (owner: Bundle) => string[]][] = [
  [
    "a container that does not exist, and a process that does not",
    () => `namespaces:\n  net: "container:gone"\n  ipc: "pid:99999999"\n`,
    () => [
      "box: box.yaml:4:8: namespaces.ipc: there is no process 99999999",
      "box: box.yaml:3:8: namespaces.net: the container gone does not exist",
    ],
  ],
  [
    "a file that does not exist, one of another type, and one that is no namespace",
    () => "namespaces:\n  net: /nowhere/net\n  ipc: /proc/self/ns/uts\n  uts: /proc/self/status\n",
    () => [
      "box: box.yaml:4:8: namespaces.ipc: cannot join the ipc namespace /proc/self/ns/uts: it is not an ipc namespace",
      "box: box.yaml:5:8: namespaces.uts: cannot join the uts namespace /proc/self/status: it is not a uts namespace",
      'box: box.yaml:3:8: namespaces.net: cannot open the network namespace /nowhere/net: openat(AT_FDCWD, "/nowhere/net", O_RDONLY|O_CLOEXEC|O_NONBLOCK, 0): ENOENT (no such file or directory)',
    ],
  ],
  [
    "the user namespace that box is in",
    () => `namespaces:\n  user: "pid:${process.pid}"\n`,
    () => [
      `box: box.yaml:3:9: namespaces.user: cannot join the user namespace of the process ${process.pid}: box is in it already, and nothing joins its own`,
      "hint: host stands for that one",
    ],
  ],
];
for (const [title, yaml, lines] of refusals)
  test(`refused, before anything is made: ${title}`, async () => {
    using bundle = new Bundle();
    useYaml(bundle, yaml(bundle));
    const before = machine(bundle);
    const expected = { exitCode: 125, stdout: "", stderr: `${lines(bundle).join("\n")}\n` };
    expect(await bundle.box(["run", bundle.id])).toEqual(expected);
    expect(await bundle.box(["plan", bundle.id])).toEqual(expected);
    expect(machine(bundle)).toEqual(before);
  });

test("refused: a flag says so itself", async () => {
  using bundle = new Bundle();
  const refused = (...flags: string[]): Promise<Outcome> => bundle.box(["run", ...flags, bundle.id]);
  expect([await refused("--pid", "container:gone"), await refused("--ns", "uts=/proc/self/ns/net")].map(({ stderr }) => stderr)).toEqual([
    "box: --pid: the container gone does not exist\n",
    "box: --ns uts: cannot join the uts namespace /proc/self/ns/net: it is not a uts namespace\n",
  ]);
});

test("refused: a container that is paused, or has ended", async () => {
  using owner = new Bundle();
  useYaml(owner, "command: sleep 1000");
  expect((await owner.box(["run", "-d", owner.id])).stderr).toBe("");
  expect((await owner.box(["pause", owner.id])).stderr).toBe("");
  const refused = async (): Promise<string> => (await runBeside(owner, owner, ["--net", `container:${owner.id}`])).stderr;
  expect(await refused()).toBe(`box: --net: the container ${owner.id} is paused\nhint: box resume ${owner.id}\n`);
  expect((await owner.box(["resume", owner.id])).stderr).toBe("");
  process.kill(owner.initPid, "SIGKILL");
  await ended(owner.initPid);
  expect(await refused()).toBe(`box: --net: the container ${owner.id} is not running\n`);
});

test("refused: a pid namespace that is not below box's own", async () => {
  using bundle = new Bundle();
  useYaml(bundle, "command: 'true'");
  // In a pid namespace of its own, but with the outer /proc, box sees processes that it is not above.
  const before = ["unshare", "--pid", "--fork"];
  expect(await bundle.box(["run", "--pid", `pid:${process.pid}`, bundle.id], { before })).toEqual({
    exitCode: 125,
    stdout: "",
    stderr: `box: --pid: cannot join the pid namespace of the process ${process.pid}: it is neither box's own nor one below that\n`,
  });
});

test("refused: without the capability that joining takes", async () => {
  using owner = new Bundle();
  using _running = await startOwner(owner);
  useYaml(owner, "command: 'true'");
  const { stderr } = await owner.box(["run", "--uts", `container:${owner.id}`, `${owner.id}-other`], {
    before: ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-all"],
  });
  expect(stderr).toBe(
    `box: --uts: cannot join the uts namespace of the container ${owner.id}: that takes CAP_SYS_ADMIN, here and in the user namespace that owns it\n`,
  );
});

test("refused: a pid that has another namespace by the time of joining", async () => {
  using bundle = new Bundle();
  const go = `${bundle.folder}/go`;
  Bun.spawnSync(["mkfifo", go]);
  const other = Bun.spawn(["sh", "-c", `read x < ${go}; exec unshare --uts sleep 1000`]);
  using _end = { [Symbol.dispose]: () => other.kill("SIGKILL") };
  // The hook plan is called after all is checked and before anything is made.
  writeFileSync(
    `${bundle.folder}/late.ts`,
    `import { readlinkSync, writeFileSync } from "node:fs";
    const uts = () => readlinkSync("/proc/${other.pid}/ns/uts");
    export default { name: "late", apply: (hooks) => hooks.plan.tapPromise("late", async () => {
      const before = uts();
      writeFileSync("${go}", "go\\n");
      while (uts() === before) await new Promise(setImmediate);
    }) };`,
  );
  useYaml(bundle, "command: 'true'");
  const before = machine(bundle);
  expect(await bundle.box(["run", "--uts", `pid:${other.pid}`, "--plugin", "./late.ts", bundle.id])).toEqual({
    exitCode: 125,
    stdout: "",
    stderr: `box: --uts: cannot join the uts namespace of the process ${other.pid}: that pid has another one by now\n`,
  });
  expect({ ...machine(bundle), processes: [] }).toEqual({ ...before, processes: [] });
});

test("plan and state say who it is shared with", async () => {
  using owner = new Bundle();
  using bundle = new Bundle();
  useYaml(owner, "command: sleep 1000");
  await owner.box(["run", "-d", owner.id]);
  const id = `${owner.id}-other`;
  const flags = ["-b", bundle.folder, "--net", `container:${owner.id}`, "--pid", `container:${owner.id}`, "--ipc", "host"];
  useYaml(bundle, "command: sleep 1000");
  const plan = await owner.box(["plan", ...flags, id]);
  expect(linesOf(plan.stdout).filter((line) => line.startsWith("note: "))).toEqual([
    `note: shares the pid namespace of the container ${owner.id}: the kernel ends this container when that one ends`,
    `note: shares the network namespace of the container ${owner.id}`,
    "note: shares with the host: ipc",
  ]);
  expect(await owner.box(["run", "-d", ...flags, id])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  const shares = async (): Promise<unknown> => (await stateOf(owner, id)).box?.shares;
  const expected = (status: string) => ["pid", "network"].map((type) => ({ type, with: `container:${owner.id}`, status }));
  expect(await shares()).toEqual(expected("running"));
  const listed = JSON.parse((await owner.box(["list", "-f", "json"])).stdout) as Shown[];
  expect(listed.map(({ box }) => box)).toEqual([undefined, { shares: expected("running") }] as never);
  await owner.box(["pause", owner.id]);
  expect(await shares()).toEqual(expected("paused"));
  await owner.box(["resume", owner.id]);
  const pids = [(await stateOf(owner, id)).pid, owner.initPid];
  await owner.box(["kill", owner.id, "KILL"]);
  for (const pid of pids) await ended(pid);
  expect(await shares()).toEqual(expected("stopped"));
  await owner.box(["delete", owner.id]);
  expect(await shares()).toEqual(expected("removed"));
});

test("an owner that is gone, and another one under its id", async () => {
  using owner = new Bundle();
  using bundle = new Bundle();
  useYaml(owner, "command: sleep 1000");
  useYaml(bundle, "command: sleep 1000");
  const id = `${owner.id}-other`;
  await owner.box(["run", "-d", owner.id]);
  const net = inode(owner.initPid, "net");
  await owner.box(["run", "-d", "-b", bundle.folder, "--net", `container:${owner.id}`, id]);
  await owner.box(["delete", "--force", owner.id]);
  const { status, box } = await stateOf(owner, id);
  expect([status, box?.shares]).toEqual(["running", [{ type: "network", with: `container:${owner.id}`, status: "removed" }]]);
  expect(linesOf((await owner.box(["exec", id, "readlink", "/proc/self/ns/net"])).stdout)).toEqual([net]);
  await owner.box(["run", "-d", owner.id]);
  expect((await stateOf(owner, id)).box?.shares[0]?.status).toBe("another");
});

const orders = [
  ["a", "b", "c"],
  ["a", "c", "b"],
  ["b", "a", "c"],
  ["b", "c", "a"],
  ["c", "a", "b"],
  ["c", "b", "a"],
];
for (const order of orders)
  test(`a pod of three, a with the namespaces, removed in the order ${order.join(", ")}`, async () => {
    using pod = new Bundle();
    const before = machine(pod);
    const idOf = (name: string): string => `${pod.id}-${name}`;
    for (const name of ["a", "b", "c"]) {
      const shared = ["net", "ipc", "pid"].map((key) => `${key}: "container:${idOf("a")}"`).join(", ");
      useYaml(pod, `command: sleep 1000\nhostname: ${name}\n${name === "a" ? "" : `namespaces: {${shared}}\n`}`);
      expect(await pod.box(["run", "-d", idOf(name)])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    }
    // All see each other, and each has its own name.
    const seen = await pod.box(["exec", idOf("b"), "sh", "-c", "hostname; ps -o args | grep -c ^sleep"]);
    expect(seen).toEqual({ exitCode: 0, stdout: "b\n3\n", stderr: "" });
    const left = new Set(order);
    const pids = new Map<string, number>();
    for (const name of order) pids.set(name, (await stateOf(pod, idOf(name))).pid);
    for (const name of order) {
      expect(await pod.box(["delete", "--force", idOf(name)])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
      left.delete(name);
      // A first process ends after all others of its pid namespace have been waited for.
      for (const one of ["b", "c", "a"]) if (one === name || !left.has("a")) await ended(pids.get(one) as number);
      const statuses = await Promise.all([...left].map(async (one) => (await stateOf(pod, idOf(one))).status));
      // The kernel has ended all of the pid namespace with its first process, before that one's own end.
      expect(statuses).toEqual([...left].map(() => (left.has("a") ? "running" : "stopped")));
    }
    expect(machine(pod)).toEqual(before);
  });

test("in the foreground, what shares the pids of a container that ends says so by its exit code and leaves nothing", async () => {
  using owner = new Bundle();
  using bundle = new Bundle();
  const before = machine(owner);
  useYaml(owner, "command: sh -c 'echo ready; exec sleep 1000'");
  useYaml(bundle, "command: sh -c 'echo ready; exec sleep 1000'");
  using first = owner.start(["run", owner.id]);
  await first.says("ready");
  using second = owner.start(["run", "-b", bundle.folder, "--pid", `container:${owner.id}`, `${owner.id}-other`]);
  await second.says("ready");
  process.kill(owner.initPid, "SIGKILL");
  expect([(await second.outcome()).exitCode, (await first.outcome()).exitCode]).toEqual([137, 137]);
  expect(machine(owner)).toEqual(before);
});
