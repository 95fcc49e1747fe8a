// box update on a container that lives: what it writes, what it leaves alone, and what it refuses.

import { expect } from "bun:test";
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Resources, Spec } from "../../src/config/spec.ts";
import { Bundle, cgroupsOf, inLayout, machine, type Outcome, type Running, type RunOptions, testWith, until } from "./harness.ts";

const test = testWith();
const testHugePages = testWith("huge pages in cgroup v2");

const done: Outcome = { exitCode: 0, stdout: "", stderr: "" };

/** A container that sleeps, with its configuration kept beside its state. */
class Sleeper implements AsyncDisposable {
  readonly bundle: Bundle;
  readonly running: Running;

  private constructor(bundle: Bundle, running: Running) {
    this.bundle = bundle;
    this.running = running;
  }

  static async start(resources: Resources, options: RunOptions = {}): Promise<Sleeper> {
    const bundle = new Bundle((spec) => (spec.linux.resources = resources));
    const sleeper = new Sleeper(bundle, await bundle.startSh("echo ready; exec sleep 1000", options));
    copyFileSync(`${bundle.folder}/config.json`, sleeper.config);
    return sleeper;
  }

  get config(): string {
    return `${this.bundle.states}/${this.bundle.id}/config.json`;
  }

  /** The resources that the kept configuration has now. */
  get kept(): Resources | undefined {
    return (JSON.parse(readFileSync(this.config, "utf8")) as Spec).linux?.resources;
  }

  async update(...argv: string[]): Promise<Outcome> {
    return await this.bundle.box(["update", ...argv, this.bundle.id]);
  }

  async updateWith(resources: unknown): Promise<Outcome> {
    return await this.bundle.box(["update", "--resources", "-", this.bundle.id], { stdin: JSON.stringify(resources) });
  }

  path(file: string): string {
    const [folder = "", name = ""] = file.split("/");
    return `${cgroupsOf(`/sys/fs/cgroup/${folder}`, this.bundle.id)[0] ?? ""}/${name}`;
  }

  read(...files: string[]): string[] {
    return files.map((file) => readFileSync(this.path(file), "utf8").trim());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running.child.exitCode === null) process.kill(this.bundle.initPid, "SIGKILL");
    await this.running.outcome();
    this.running[Symbol.dispose]();
    this.bundle[Symbol.dispose]();
  }
}

const memory = ["memory/memory.limit_in_bytes", "memory/memory.memsw.limit_in_bytes"] as const;
const cpu = ["cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"] as const;
const mega = 1048576;

test("memory and swap, up and down", async () => {
  await using sleeper = await Sleeper.start({ memory: { limit: 32 * mega, swap: 64 * mega } });
  const sizes = [
    ["64m", "128m"],
    ["1G", "2g"],
    ["16m", "16m"],
    ["20m", "-1"],
  ] as const;
  const seen: string[][] = [];
  for (const [limit, swap] of sizes) {
    expect(await sleeper.update("--memory", limit, "--memory-swap", swap)).toEqual(done);
    seen.push(sleeper.read(...memory));
  }
  const none = "9223372036854771712";
  expect(seen).toEqual([
    [String(64 * mega), String(128 * mega)],
    [String(1024 * mega), String(2048 * mega)],
    [String(16 * mega), String(16 * mega)],
    [String(20 * mega), none],
  ]);
  expect(sleeper.kept).toEqual({ memory: { limit: 20 * mega, swap: -1 } });
});

test("memory by itself beside the swap that there is; none lifts both", async () => {
  await using sleeper = await Sleeper.start({ memory: { limit: 32 * mega, swap: 64 * mega } });
  expect(await sleeper.update("--memory=48m")).toEqual(done);
  expect(sleeper.read(...memory)).toEqual([String(48 * mega), String(64 * mega)]);
  expect(await sleeper.update("--memory", "128m")).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: `box: memory.limit: cannot limit memory to 134217728 bytes: write(${sleeper.path(memory[0])}, "134217728", 9): EINVAL (invalid argument)\nhint: the limit on memory and swap together, memory.swap, is lower than that\n`,
  });
  expect(sleeper.kept).toEqual({ memory: { limit: 48 * mega, swap: 64 * mega } });
  expect(await sleeper.update("--memory", "-1")).toEqual(done);
  expect(sleeper.read(...memory)).toEqual(["9223372036854771712", "9223372036854771712"]);
});

test("less memory than is in use", async () => {
  await using sleeper = await Sleeper.start({});
  expect(await sleeper.update("--memory", "4096")).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: `box: memory.limit: cannot limit memory to 4096 bytes: write(${sleeper.path(memory[0])}, "4096", 4): EBUSY (device or resource busy)\nhint: the container uses more than that now\n`,
  });
});

test("only what is asked for is written", async () => {
  await using sleeper = await Sleeper.start({ cpu: { quota: 50000, period: 100000, shares: 512 }, pids: { limit: 9 } });
  writeFileSync(sleeper.path("pids/pids.max"), "11");
  expect(await sleeper.update("--cpu-period", "20000")).toEqual(done);
  expect(sleeper.read(...cpu, "cpu/cpu.shares", "pids/pids.max")).toEqual(["50000", "20000", "512", "11"]);
  expect(await sleeper.update("--cpu-quota=10000", "--pids-limit", "20", "--cpuset-cpus", "0")).toEqual(done);
  expect(sleeper.read(...cpu, "cpu/cpu.shares", "pids/pids.max", "cpuset/cpuset.cpus")).toEqual(["10000", "20000", "512", "20", "0"]);
  expect(sleeper.kept).toEqual({ cpu: { quota: 10000, period: 20000, shares: 512, cpus: "0" }, pids: { limit: 20 } });
});

test("a whole LinuxResources from a client, whose devices change nothing", async () => {
  await using sleeper = await Sleeper.start({ devices: [{ allow: false, access: "rwm" }] });
  const before = sleeper.read("devices/devices.list");
  const outcome = await sleeper.updateWith({
    devices: [{ allow: false, access: "rwm" }],
    memory: { limit: 64 * mega, reservation: null, swap: 0, kernel: 0, disableOOMKiller: false },
    cpu: { shares: 256, quota: 0, period: 0, cpus: "", mems: "" },
    pids: { limit: 30 },
    blockIO: { weight: 0 },
    hugepageLimits: null,
    network: {},
  });
  expect(outcome).toEqual(done);
  expect(sleeper.read(memory[0], "cpu/cpu.shares", "pids/pids.max")).toEqual([String(64 * mega), "256", "30"]);
  expect(sleeper.read("devices/devices.list")).toEqual(before);
  expect(sleeper.kept?.devices).toEqual([{ allow: false, access: "rwm" }]);
});

test("from a file; flags beside it do not count", async () => {
  await using sleeper = await Sleeper.start({});
  const file = `${sleeper.bundle.folder}/resources.json`;
  writeFileSync(file, JSON.stringify({ pids: { limit: 30 } }));
  expect(await sleeper.update(`--resources=${file}`, "--pids-limit", "40")).toEqual(done);
  expect(sleeper.read("pids/pids.max")).toEqual(["30"]);
});

test("a paused container", async () => {
  await using sleeper = await Sleeper.start({});
  const freezer = sleeper.path("freezer/freezer.state");
  writeFileSync(freezer, "FROZEN");
  await until(() => readFileSync(freezer, "utf8") === "FROZEN\n", "the freezer");
  try {
    expect(await sleeper.update("--pids-limit", "30")).toEqual(done);
    expect(sleeper.read("pids/pids.max")).toEqual(["30"]);
  } finally {
    writeFileSync(freezer, "THAWED");
  }
});

test("without a kept configuration there is only the cgroup to change", async () => {
  await using sleeper = await Sleeper.start({});
  const { bundle } = sleeper;
  Bun.spawnSync(["rm", sleeper.config]);
  expect(await sleeper.update("--pids-limit", "30")).toEqual(done);
  expect([sleeper.read("pids/pids.max"), existsSync(sleeper.config)]).toEqual([["30"], false]);
  expect(machine(bundle).states).toEqual([bundle.id]);
});

test("many at once come one after the other", async () => {
  await using sleeper = await Sleeper.start({});
  const flags = ["--pids-limit=30", "--cpu-share=256", "--cpu-period=20000", "--cpu-quota=10000", "--memory=64m", "--cpuset-cpus=0"];
  expect(await Promise.all(flags.map((flag) => sleeper.update(flag)))).toEqual(flags.map(() => done));
  expect(sleeper.kept).toEqual({
    pids: { limit: 30 },
    cpu: { shares: 256, period: 20000, quota: 10000, cpus: "0" },
    memory: { limit: 64 * mega },
  });
});

testHugePages("v2: huge pages and other files", async () => {
  await using sleeper = await Sleeper.start({ hugepageLimits: [{ pageSize: "2MB", limit: 2 * mega }] }, { before: inLayout("v2") });
  const options = { stdin: JSON.stringify({ hugepageLimits: [{ pageSize: "2MB", limit: 4 * mega }] }), before: inLayout("v2") };
  expect(await sleeper.bundle.box(["update", "-r", "-", sleeper.bundle.id], options)).toEqual(done);
  const [cgroup = ""] = cgroupsOf("/sys/fs/cgroup/unified", sleeper.bundle.id);
  expect(readFileSync(`${cgroup}/hugetlb.2MB.max`, "utf8")).toBe(`${4 * mega}\n`);
  expect(await sleeper.bundle.box(["update", "--pids-limit=5", sleeper.bundle.id], { before: inLayout("v2") })).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: "box: pids.limit: needs the pids controller, and there is none in this host's cgroup v2\n",
  });
});

test("what is ignored is told", async () => {
  await using sleeper = await Sleeper.start({});
  expect(await sleeper.update("--kernel-memory", "64m")).toEqual({
    ...done,
    stderr: "box: memory.kernel is ignored: the kernel's own memory counts as the container's\n",
  });
});

for (const [title, argv, stdin, stderr] of [
  ["no id", [], "", "box: a container id is missing\nhint: box update [flags] ID\n"],
  ["two ids", ["a", "b"], "", 'box: update takes one container id, and here is "b" too\nhint: box update [flags] ID\n'],
  ["a container that is not there", ["--pids-limit=5", "nobody"], "", "box: id: the container nobody does not exist\n"],
  ["no number", ["--memory=5x", "a"], "", 'box: --memory: expected a number of bytes, such as 512m, or -1, got "5x"\n'],
  [
    "a number that is too large",
    ["--blkio-weight", "70000", "a"],
    "",
    "box: blockIO.weight: expected an integer from 0 to 65535, got 70000\n",
  ],
  [
    "no memory bandwidth",
    ["--mem-bw-schema=L3:0=20", "a"],
    "",
    'box: --mem-bw-schema: expected one line that begins with MB:, got "L3:0=20"\n',
  ],
  ["a misspelt key", ["-r", "-", "a"], '{"memory":{"limt":1}}', 'box: stdin:1:12: memory.limt: unknown key, did you mean "limit"?\n'],
  ["no object", ["-r", "-", "a"], "[]", "box: stdin:1:1: expected an object, got []\n"],
  ["no file", ["-r", "/nope", "a"], "", "box: --resources: cannot read /nope: ENOENT (no such file or directory)\n"],
] as const)
  test(`refused: ${title}`, async () => {
    using bundle = new Bundle();
    expect(await bundle.box(["update", ...argv], { stdin })).toEqual({ exitCode: 1, stdout: "", stderr });
  });

test("refused: no JSON", async () => {
  using bundle = new Bundle();
  const { exitCode, stderr } = await bundle.box(["update", "-r", "-", "a"], { stdin: "{" });
  expect([exitCode, stderr.startsWith("box: stdin:1:2: not JSON: ")]).toEqual([1, true]);
});

test("refused: shares that the kernel would change", async () => {
  await using sleeper = await Sleeper.start({});
  expect(await sleeper.update("--cpu-share=1")).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: "box: cpu.shares: expected an integer from 2 to 262144, got 1\n",
  });
});

test("refused: a container that has ended", async () => {
  using bundle = new Bundle();
  using running = await bundle.startSh("echo ready; exec sleep 1000");
  const { initPid } = bundle;
  // Without its supervisor the state stays.
  process.kill(running.pid, "SIGKILL");
  await running.outcome();
  process.kill(initPid, "SIGKILL");
  await until(() => !existsSync(`/proc/${initPid}`) || readFileSync(`/proc/${initPid}/stat`, "utf8").includes(") Z "), "init's end");
  expect(await bundle.box(["update", "--pids-limit=5", bundle.id])).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: `box: id: the container ${bundle.id} is not running\n`,
  });
});
