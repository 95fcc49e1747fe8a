// Limits on a container's resources, in the files of its cgroups and in what its processes meet.

import { expect } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import type { Resources } from "../../src/config/spec.ts";
import {
  asUser,
  Bundle,
  type CgroupLayout,
  cgroupsOf,
  inLayout,
  linesOf,
  machine,
  type Outcome,
  type RunOptions,
  testWith,
  userId,
} from "./harness.ts";

const test = testWith();
const testHugePages = testWith("huge pages in cgroup v2");
const testAsUser = testWith("setpriv", "user namespaces for users");

const withLimits = (resources: Resources): Bundle => new Bundle((spec) => (spec.linux.resources = resources));

/** What the container sees of its cgroups' files, as `FILE VALUE`. */
const show = (...files: readonly string[]): string => `cd /sys/fs/cgroup; for f in ${files.join(" ")}; do echo $f $(cat $f); done`;

/** A start that is refused, and leaves nothing. */
async function refused(resources: Resources, stderr: (bundle: Bundle) => string, options: RunOptions = {}): Promise<void> {
  using bundle = withLimits(resources);
  const before = machine(bundle);
  expect(await bundle.run(["true"], options)).toEqual({ exitCode: 125, stdout: "", stderr: stderr(bundle) } satisfies Outcome);
  expect(machine(bundle)).toEqual(before);
}

for (const layout of ["as is", "v1"] as CgroupLayout[]) {
  const before = inLayout(layout);

  test(`${layout}: the files say what was asked for`, async () => {
    using bundle = withLimits({
      memory: { limit: 33554432, swap: 67108864, reservation: 16777216, swappiness: 10, disableOOMKiller: false },
      cpu: { shares: 512, quota: 50000, period: 20000, burst: 1000, cpus: "0", mems: "0" },
      pids: { limit: 10 },
    });
    const memory = ["limit_in_bytes", "memsw.limit_in_bytes", "soft_limit_in_bytes", "swappiness"].map((name) => `memory/memory.${name}`);
    const cpu = ["shares", "cfs_quota_us", "cfs_period_us", "cfs_burst_us"].map((name) => `cpu/cpu.${name}`);
    expect(await bundle.sh(show(...memory, ...cpu, "cpuset/cpuset.cpus", "cpuset/cpuset.mems", "pids/pids.max"), { before })).toEqual([
      "memory/memory.limit_in_bytes 33554432",
      "memory/memory.memsw.limit_in_bytes 67108864",
      "memory/memory.soft_limit_in_bytes 16777216",
      "memory/memory.swappiness 10",
      "cpu/cpu.shares 512",
      "cpu/cpu.cfs_quota_us 50000",
      "cpu/cpu.cfs_period_us 20000",
      "cpu/cpu.cfs_burst_us 1000",
      "cpuset/cpuset.cpus 0",
      "cpuset/cpuset.mems 0",
      "pids/pids.max 10",
    ]);
    expect(cgroupsOf("/sys/fs/cgroup", bundle.id)).toEqual([]);
  });

  test(`${layout}: zeros, as clients send them, ask for nothing`, async () => {
    using bundle = withLimits({
      memory: { limit: 0, swap: 0, reservation: 0, kernel: 0, disableOOMKiller: false },
      cpu: { shares: 0, quota: 0, period: 0, cpus: "", mems: "" },
      blockIO: { weight: 0 },
      network: {},
    });
    expect(await bundle.sh(show("cpu/cpu.shares", "cpu/cpu.cfs_quota_us", "pids/pids.max"), { before })).toEqual([
      "cpu/cpu.shares 1024",
      "cpu/cpu.cfs_quota_us -1",
      "pids/pids.max max",
    ]);
  });
}

test("no limit at all is one that can be asked for", async () => {
  using bundle = withLimits({ memory: { limit: -1, swap: -1 }, pids: { limit: -1 }, cpu: { quota: -1 } });
  expect(await bundle.sh(show("pids/pids.max", "cpu/cpu.cfs_quota_us"))).toEqual(["pids/pids.max max", "cpu/cpu.cfs_quota_us -1"]);
});

test("more memory than the limit ends the container", async () => {
  using bundle = withLimits({ memory: { limit: 16777216, swap: 16777216 } });
  const before = machine(bundle);
  expect((await bundle.run(["dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"])).exitCode).toBe(137);
  expect(machine(bundle)).toEqual(before);
});

test("one process more than the limit cannot be made", async () => {
  using bundle = withLimits({ pids: { limit: 3 } });
  const { exitCode, stderr } = await bundle.run(["sh", "-c", "sleep 1000 & sleep 1000 & sleep 1000 & sleep 1000"]);
  expect([exitCode, stderr]).toEqual([2, "sh: can't fork: Resource temporarily unavailable\n"]);
});

test("zero processes leave room for the first alone", async () => {
  using bundle = withLimits({ pids: { limit: 0 } });
  const { exitCode, stdout, stderr } = await bundle.run(["sh", "-c", "echo alone; sleep 0; true"]);
  expect([exitCode, stdout, stderr]).toEqual([2, "alone\n", "sh: can't fork: Resource temporarily unavailable\n"]);
});

test("processors", async () => {
  using bundle = withLimits({ cpu: { cpus: "0" } });
  expect(await bundle.sh("grep Cpus_allowed_list /proc/self/status")).toEqual(["Cpus_allowed_list:\t0"]);
});

test("rates of a disk", async () => {
  const disk = { major: 7, minor: 0 };
  using bundle = withLimits({
    blockIO: {
      throttleReadBpsDevice: [{ ...disk, rate: 1000 }],
      throttleWriteBpsDevice: [{ ...disk, rate: 2000 }],
      throttleReadIOPSDevice: [{ ...disk, rate: 30 }],
      throttleWriteIOPSDevice: [{ ...disk, rate: 40 }],
    },
  });
  const { exitCode, stdout, stderr } = await bundle.run(["sh", "-c", "cat /sys/fs/cgroup/blkio/blkio.throttle.*_device"]);
  // A machine without loop devices says so of the first.
  if (exitCode === 125)
    expect(stderr).toMatch(
      /^box: linux\.resources\.blockIO\.throttleReadBpsDevice\[0\]: cannot limit reading from the disk 7:0 to 1000 bytes a second: write\(\S+, "7:0 1000", 8\): ENODEV \(no such device\)\n$/,
    );
  else expect(linesOf(stdout).sort()).toEqual(["7:0 1000", "7:0 2000", "7:0 30", "7:0 40"]);
});

testHugePages("v2: huge pages, and the controller is enabled for them", async () => {
  using bundle = withLimits({ hugepageLimits: [{ pageSize: "2MB", limit: 4194304 }] });
  expect(await bundle.sh(show("hugetlb.2MB.max", "hugetlb.2MB.rsvd.max", "cgroup.controllers"), { before: inLayout("v2") })).toEqual([
    "hugetlb.2MB.max 4194304",
    "hugetlb.2MB.rsvd.max 4194304",
    "cgroup.controllers hugetlb",
  ]);
  expect(cgroupsOf("/sys/fs/cgroup", bundle.id)).toEqual([]);
});

testHugePages("v2: any file by its name, and in a folder that is made for it", async () => {
  using bundle = withLimits({ unified: { "hugetlb.2MB.max": "2097152", "cgroup.max.depth": "3" } });
  bundle.change((spec) => (spec.linux.cgroupsPath = `/${bundle.id}/deep/er`));
  const lines = await bundle.sh(show("hugetlb.2MB.max", "cgroup.max.depth"), { before: inLayout("v2") });
  expect(lines).toEqual(["hugetlb.2MB.max 2097152", "cgroup.max.depth 3"]);
  const unified = `/sys/fs/cgroup/unified/${bundle.id}`;
  for (const folder of [`${unified}/deep`, unified]) rmdirSync(folder);
});

testHugePages("both: what only v2 has is limited there", async () => {
  using bundle = withLimits({ hugepageLimits: [{ pageSize: "2MB", limit: 2097152 }] });
  using running = await bundle.startSh("echo ready; exec sleep 1000");
  const [cgroup = ""] = cgroupsOf("/sys/fs/cgroup/unified", bundle.id);
  expect(readFileSync(`${cgroup}/hugetlb.2MB.max`, "utf8")).toBe("2097152\n");
  process.kill(bundle.initPid, "SIGKILL");
  expect((await running.outcome()).exitCode).toBe(137);
});

test("v2 without any limit has its controllers too", async () => {
  using bundle = new Bundle();
  const before = inLayout("v2");
  expect(await bundle.sh("cat /sys/fs/cgroup/cgroup.controllers", { before })).toEqual(
    linesOf(readFileSync("/sys/fs/cgroup/unified/cgroup.controllers", "utf8").replace(/^\n$/, "")),
  );
});

test("a controller that is missing is named, with every field that needs it", () =>
  refused(
    { memory: { limit: 33554432 }, pids: { limit: 5 }, unified: { "io.max": "8:0 rbps=1" } },
    () =>
      "box: linux.resources.pids.limit: needs the pids controller, and there is none in this host's cgroup v2\n" +
      "box: linux.resources.memory.limit: needs the memory controller, and there is none in this host's cgroup v2\n" +
      'box: linux.resources.unified["io.max"]: needs the io controller, and there is none in this host\'s cgroup v2\n',
    { before: inLayout("v2") },
  ));

test("v1 has no files of v2", () =>
  refused(
    { unified: { "memory.high": "1" } },
    () => 'box: linux.resources.unified["memory.high"]: needs cgroup v2, and this host has cgroup v1\n',
    { before: inLayout("v1") },
  ));

test("memory of cgroups below, which kernels of today always count", async () => {
  using bundle = withLimits({ memory: { useHierarchy: true } });
  expect(await bundle.sh(show("memory/memory.use_hierarchy"))).toEqual(["memory/memory.use_hierarchy 1"]);
  await refused(
    { memory: { useHierarchy: false } },
    ({ id }) =>
      `box: linux.resources.memory.useHierarchy: cannot leave out what cgroups below it use: write(${memoryOf(id)}/memory.use_hierarchy, "0", 1): EINVAL (invalid argument)\nhint: since Linux 5.11 it is always counted\n`,
  );
});

test("less than nothing", () =>
  refused(
    { memory: { limit: -2, swap: -3 } },
    () =>
      "box: linux.resources.memory.limit: expected a number of bytes, or -1 for no limit, got -2\n" +
      "box: linux.resources.memory.swap: expected a number of bytes, or -1 for no limit, got -3\n",
  ));

test("v2: what is no limit", () =>
  refused(
    { unified: { "cgroup.freeze": "1" } },
    () => 'box: linux.resources.unified["cgroup.freeze"]: would move, hold or end processes, and is no limit\n',
    { before: inLayout("v2") },
  ));

test("a processor that is not there", () =>
  refused(
    { cpu: { cpus: "4095" } },
    ({ id }) =>
      `box: linux.resources.cpu.cpus: cannot keep it to the processors 4095: write(/sys/fs/cgroup/cpuset/${id}/cpuset.cpus, "4095", 4): ERANGE (numerical result out of range)\n`,
  ));

test("less memory and swap together than memory", () =>
  refused(
    { memory: { limit: 33554432, swap: 16777216 } },
    ({ id }) =>
      `box: linux.resources.memory.swap: cannot limit memory and swap together to 16777216 bytes: write(${memoryOf(id)}/memory.memsw.limit_in_bytes, "16777216", 8): EINVAL (invalid argument)\n` +
      "hint: it counts memory and swap together, so it is at least memory.limit\n",
  ));

/** The memory cgroup of a container below the tests' own. */
function memoryOf(id: string): string {
  const own = linesOf(readFileSync("/proc/self/cgroup", "utf8")).find((line) => line.split(":")[1] === "memory") ?? "";
  return `/sys/fs/cgroup/memory${own.split(":")[2] === "/" ? "" : own.split(":")[2]}/${id}`;
}

test("more processor time than the cgroup above has", async () => {
  using bundle = withLimits({ cpu: { quota: 50000, period: 100000 } });
  const above = `/sys/fs/cgroup/cpu/${bundle.id}-above`;
  mkdirSync(above);
  try {
    writeFileSync(`${above}/cpu.cfs_quota_us`, "10000");
    bundle.change((spec) => (spec.linux.cgroupsPath = `/${bundle.id}-above/${bundle.id}`));
    expect(await bundle.run(["true"])).toEqual({
      exitCode: 125,
      stdout: "",
      stderr: `box: linux.resources.cpu.quota: cannot limit processor time to 50000 µs a period: write(${above}/${bundle.id}/cpu.cfs_quota_us, "50000", 5): EINVAL (invalid argument)\n`,
    });
  } finally {
    for (const folder of cgroupsOf("/sys/fs/cgroup", `${bundle.id}-above`)) rmdirSync(folder);
  }
});

testAsUser("a user who may make no cgroup goes without limits, and is told so", async () => {
  using bundle = withLimits({ pids: { limit: 5 }, memory: { limit: 33554432, swappiness: 5 } });
  bundle.change((spec) => {
    spec.linux.namespaces = (["mount", "pid", "user"] as const).map((type) => ({ type }));
    Object.assign(spec, { hostname: undefined });
    spec.linux.uidMappings = spec.linux.gidMappings = [{ containerID: 0, hostID: userId, size: 1 }];
    spec.mounts = [{ destination: "/proc", type: "proc", source: "proc" }];
    spec.linux.maskedPaths = spec.linux.readonlyPaths = [];
    spec.process.args = ["true"];
  });
  bundle.giveTo(userId);
  const dropped = ["pids.limit", "memory.swappiness", "memory.limit"];
  const lines = (before: string, problem: string): string =>
    dropped.map((field) => `box: ${before}linux.resources.${field}: ${problem}\n`).join("");
  const problem = "needs a cgroup, and this user may make none here";
  expect(await bundle.box(["run", bundle.id], { before: asUser })).toEqual({
    exitCode: 0,
    stdout: "",
    stderr: lines("warning: ", `there is no such limit: it ${problem}`),
  });
  for (const command of ["run", "create", "plan"])
    expect(await bundle.box([command, "--require-limits", bundle.id], { before: asUser })).toEqual({
      exitCode: command === "create" ? 1 : 125,
      stdout: "",
      stderr: lines("", problem),
    });
  const { exitCode, stdout, stderr } = await bundle.box(["plan", bundle.id], { before: asUser });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  for (const field of dropped) expect(stdout).toContain(`note: linux.resources.${field}: dropped: ${problem}\n`);
});

testWith(
  "setpriv",
  "user namespaces for users",
  "huge pages in cgroup v2",
)("a user to whom one controller was delegated has its limits, and no others", async () => {
  using bundle = withLimits({ hugepageLimits: [{ pageSize: "2MB", limit: 2097152 }], pids: { limit: 5 } });
  bundle.change((spec) => {
    spec.linux.namespaces = (["mount", "pid", "user", "cgroup"] as const).map((type) => ({ type }));
    Object.assign(spec, { hostname: undefined });
    spec.linux.uidMappings = spec.linux.gidMappings = [{ containerID: 0, hostID: userId, size: 1 }];
    spec.mounts = [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/mnt", type: "cgroup2", source: "cgroup2" },
    ];
    spec.linux.maskedPaths = spec.linux.readonlyPaths = [];
    spec.process.args = ["sh", "-c", "cat /mnt/hugetlb.2MB.max; grep ^0:: /proc/self/cgroup"];
  });
  bundle.giveTo(userId);
  const [mine, there] = [`/sys/fs/cgroup/${bundle.id}`, `/sys/fs/cgroup/unified/${bundle.id}`];
  const delegate = `echo +hugetlb > /sys/fs/cgroup/cgroup.subtree_control && mkdir -p ${mine}/own && chown -R ${userId} ${mine} && echo $$ > ${mine}/own/cgroup.procs && exec "$@"`;
  const before = [...inLayout("v2"), "sh", "-c", delegate, "sh", ...asUser];
  const problem = "needs the pids controller, which was not delegated to this user";
  try {
    expect(await bundle.box(["run", bundle.id], { before })).toEqual({
      exitCode: 0,
      stdout: "2097152\n0::/\n",
      stderr: `box: warning: linux.resources.pids.limit: there is no such limit: it ${problem}\n`,
    });
    const { stdout } = await bundle.box(["plan", bundle.id], { before });
    expect(linesOf(stdout).filter((line) => line.startsWith("note: linux.resources."))).toEqual([
      `note: linux.resources.hugepageLimits[0]: delegated: set in this user's ${mine}/${bundle.id}`,
      `note: linux.resources.pids.limit: dropped: ${problem}`,
    ]);
    expect(readdirSync(there, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))).toEqual(["own"]);
  } finally {
    for (const folder of [`${there}/own`, there]) rmdirSync(folder);
  }
});

test("what is limited is said in the plan, and needs nothing to be required", async () => {
  using bundle = withLimits({ pids: { limit: 7 } });
  const { stdout } = await bundle.box(["plan", "--require-limits", bundle.id]);
  expect(stdout).toMatch(/^note: linux\.resources\.pids\.limit: applied in \/sys\/fs\/cgroup\/\S+$/m);
  for (let run = 0; run < 3; run++) expect((await bundle.box(["run", "--require-limits", bundle.id])).exitCode).toBe(0);
});

test("a kept program limits as the first did", async () => {
  using bundle = withLimits({ pids: { limit: 7 } });
  for (let run = 0; run < 4; run++) expect(await bundle.sh(show("pids/pids.max"))).toEqual(["pids/pids.max 7"]);
});

test("the plan has a step for each, with its field and reason", async () => {
  using bundle = withLimits({ pids: { limit: 7 }, memory: { kernelTCP: 5 } });
  const { stdout } = await bundle.box(["plan", bundle.id]);
  expect(stdout).toContain("linux.resources.pids.limit: limit it to 7 processes\n");
  expect(stdout).toContain("linux.resources.memory.kernelTCP is ignored: the kernel's own memory counts as the container's\n");
});
