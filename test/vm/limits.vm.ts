// Limits on pure cgroup v2 with every controller: what the files say, what processes meet, and what the kernel refuses.

import { expect } from "bun:test";
import type { Resources } from "../../src/config/spec.ts";
import { Bundle, cgroupsOf, testWith } from "../integration/harness.ts";

const test = testWith("all of cgroup v2");

const withLimits = (resources: Resources): Bundle => new Bundle((spec) => (spec.linux.resources = resources));
const mega = 1048576;

/** The machine's disk (test/vm/guest/init.sh). */
const disk = { major: 254, minor: 0 };

/** What a container sees in the files of its cgroup; its lines are joined. */
async function seen(resources: Resources, ...files: readonly string[]): Promise<Record<string, string>> {
  using bundle = withLimits(resources);
  const lines = await bundle.sh(`cd /sys/fs/cgroup; for f in ${files.join(" ")}; do echo $f: $(cat $f); done`);
  expect(cgroupsOf("/sys/fs/cgroup", bundle.id)).toEqual([]);
  return Object.fromEntries(lines.map((line) => line.split(": ") as [string, string]));
}

test("every resource of the specification that cgroup v2 has", async () => {
  const values: Record<string, string> = {
    "memory.max": String(64 * mega),
    "memory.swap.max": String(32 * mega),
    "memory.low": String(16 * mega),
    "memory.high": String(48 * mega),
    "cpu.weight": "59",
    "cpu.max": "50000 20000",
    "cpu.max.burst": "1000",
    "cpuset.cpus": "0",
    "cpuset.mems": "0",
    "pids.max": "30",
    "hugetlb.2MB.max": String(4 * mega),
    "hugetlb.2MB.rsvd.max": String(4 * mega),
    "io.max": "254:0 rbps=1000000 wbps=2000000 riops=300 wiops=400",
  };
  const resources: Resources = {
    memory: { limit: 64 * mega, swap: 96 * mega, reservation: 16 * mega },
    cpu: { shares: 512, quota: 50000, period: 20000, burst: 1000, cpus: "0", mems: "0" },
    pids: { limit: 30 },
    blockIO: {
      throttleReadBpsDevice: [{ ...disk, rate: 1000000 }],
      throttleWriteBpsDevice: [{ ...disk, rate: 2000000 }],
      throttleReadIOPSDevice: [{ ...disk, rate: 300 }],
      throttleWriteIOPSDevice: [{ ...disk, rate: 400 }],
    },
    hugepageLimits: [{ pageSize: "2MB", limit: 4 * mega }],
    unified: { "memory.high": String(48 * mega) },
  };
  expect(await seen(resources, ...Object.keys(values))).toEqual(values);
});

test("no limit at all, and an idle processor", async () => {
  const resources: Resources = {
    memory: { limit: -1, swap: -1, reservation: -1 },
    cpu: { quota: -1, idle: 1 },
    pids: { limit: -1 },
  };
  expect(await seen(resources, "memory.max", "memory.swap.max", "memory.low", "cpu.max", "cpu.idle", "pids.max")).toEqual({
    "memory.max": "max",
    "memory.swap.max": "max",
    "memory.low": "max",
    "cpu.max": "max 100000",
    "cpu.idle": "1",
    "pids.max": "max",
  });
});

test("more memory than the limit ends the container", async () => {
  using bundle = withLimits({ memory: { limit: 24 * mega, swap: 24 * mega } });
  expect((await bundle.run(["dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"])).exitCode).toBe(137);
  expect(cgroupsOf("/sys/fs/cgroup", bundle.id)).toEqual([]);
});

test("one process more than the limit cannot be made", async () => {
  using bundle = withLimits({ pids: { limit: 3 } });
  const { exitCode, stderr } = await bundle.run(["sh", "-c", "sleep 1000 & sleep 1000 & sleep 1000 & sleep 1000"]);
  expect([exitCode, stderr]).toEqual([2, "sh: can't fork: Resource temporarily unavailable\n"]);
});
