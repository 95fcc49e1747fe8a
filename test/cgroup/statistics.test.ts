// Statistics from the files of made-up cgroups; what a real kernel's give, beside runc, is in test/integration/events.test.ts.

import { expect, test } from "bun:test";
import { type CgroupPlace, readStatistics, statisticsEvent } from "../../src/cgroup/statistics.ts";

type Files = Readonly<Record<string, string>>;

/** As a value of JSON, as clients read it. Numbers beyond 2^53 are compared as text in a test of their own. */
const read = (cgroups: readonly CgroupPlace[], files: Files, sizes: readonly string[] = []): unknown =>
  JSON.parse(
    statisticsEvent(
      "c",
      readStatistics(cgroups, sizes, (path) => files[path]),
    ),
  );

const v2: CgroupPlace[] = [{ version: 2, path: "/u" }];
const v1: CgroupPlace[] = ["memory", "cpu", "cpuacct", "cpuset", "pids", "blkio", "hugetlb"].map((name) => ({
  version: 1,
  path: `/${name}`,
}));

const zeroEntry = { limit: 0, failcnt: 0 };
const noCpuset = {
  cpu_exclusive: 0,
  mem_hardwall: 0,
  mem_exclusive: 0,
  memory_migrate: 0,
  memory_spread_page: 0,
  memory_spread_slab: 0,
  memory_pressure: 0,
  sched_load_balance: 0,
  sched_relax_domain_level: 0,
};
const nothing = {
  cpu: { usage: { kernel: 0, user: 0 }, throttling: {} },
  cpuset: noCpuset,
  memory: { usage: zeroEntry, swap: zeroEntry, kernel: zeroEntry, kernelTCP: zeroEntry },
  pids: {},
  blkio: {},
  hugetlb: {},
  intel_rdt: {},
  network_interfaces: null,
};

/** `expected`: the parts of `data` that are not `nothing`'s. */
const check = (cgroups: readonly CgroupPlace[], files: Files, expected: object, sizes?: readonly string[]): void =>
  expect(read(cgroups, files, sizes)).toEqual({ type: "stats", id: "c", data: { ...nothing, ...expected } });

test("no cgroup at all: zeros", () => check([], {}, {}));
test("v1 without any file", () => check(v1, {}, {}));

test("v1: cpu", () =>
  check(
    v1,
    {
      "/cpuacct/cpuacct.usage": "4700\n",
      "/cpuacct/cpuacct.usage_percpu": "1200 3500 \n",
      "/cpuacct/cpuacct.usage_all": "cpu user system\n0 100 1100\n1 3000 500\n",
      "/cpuacct/cpuacct.stat": "user 3\nsystem 4\n",
      "/cpu/cpu.stat": "nr_periods 7\nnr_throttled 2\nthrottled_time 99\n",
    },
    {
      cpu: {
        usage: {
          total: 4700,
          percpu: [1200, 3500],
          percpu_kernel: [1100, 500],
          percpu_user: [100, 3000],
          kernel: 40_000_000,
          user: 30_000_000,
        },
        throttling: { periods: 7, throttledPeriods: 2, throttledTime: 99 },
      },
    },
  ));

test("v1: cpuset", () =>
  check(
    v1,
    {
      "/cpuset/cpuset.cpus": "0-2\n",
      "/cpuset/cpuset.mems": "0\n",
      "/cpuset/cpuset.mem_exclusive": "1\n",
      "/cpuset/cpuset.sched_load_balance": "1\n",
      "/cpuset/cpuset.sched_relax_domain_level": "-1\n",
    },
    { cpuset: { ...noCpuset, cpus: [0, 1, 2], mems: [0], mem_exclusive: 1, sched_load_balance: 1, sched_relax_domain_level: -1 } },
  ));

test("v1: memory", () =>
  check(
    v1,
    {
      "/memory/memory.stat": "rss 2\ncache 5\n",
      "/memory/memory.usage_in_bytes": "10",
      "/memory/memory.max_usage_in_bytes": "20",
      "/memory/memory.failcnt": "3",
      "/memory/memory.limit_in_bytes": "4096",
      "/memory/memory.memsw.usage_in_bytes": "11",
      "/memory/memory.kmem.usage_in_bytes": "4",
      "/memory/memory.kmem.tcp.limit_in_bytes": "8192",
    },
    {
      memory: {
        cache: 5,
        usage: { limit: 4096, usage: 10, max: 20, failcnt: 3 },
        swap: { ...zeroEntry, usage: 11 },
        kernel: { ...zeroEntry, usage: 4 },
        kernelTCP: { ...zeroEntry, limit: 8192 },
        raw: { cache: 5, rss: 2 },
      },
    },
  ));

test("pids: a limit, and none", () => {
  check(v1, { "/pids/pids.current": "3\n", "/pids/pids.max": "max\n" }, { pids: { current: 3 } });
  check(v1, { "/pids/pids.current": "3\n", "/pids/pids.max": "9\n" }, { pids: { current: 3, limit: 9 } });
  check(v2, { "/u/pids.current": "3\n", "/u/pids.max": "max\n" }, { pids: { current: 3 } });
  check(v2, { "/u/pids.current": "3\n", "/u/pids.max": "9\n" }, { pids: { current: 3, limit: 9 } });
});
test("v2: pids without their controller are counted", () => {
  check(v2, { "/u/cgroup.procs": "12\n13\n" }, { pids: { current: 2 } });
  check(v2, { "/u/cgroup.threads": "12\n13\n14\n" }, { pids: { current: 3 } });
});

test("v1: block devices, from the most detailed source that has any", () => {
  const total = "8:0 Total 12\nTotal 12\n";
  check(
    v1,
    {
      "/blkio/blkio.throttle.io_serviced": "8:16 Read 1\n8:16 Write 0\nTotal 1\n",
      "/blkio/blkio.throttle.io_service_bytes": total,
      "/blkio/blkio.throttle.io_serviced_recursive": "Total 0\n",
    },
    {
      blkio: {
        ioServicedRecursive: [
          { major: 8, minor: 16, op: "Read", value: 1 },
          { major: 8, minor: 16, op: "Write" },
        ],
        ioServiceBytesRecursive: [{ major: 8, op: "Total", value: 12 }],
      },
    },
  );
  check(
    v1,
    { "/blkio/blkio.sectors_recursive": "8:0 6792\n", "/blkio/blkio.throttle.io_serviced": total },
    { blkio: { sectorsRecursive: [{ major: 8, value: 6792 }] } },
  );
});

test("v1: huge pages, reservations first", () =>
  check(
    v1,
    {
      "/hugetlb/hugetlb.2MB.rsvd.usage_in_bytes": "1\n",
      "/hugetlb/hugetlb.2MB.rsvd.max_usage_in_bytes": "2\n",
      "/hugetlb/hugetlb.2MB.rsvd.failcnt": "3\n",
      "/hugetlb/hugetlb.2MB.usage_in_bytes": "7\n",
      "/hugetlb/hugetlb.1GB.usage_in_bytes": "4\n",
    },
    { hugetlb: { "1GB": { usage: 4, failcnt: 0 }, "2MB": { usage: 1, max: 2, failcnt: 3 } } },
    ["1GB", "2MB", "64KB"],
  ));

test("hybrid: numbers of v1, and huge pages of v2 if only that counts them", () => {
  const files = {
    "/pids/pids.current": "1\n",
    "/u/pids.current": "9\n",
    "/u/cpu.stat": "usage_usec 5\n",
    "/u/hugetlb.2MB.current": "2097152\n",
    "/u/hugetlb.2MB.events": "max 1\n",
  };
  check([...v2, ...v1], files, { pids: { current: 1 }, hugetlb: { "2MB": { usage: 2097152, failcnt: 1 } } }, ["2MB"]);
  check(
    [...v2, ...v1],
    { ...files, "/hugetlb/hugetlb.2MB.usage_in_bytes": "0\n" },
    { pids: { current: 1 }, hugetlb: { "2MB": { failcnt: 0 } } },
    ["2MB"],
  );
});

const pressureText = "some avg10=0.22 avg60=1.50 avg300=0.00 total=12345\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";
const pressure = { some: { avg10: 0.22, avg60: 1.5, avg300: 0, total: 12345 }, full: { avg10: 0, avg60: 0, avg300: 0, total: 7 } };

test("v2: cpu in the units of v1, with pressure", () =>
  check(
    v2,
    {
      "/u/cpu.stat": "usage_usec 12\nuser_usec 7\nsystem_usec 5\nnr_periods 3\nnr_throttled 1\nthrottled_usec 2\n",
      "/u/cpu.pressure": pressureText,
    },
    {
      cpu: {
        usage: { total: 12_000, kernel: 5000, user: 7000 },
        throttling: { periods: 3, throttledPeriods: 1, throttledTime: 2000 },
        psi: pressure,
      },
    },
  ));

test("v2: memory and swap are counted together, as on v1", () =>
  check(
    v2,
    {
      "/u/memory.stat": "file 4\nanon 6\n",
      "/u/memory.current": "10\n",
      "/u/memory.max": "100\n",
      "/u/memory.peak": "12\n",
      "/u/memory.swap.current": "5\n",
      "/u/memory.swap.max": "50\n",
      "/u/memory.swap.peak": "6\n",
      "/u/memory.pressure": pressureText,
    },
    {
      memory: {
        cache: 4,
        usage: { limit: 100, usage: 10, max: 12, failcnt: 0 },
        swap: { limit: 150, usage: 15, failcnt: 0 },
        kernel: zeroEntry,
        kernelTCP: zeroEntry,
        raw: { anon: 6, file: 4 },
        psi: pressure,
      },
    },
  ));

test("v2: block devices", () =>
  check(
    v2,
    {
      "/u/io.stat": "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n254:1 rbytes=7 wbytes=0 rios=1 wios=0\n",
      "/u/io.pressure": pressureText,
    },
    {
      blkio: {
        ioServiceBytesRecursive: [
          { major: 8, op: "Read", value: 1 },
          { major: 8, op: "Write", value: 2 },
          { major: 254, minor: 1, op: "Read", value: 7 },
          { major: 254, minor: 1, op: "Write" },
        ],
        ioServicedRecursive: [
          { major: 8, op: "Read", value: 3 },
          { major: 8, op: "Write", value: 4 },
          { major: 254, minor: 1, op: "Read", value: 1 },
          { major: 254, minor: 1, op: "Write" },
        ],
        psi: pressure,
      },
    },
  ));

test("a line of JSON has every digit, whatever the limit", () => {
  const files: Files = { "/u/memory.current": "1\n", "/u/memory.max": "max\n", "/u/memory.swap.max": "9223372036854771712\n" };
  const line = statisticsEvent(
    "c",
    readStatistics(v2, [], (path) => files[path]),
  );
  expect(line).toContain('"usage":{"limit":18446744073709551615,"usage":1,"failcnt":0},"swap":{"limit":18446744073709551615,');
  expect(line).not.toContain("\n");
});
