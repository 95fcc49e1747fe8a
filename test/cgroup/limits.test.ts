import { describe, expect, test } from "bun:test";
import type { LimitWrite } from "../../src/cgroup/limit-write.ts";
import { changesIn, type LimitedCgroup, limitsOf } from "../../src/cgroup/limits.ts";
import type { Resources } from "../../src/config/spec.ts";
import { faultLines } from "../config/print-faults.ts";

const one = (version: 1 | 2, ...controllers: string[]): LimitedCgroup => ({
  version,
  controllers,
  path: version === 2 ? "/v2" : `/${controllers.join(",")}`,
});
const v1Controllers = ["cpuset", "memory", "pids", "blkio", "hugetlb", "net_cls", "net_prio", "rdma"];
const v1 = [one(1, "cpu", "cpuacct"), ...v1Controllers.map((name) => one(1, name)), one(1, "name=systemd")];
const v2 = [one(2, "cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma")];
const hybrid = [one(1, "cpu"), one(1, "memory"), one(1, "pids"), one(2, "hugetlb")];
const options = { prefix: "linux.resources." };

/** `memory.limit: /memory/memory.limit_in_bytes < 5`, and what is written instead. */
const printed = ({ field, file, value, otherwise }: LimitWrite, path: string): string =>
  [
    `${field}: ${path}/${file} < ${value}`,
    ...otherwise.map(
      ({ errno, writes, sameLimit }) =>
        ` ${errno}:${sameLimit === true ? " or" : ""} ${writes.length === 0 ? "-" : writes.map((write) => `${write.file} < ${write.value}`).join(", ")}`,
    ),
  ].join("");
const limits = (resources: Resources, cgroups: readonly LimitedCgroup[], cpuMax?: string): string[] =>
  limitsOf(resources, cgroups, { ...options, cpuMax }).writes.map((write) => printed(write, write.cgroup.path));

const refused = (resources: Resources, cgroups: readonly LimitedCgroup[], ...expected: string[]): void =>
  expect(faultLines(() => limitsOf(resources, cgroups, options))).toEqual(expected);

describe("zero asks for nothing", () => {
  const zeros: Resources = {
    memory: { limit: 0, reservation: 0, swap: 0, kernel: 0, kernelTCP: 0, disableOOMKiller: false },
    cpu: { shares: 0, quota: 0, period: 0, realtimeRuntime: 0, realtimePeriod: 0, cpus: "", mems: "" },
    pids: {},
    blockIO: { weight: 0, leafWeight: 0, weightDevice: [{ major: 8, minor: 0, weight: 0, leafWeight: 0 }], throttleReadBpsDevice: [] },
    network: { classID: 0, priorities: [] },
    hugepageLimits: [],
    rdma: {},
    unified: {},
  };
  for (const [name, cgroups] of Object.entries({ v1, v2, hybrid, none: [] })) test(name, () => expect(limits(zeros, cgroups)).toEqual([]));
});

describe("memory", () => {
  const both: Resources = { memory: { limit: 100, swap: 150, reservation: 50 } };
  test("v1: the limit first, unless it is above the one on both", () =>
    expect(limits(both, v1)).toEqual([
      "memory.limit: /memory/memory.limit_in_bytes < 100 EINVAL: memory.memsw.limit_in_bytes < 150, memory.limit_in_bytes < 100",
      "memory.swap: /memory/memory.memsw.limit_in_bytes < 150",
      "memory.reservation: /memory/memory.soft_limit_in_bytes < 50",
    ]));
  test("v2: swap is what is beyond memory", () =>
    expect(limits(both, v2)).toEqual([
      "memory.swap: /v2/memory.swap.max < 50",
      "memory.limit: /v2/memory.max < 100",
      "memory.reservation: /v2/memory.low < 50",
    ]));
  test("v1: no limit lifts that on both, where there is one", () =>
    expect(limits({ memory: { limit: -1, reservation: -1 } }, v1)).toEqual([
      "memory.limit: /memory/memory.limit_in_bytes < -1 EINVAL: memory.memsw.limit_in_bytes < -1, memory.limit_in_bytes < -1",
      "memory.limit: /memory/memory.memsw.limit_in_bytes < -1 ENOENT: -",
      "memory.reservation: /memory/memory.soft_limit_in_bytes < -1",
    ]));
  test("v2: no limit", () =>
    expect(limits({ memory: { limit: -1, reservation: -1 } }, v2)).toEqual([
      "memory.limit: /v2/memory.swap.max < max ENOENT: -",
      "memory.limit: /v2/memory.max < max",
      "memory.reservation: /v2/memory.low < max",
    ]));
  test("v2: no swap at all", () =>
    expect(limits({ memory: { limit: 7, swap: 7 } }, v2)).toEqual([
      "memory.swap: /v2/memory.swap.max < 0 ENOENT: -",
      "memory.limit: /v2/memory.max < 7",
    ]));
  test("v1: the rest", () =>
    expect(limits({ memory: { disableOOMKiller: true, swappiness: 0 } }, v1)).toEqual([
      "memory.disableOOMKiller: /memory/memory.oom_control < 1",
      "memory.swappiness: /memory/memory.swappiness < 0",
    ]));
  test("the memory of cgroups below", () => {
    expect(limits({ memory: { useHierarchy: true } }, v1)).toEqual(["memory.useHierarchy: /memory/memory.use_hierarchy < 1"]);
    expect(limits({ memory: { useHierarchy: false } }, v1)).toEqual(["memory.useHierarchy: /memory/memory.use_hierarchy < 0"]);
    expect(limits({ memory: { useHierarchy: true } }, v2)).toEqual([]);
    refused({ memory: { useHierarchy: false } }, v2, "linux.resources.memory.useHierarchy: cgroup v2 always counts what cgroups below use");
  });
  test("less than nothing", () => {
    for (const cgroups of [v1, v2])
      refused(
        { memory: { limit: -2, reservation: -3, swap: -(2 ** 63) } },
        cgroups,
        "linux.resources.memory.limit: expected a number of bytes, or -1 for no limit, got -2",
        "linux.resources.memory.reservation: expected a number of bytes, or -1 for no limit, got -3",
        "linux.resources.memory.swap: expected a number of bytes, or -1 for no limit, got -9223372036854775808",
      );
  });
  test("v1: swappiness", () => {
    expect(limits({ memory: { swappiness: 2 ** 64 } }, v1)).toEqual([]);
    refused({ memory: { swappiness: 101 } }, v1, "linux.resources.memory.swappiness: expected an integer from 0 to 100, got 101");
  });
  test("v2: what it does not have", () =>
    refused(
      { memory: { disableOOMKiller: true, swappiness: 0 } },
      v2,
      "linux.resources.memory.swappiness: cgroup v2 has nothing like it",
      "linux.resources.memory.disableOOMKiller: cgroup v2 has nothing like it",
    ));
  test("v2: swap without memory, and less of both than of one", () => {
    refused(
      { memory: { swap: 5 } },
      v2,
      "linux.resources.memory.swap: counts memory and swap together, so cgroup v2 needs memory.limit beside it",
    );
    refused(
      { memory: { swap: 5, limit: 6 } },
      v2,
      "linux.resources.memory.swap: counts memory and swap together, so it is at least memory.limit, 6",
    );
  });
  test("the kernel's own is only noted", () =>
    expect(limitsOf({ memory: { kernel: 5, kernelTCP: -1 } }, v1, options)).toEqual({
      writes: [],
      notes: [
        "linux.resources.memory.kernel is ignored: the kernel's own memory counts as the container's",
        "linux.resources.memory.kernelTCP is ignored: the kernel's own memory counts as the container's",
      ],
      dropped: [],
    }));
});

describe("cpu", () => {
  const all: Resources = { cpu: { shares: 512, quota: 50000, period: 100000, burst: 7, idle: 0, cpus: "0-1", mems: "0" } };
  test("v1: period and burst before the quota if they can be, and after it", () =>
    expect(limits(all, v1)).toEqual([
      "cpu.idle: /cpu,cpuacct/cpu.idle < 0",
      "cpu.shares: /cpu,cpuacct/cpu.shares < 512",
      "cpu.period: /cpu,cpuacct/cpu.cfs_period_us < 100000 EINVAL: -",
      "cpu.burst: /cpu,cpuacct/cpu.cfs_burst_us < 7 ENOENT: - EINVAL: -",
      "cpu.quota: /cpu,cpuacct/cpu.cfs_quota_us < 50000",
      "cpu.period: /cpu,cpuacct/cpu.cfs_period_us < 100000",
      "cpu.burst: /cpu,cpuacct/cpu.cfs_burst_us < 7 ENOENT: -",
      "cpu.cpus: /cpuset/cpuset.cpus < 0-1",
      "cpu.mems: /cpuset/cpuset.mems < 0",
    ]));
  test("v2", () =>
    expect(limits(all, v2)).toEqual([
      "cpu.idle: /v2/cpu.idle < 0",
      "cpu.shares: /v2/cpu.weight < 59",
      "cpu.burst: /v2/cpu.max.burst < 7 EINVAL: -",
      "cpu.quota: /v2/cpu.max < 50000 100000",
      "cpu.burst: /v2/cpu.max.burst < 7",
      "cpu.cpus: /v2/cpuset.cpus < 0-1",
      "cpu.mems: /v2/cpuset.mems < 0",
    ]));
  test("v1: idle after the shares, which an idle cgroup does not take", () =>
    expect(limits({ cpu: { idle: 1, shares: 5 } }, v1)).toEqual([
      "cpu.shares: /cpu,cpuacct/cpu.shares < 5",
      "cpu.idle: /cpu,cpuacct/cpu.idle < 1",
    ]));
  test("v1: one by itself", () => {
    expect(limits({ cpu: { period: 5000 } }, v1)).toEqual(["cpu.period: /cpu,cpuacct/cpu.cfs_period_us < 5000"]);
    expect(limits({ cpu: { quota: -1 } }, v1)).toEqual(["cpu.quota: /cpu,cpuacct/cpu.cfs_quota_us < -1"]);
    expect(limits({ cpu: { burst: 0 } }, v1)).toEqual(["cpu.burst: /cpu,cpuacct/cpu.cfs_burst_us < 0 ENOENT: -"]);
  });
  for (const [title, cpu, present, expected] of [
    ["a quota alone", { quota: 5000 }, undefined, "cpu.quota: /v2/cpu.max < 5000 100000"],
    ["a quota alone, beside what there is", { quota: 5000 }, "max 20000\n", "cpu.quota: /v2/cpu.max < 5000 20000"],
    ["no quota", { quota: -1 }, "5000 20000\n", "cpu.quota: /v2/cpu.max < max 20000"],
    ["a period alone", { period: 5000 }, undefined, "cpu.period: /v2/cpu.max < max 5000"],
    ["a period alone, beside what there is", { period: 5000 }, "1000 20000\n", "cpu.period: /v2/cpu.max < 1000 5000"],
    ["burst alone", { burst: 0 }, "1000 20000\n", "cpu.burst: /v2/cpu.max.burst < 0"],
  ] as const)
    test(`v2: ${title}`, () => expect(limits({ cpu }, v2, present)).toEqual([expected]));
  test("v1: shares that the kernel would change", () => {
    expect(limits({ cpu: { shares: 2 } }, v1)).toEqual(["cpu.shares: /cpu,cpuacct/cpu.shares < 2"]);
    expect(limits({ cpu: { shares: 262144 } }, v1)).toEqual(["cpu.shares: /cpu,cpuacct/cpu.shares < 262144"]);
    refused({ cpu: { shares: 1 } }, v1, "linux.resources.cpu.shares: expected an integer from 2 to 262144, got 1");
    refused({ cpu: { shares: 262145 } }, v1, "linux.resources.cpu.shares: expected an integer from 2 to 262144, got 262145");
  });
  test("v1: real time, whose period may have to wait for the runtime", () => {
    expect(limits({ cpu: { realtimeRuntime: 5, realtimePeriod: 10 } }, v1)).toEqual([
      "cpu.realtimePeriod: /cpu,cpuacct/cpu.rt_period_us < 10 EINVAL: -",
      "cpu.realtimeRuntime: /cpu,cpuacct/cpu.rt_runtime_us < 5",
      "cpu.realtimePeriod: /cpu,cpuacct/cpu.rt_period_us < 10",
    ]);
    expect(limits({ cpu: { realtimePeriod: 10 } }, v1)).toEqual(["cpu.realtimePeriod: /cpu,cpuacct/cpu.rt_period_us < 10"]);
    expect(limits({ cpu: { realtimeRuntime: 5 } }, v1)).toEqual(["cpu.realtimeRuntime: /cpu,cpuacct/cpu.rt_runtime_us < 5"]);
  });
  test("v2: no real time", () =>
    refused(
      { cpu: { realtimeRuntime: 5, realtimePeriod: 10 } },
      v2,
      "linux.resources.cpu.realtimePeriod: cgroup v2 has nothing like it",
      "linux.resources.cpu.realtimeRuntime: cgroup v2 has nothing like it",
    ));
});

describe("pids", () => {
  test("a number", () => expect(limits({ pids: { limit: 5 } }, v1)).toEqual(["pids.limit: /pids/pids.max < 5"]));
  test("zero leaves room for the first process alone", () => {
    expect(limits({ pids: { limit: 0 } }, v1)).toEqual(["pids.limit: /pids/pids.max < 1"]);
    expect(limits({ pids: { limit: 0 } }, v2)).toEqual(["pids.limit: /v2/pids.max < 1"]);
  });
  test("none", () => expect(limits({ pids: { limit: -1 } }, v2)).toEqual(["pids.limit: /v2/pids.max < max"]));
});

describe("blockIO", () => {
  const disk = { major: 8, minor: 16 };
  const weights: Resources = { blockIO: { weight: 100, weightDevice: [{ ...disk, weight: 200 }] } };
  test("v1: weights under either name", () =>
    expect(limits(weights, v1)).toEqual([
      "blockIO.weight: /blkio/blkio.weight < 100 ENOENT: or blkio.bfq.weight < 100",
      "blockIO.weightDevice[0]: /blkio/blkio.weight_device < 8:16 200 ENOENT: or blkio.bfq.weight_device < 8:16 200",
    ]));
  test("v2: BFQ's weight, else the usual one in its own range", () =>
    expect(limits(weights, v2)).toEqual([
      "blockIO.weight: /v2/io.bfq.weight < 100 ENOENT: or io.weight < 910",
      "blockIO.weightDevice[0]: /v2/io.bfq.weight < 8:16 200 ENOENT: or io.weight < 8:16 1920",
    ]));
  const leaves: Resources = { blockIO: { leafWeight: 30, weightDevice: [{ ...disk, leafWeight: 40 }] } };
  test("v1: leaf weights", () =>
    expect(limits(leaves, v1)).toEqual([
      "blockIO.leafWeight: /blkio/blkio.leaf_weight < 30",
      "blockIO.weightDevice[0]: /blkio/blkio.leaf_weight_device < 8:16 40",
    ]));
  test("v2: no leaf weights", () =>
    refused(
      leaves,
      v2,
      "linux.resources.blockIO.leafWeight: cgroup v2 has nothing like it",
      "linux.resources.blockIO.weightDevice[0].leafWeight: cgroup v2 has nothing like it",
    ));
  const rates: Resources = {
    blockIO: {
      throttleReadBpsDevice: [
        { ...disk, rate: 1 },
        { ...disk, minor: 32, rate: 0 },
      ],
      throttleWriteBpsDevice: [{ ...disk, rate: 2 }],
      throttleReadIOPSDevice: [{ ...disk, rate: 3 }],
      throttleWriteIOPSDevice: [{ ...disk, rate: 4 }],
    },
  };
  test("v1: rates", () =>
    expect(limits(rates, v1)).toEqual([
      "blockIO.throttleReadBpsDevice[0]: /blkio/blkio.throttle.read_bps_device < 8:16 1",
      "blockIO.throttleReadBpsDevice[1]: /blkio/blkio.throttle.read_bps_device < 8:32 0",
      "blockIO.throttleWriteBpsDevice[0]: /blkio/blkio.throttle.write_bps_device < 8:16 2",
      "blockIO.throttleReadIOPSDevice[0]: /blkio/blkio.throttle.read_iops_device < 8:16 3",
      "blockIO.throttleWriteIOPSDevice[0]: /blkio/blkio.throttle.write_iops_device < 8:16 4",
    ]));
  test("v2: rates", () =>
    expect(limits(rates, v2)).toEqual([
      "blockIO.throttleReadBpsDevice[0]: /v2/io.max < 8:16 rbps=1",
      "blockIO.throttleReadBpsDevice[1]: /v2/io.max < 8:32 rbps=0",
      "blockIO.throttleWriteBpsDevice[0]: /v2/io.max < 8:16 wbps=2",
      "blockIO.throttleReadIOPSDevice[0]: /v2/io.max < 8:16 riops=3",
      "blockIO.throttleWriteIOPSDevice[0]: /v2/io.max < 8:16 wiops=4",
    ]));
});

describe("huge pages, also those reserved where the kernel has that", () => {
  const resources: Resources = {
    hugepageLimits: [
      { pageSize: "2MB", limit: 0 },
      { pageSize: "1GB", limit: 2 ** 64 },
    ],
  };
  test("v1", () =>
    expect(limits(resources, v1)).toEqual([
      "hugepageLimits[0]: /hugetlb/hugetlb.2MB.limit_in_bytes < 0",
      "hugepageLimits[0]: /hugetlb/hugetlb.2MB.rsvd.limit_in_bytes < 0 ENOENT: -",
      "hugepageLimits[1]: /hugetlb/hugetlb.1GB.limit_in_bytes < 18446744073709551615",
      "hugepageLimits[1]: /hugetlb/hugetlb.1GB.rsvd.limit_in_bytes < 18446744073709551615 ENOENT: -",
    ]));
  test("v2, and where only that has them", () => {
    const expected = [
      "hugepageLimits[0]: /v2/hugetlb.2MB.max < 0",
      "hugepageLimits[0]: /v2/hugetlb.2MB.rsvd.max < 0 ENOENT: -",
      "hugepageLimits[1]: /v2/hugetlb.1GB.max < 18446744073709551615",
      "hugepageLimits[1]: /v2/hugetlb.1GB.rsvd.max < 18446744073709551615 ENOENT: -",
    ];
    expect(limits(resources, v2)).toEqual(expected);
    expect(limits(resources, hybrid)).toEqual(expected);
  });
});

describe("network, rdma, unified", () => {
  const network: Resources = { network: { classID: 1048577, priorities: [{ name: "eth0", priority: 500 }] } };
  test("v1: network", () =>
    expect(limits(network, v1)).toEqual([
      "network.classID: /net_cls/net_cls.classid < 1048577",
      "network.priorities[0]: /net_prio/net_prio.ifpriomap < eth0 500",
    ]));
  test("v2: no network", () =>
    refused(
      network,
      v2,
      "linux.resources.network.classID: needs the net_cls controller, and there is none in this host's cgroup v2",
      "linux.resources.network.priorities[0]: needs the net_prio controller, and there is none in this host's cgroup v2",
    ));
  test("rdma", () => {
    const rdma: Resources = { rdma: { mlx5_1: { hcaHandles: 3, hcaObjects: 10 }, mlx4: { hcaObjects: 0 }, rxe: {} } };
    expect(limits(rdma, v1)).toEqual([
      "rdma.mlx5_1: /rdma/rdma.max < mlx5_1 hca_handle=3 hca_object=10",
      "rdma.mlx4: /rdma/rdma.max < mlx4 hca_object=0",
    ]);
    expect(limits(rdma, v2)).toEqual([
      "rdma.mlx5_1: /v2/rdma.max < mlx5_1 hca_handle=3 hca_object=10",
      "rdma.mlx4: /v2/rdma.max < mlx4 hca_object=0",
    ]);
  });
  test("unified, a line at a time, empty too", () =>
    expect(limits({ unified: { "io.max": "8:0 rbps=1\n8:16 rbps=2", "cgroup.max.depth": "3", "memory.high": "" } }, v2)).toEqual([
      'unified["io.max"]: /v2/io.max < 8:0 rbps=1\n',
      'unified["io.max"]: /v2/io.max < 8:16 rbps=2',
      'unified["cgroup.max.depth"]: /v2/cgroup.max.depth < 3',
      'unified["memory.high"]: /v2/memory.high < ',
    ]));
  test("unified comes last, so it wins", () =>
    expect(limits({ unified: { "pids.max": "7" }, pids: { limit: 5 } }, v2)).toEqual([
      "pids.limit: /v2/pids.max < 5",
      'unified["pids.max"]: /v2/pids.max < 7',
    ]));
  test("unified that cannot be", () => {
    refused(
      { unified: { "memory.high": "1" } },
      v1,
      'linux.resources.unified["memory.high"]: needs cgroup v2, and this host has cgroup v1',
    );
    refused(
      { unified: { "misc.max": "1", memory: "2" } },
      v2,
      'linux.resources.unified["misc.max"]: needs the misc controller, and there is none in this host\'s cgroup v2',
      'linux.resources.unified["memory"]: is no file of cgroup v2: their names are like "memory.max"',
    );
  });
});

test("unified: what is no limit", () =>
  refused(
    { unified: { "cgroup.freeze": "1", "cgroup.procs": "1" } },
    v2,
    'linux.resources.unified["cgroup.freeze"]: would move, hold or end processes, and is no limit',
    'linux.resources.unified["cgroup.procs"]: would move, hold or end processes, and is no limit',
  ));

describe("a controller that is missing", () => {
  const asked: Resources = {
    memory: { limit: 5 },
    cpu: { shares: 5, quota: 6, period: 7, cpus: "0" },
    pids: { limit: 1 },
    blockIO: { weight: 10 },
  };
  test("v1", () =>
    refused(
      asked,
      [one(1, "devices"), one(1, "pids")],
      "linux.resources.memory.limit: needs the memory controller, and there is none in any hierarchy of this host's cgroups",
      "linux.resources.blockIO.weight: needs the blkio controller, and there is none in any hierarchy of this host's cgroups",
      "linux.resources.cpu.shares: needs the cpu controller, and there is none in any hierarchy of this host's cgroups",
      "linux.resources.cpu.period: needs the cpu controller, and there is none in any hierarchy of this host's cgroups",
      "linux.resources.cpu.quota: needs the cpu controller, and there is none in any hierarchy of this host's cgroups",
      "linux.resources.cpu.cpus: needs the cpuset controller, and there is none in any hierarchy of this host's cgroups",
    ));
  test("v2", () =>
    refused(
      asked,
      [one(2, "hugetlb", "cpu", "cpuset", "memory")],
      "linux.resources.pids.limit: needs the pids controller, and there is none in this host's cgroup v2",
      "linux.resources.blockIO.weight: needs the io controller, and there is none in this host's cgroup v2",
    ));
  test("no cgroup", () =>
    refused(
      { pids: { limit: 1 }, unified: { "pids.max": "1" } },
      [],
      "linux.resources.pids.limit: needs a cgroup, and this user may make none here",
      'linux.resources.unified["pids.max"]: needs a cgroup, and this user may make none here',
    ));
});

test("of a list of any length the first are told, in time that grows with it alone", () => {
  const hugepageLimits = Array.from({ length: 100_000 }, () => ({ pageSize: "2MB", limit: 0 }));
  const lines = faultLines(() => limitsOf({ hugepageLimits }, [], options));
  expect([lines.length, lines[49], lines[50]]).toEqual([
    51,
    "linux.resources.hugepageLimits[49]: needs a cgroup, and this user may make none here",
    "99950 more faults",
  ]);
});

describe("for an ordinary user", () => {
  const ofUser = { ...options, delegated: true };
  test("what was not delegated is left out, each field once, and the rest is set", () => {
    const cgroups = [one(2, "memory", "pids")];
    const asked: Resources = { memory: { limit: 5 }, cpu: { quota: 6, period: 7 }, unified: { "io.max": "1", "pids.max": "2" } };
    const { writes, dropped } = limitsOf(asked, cgroups, ofUser);
    expect(writes.map(({ field }) => field)).toEqual(["memory.limit", 'unified["pids.max"]']);
    expect(dropped).toEqual([
      { path: "linux.resources.cpu.quota", problem: "needs the cpu controller, which was not delegated to this user" },
      { path: 'linux.resources.unified["io.max"]', problem: "needs the io controller, which was not delegated to this user" },
    ]);
  });
  test("without a cgroup all of it is, also what one version of cgroups alone can say", () =>
    expect(limitsOf({ memory: { limit: 5, swappiness: 6 }, pids: { limit: 1 }, unified: { "pids.max": "1" } }, [], ofUser)).toEqual({
      writes: [],
      notes: [],
      dropped: ["pids.limit", "memory.swappiness", "memory.limit", 'unified["pids.max"]'].map((field) => ({
        path: `linux.resources.${field}`,
        problem: "needs a cgroup, and this user may make none here",
      })),
    }));
  test("what cannot be right anywhere is refused all the same", () =>
    expect(faultLines(() => limitsOf({ unified: { memory: "2" } }, [one(2)], ofUser))).toEqual([
      'linux.resources.unified["memory"]: is no file of cgroup v2: their names are like "memory.max"',
    ]));
});

describe("only what differs is written", () => {
  const files: Record<string, string> = {
    "/v2/pids.max": "5\n",
    "/v2/memory.max": "100\n",
    "/v2/memory.low": "7\n",
    "/v2/cpu.weight": "1\n",
  };
  const changes = (resources: Resources): string[] =>
    changesIn(limitsOf(resources, v2, options).writes, (path) => files[path]).map(({ file, value }) => `${file} < ${value}`);
  test("of all", () =>
    expect(
      changes({ pids: { limit: 5 }, memory: { limit: 100, reservation: 8 }, hugepageLimits: [{ pageSize: "2MB", limit: 0 }] }),
    ).toEqual(["memory.low < 8", "hugetlb.2MB.max < 0", "hugetlb.2MB.rsvd.max < 0"]));
  test("and what it may change", () => {
    expect(changes({ cpu: { shares: 2 } })).toEqual([]);
    expect(changes({ cpu: { shares: 2, idle: 0 } })).toEqual(["cpu.idle < 0", "cpu.weight < 1"]);
    expect(changes({ memory: { limit: 99, reservation: 7 } })).toEqual(["memory.max < 99", "memory.low < 7"]);
  });
});
