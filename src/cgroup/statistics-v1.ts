// Statistics from cgroup v1: each controller's files are in its own hierarchy, so a file is looked for in all of the
// container's cgroups (Documentation/admin-guide/cgroup-v1).

import { counter, counterList, keyedCounters, listedNumbers, type Read, unlessEmpty, unlessZero } from "./counters.ts";
import type { BlockIo, BlockIoEntry, BlockIoField, Cpu, Cpuset, HugePages, Memory, MemoryEntry, Statistics } from "./statistics.ts";

/** Text of a file of any of the cgroups by its name alone. */
type File = (name: string) => string | undefined;

export function statisticsV1(cgroups: readonly string[], pageSizes: readonly string[], read: Read): Statistics {
  const file = fileIn(cgroups, read);
  const limit = file("pids.max");
  return {
    cpu: cpuOf(file),
    cpuset: cpusetOf(file),
    memory: memoryOf(file),
    pids: { current: unlessZero(counter(file("pids.current"))), limit: limit?.trim() === "max" ? undefined : unlessZero(counter(limit)) },
    blkio: blockIoOf(file),
    hugetlb: hugePagesOf(file, pageSizes),
    intel_rdt: {},
    network_interfaces: null,
  };
}

/** Which cgroup has a controller's files is found once: its files all begin with its name. */
function fileIn(cgroups: readonly string[], read: Read): File {
  const places = new Map<string, string>();
  return (name) => {
    const controller = name.slice(0, name.indexOf("."));
    const place = places.get(controller);
    if (place !== undefined) return read(`${place}/${name}`);
    for (const path of cgroups) {
      const text = read(`${path}/${name}`);
      if (text === undefined) continue;
      places.set(controller, path);
      return text;
    }
    return undefined;
  };
}

/** cpuacct.stat counts in clock ticks, of which every Linux has 100 a second (sysconf(3), _SC_CLK_TCK). */
const TICK_NS = 10_000_000n;

function cpuOf(file: File): Cpu {
  const ticks = keyedCounters(file("cpuacct.stat"));
  const throttled = keyedCounters(file("cpu.stat"));
  const [kernel, user] = perCpuModes(file("cpuacct.usage_all"));
  return {
    usage: {
      total: unlessZero(counter(file("cpuacct.usage"))),
      percpu: unlessEmpty(counterList(file("cpuacct.usage_percpu"))),
      percpu_kernel: unlessEmpty(kernel),
      percpu_user: unlessEmpty(user),
      kernel: (ticks.get("system") ?? 0n) * TICK_NS,
      user: (ticks.get("user") ?? 0n) * TICK_NS,
    },
    throttling: {
      periods: unlessZero(throttled.get("nr_periods")),
      throttledPeriods: unlessZero(throttled.get("nr_throttled")),
      throttledTime: unlessZero(throttled.get("throttled_time")),
    },
  };
}

/** Lines `CPU USER SYSTEM` below a heading. */
function perCpuModes(text: string | undefined): [kernel: bigint[], user: bigint[]] {
  const [kernel, user]: [bigint[], bigint[]] = [[], []];
  for (const line of text?.split("\n").slice(1) ?? []) {
    const [, inUser, inKernel] = line.split(" ");
    if (inKernel === undefined) continue;
    user.push(counter(inUser));
    kernel.push(counter(inKernel));
  }
  return [kernel, user];
}

function cpusetOf(file: File): Cpuset {
  const flag = (name: string): bigint => counter(file(`cpuset.${name}`));
  const level = file("cpuset.sched_relax_domain_level")?.trim() ?? "";
  return {
    cpus: unlessEmpty(listedNumbers(file("cpuset.cpus"))),
    cpu_exclusive: flag("cpu_exclusive"),
    mems: unlessEmpty(listedNumbers(file("cpuset.mems"))),
    mem_hardwall: flag("mem_hardwall"),
    mem_exclusive: flag("mem_exclusive"),
    memory_migrate: flag("memory_migrate"),
    memory_spread_page: flag("memory_spread_page"),
    memory_spread_slab: flag("memory_spread_slab"),
    memory_pressure: flag("memory_pressure"),
    sched_load_balance: flag("sched_load_balance"),
    sched_relax_domain_level: /^-?[0-9]+$/.test(level) ? BigInt(level) : 0n,
  };
}

function memoryOf(file: File): Memory {
  const raw = keyedCounters(file("memory.stat"));
  return {
    cache: unlessZero(raw.get("cache")),
    usage: memoryEntry(file, "memory"),
    swap: memoryEntry(file, "memory.memsw"),
    kernel: memoryEntry(file, "memory.kmem"),
    kernelTCP: memoryEntry(file, "memory.kmem.tcp"),
    raw: raw.size === 0 ? undefined : sorted(raw),
  };
}

const memoryEntry = (file: File, prefix: string): MemoryEntry => ({
  limit: counter(file(`${prefix}.limit_in_bytes`)),
  usage: unlessZero(counter(file(`${prefix}.usage_in_bytes`))),
  max: unlessZero(counter(file(`${prefix}.max_usage_in_bytes`))),
  failcnt: counter(file(`${prefix}.failcnt`)),
});

/** By name, as Go prints a map. */
export const sorted = (counters: ReadonlyMap<string, bigint>): Record<string, bigint> =>
  Object.fromEntries([...counters].sort(([a], [b]) => (a < b ? -1 : 1)));

type BlockIoFile = readonly [file: string, field: BlockIoField];

const served: readonly BlockIoFile[] = [
  ["io_serviced_recursive", "ioServicedRecursive"],
  ["io_service_bytes_recursive", "ioServiceBytesRecursive"],
];
const detailed: readonly BlockIoFile[] = [
  ["sectors_recursive", "sectorsRecursive"],
  ["io_service_time_recursive", "ioServiceTimeRecursive"],
  ["io_wait_time_recursive", "ioWaitTimeRecursive"],
  ["io_merged_recursive", "ioMergedRecursive"],
  ["io_queued_recursive", "ioQueueRecursive"],
  ["time_recursive", "ioTimeRecursive"],
  ...served,
];

/** Who counts depends on the scheduler of the disk and on how the kernel was built; from the most detailed to the plainest. */
const blockIoSources: readonly { readonly prefix: string; readonly files: readonly BlockIoFile[] }[] = [
  { prefix: "blkio.bfq.", files: detailed },
  { prefix: "blkio.bfq.", files: served },
  { prefix: "blkio.", files: detailed },
  { prefix: "blkio.throttle.", files: served },
  {
    prefix: "blkio.throttle.",
    files: [
      ["io_serviced", "ioServicedRecursive"],
      ["io_service_bytes", "ioServiceBytesRecursive"],
    ],
  },
];

/** The first source whose first file has lines is taken. */
function blockIoOf(file: File): BlockIo {
  for (const { prefix, files } of blockIoSources) {
    const out: { [field in BlockIoField]?: readonly BlockIoEntry[] } = {};
    for (const [name, field] of files) {
      const entries = blockIoLines(file(prefix + name));
      if (entries.length === 0) break;
      out[field] = entries;
    }
    if (Object.keys(out).length > 0) return out;
  }
  return {};
}

/** Lines `MAJOR:MINOR [OPERATION] VALUE`; the last, `Total VALUE`, is of no device. */
function blockIoLines(text: string | undefined): BlockIoEntry[] {
  const out: BlockIoEntry[] = [];
  for (const line of text?.split("\n") ?? []) {
    const fields = line.split(/[ :]/);
    const [major, minor, third, fourth] = fields;
    if (fields.length < 3 || fields.length > 4) continue;
    out.push({
      major: unlessZero(counter(major)),
      minor: unlessZero(counter(minor)),
      op: fourth === undefined ? undefined : third,
      value: unlessZero(counter(fourth ?? third)),
    });
  }
  return out;
}

function hugePagesOf(file: File, pageSizes: readonly string[]): HugePages {
  const out: Record<string, HugePages[string]> = {};
  for (const size of pageSizes) {
    // Reservations count, where the kernel counts them (Linux 5.7): those are what a limit is held against first.
    const reserved = file(`hugetlb.${size}.rsvd.usage_in_bytes`);
    const prefix = `hugetlb.${size}${reserved === undefined ? "" : ".rsvd"}`;
    const usage = reserved ?? file(`${prefix}.usage_in_bytes`);
    if (usage === undefined) continue;
    out[size] = {
      usage: unlessZero(counter(usage)),
      max: unlessZero(counter(file(`${prefix}.max_usage_in_bytes`))),
      failcnt: counter(file(`${prefix}.failcnt`)),
    };
  }
  return out;
}
