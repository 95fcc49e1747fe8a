// Statistics from cgroup v2, put into the names of v1, as clients expect them (Documentation/admin-guide/cgroup-v2.rst).

import { counter, keyedCounters, type Read, unlessEmpty, unlessZero, unlimited } from "./counters.ts";
import type {
  BlockIo,
  BlockIoEntry,
  Cpu,
  Cpuset,
  HugePages,
  Memory,
  MemoryEntry,
  Pressure,
  PressureLine,
  Statistics,
} from "./statistics.ts";
import { sorted } from "./statistics-v1.ts";

/** Text of a file of the cgroup by its name alone. */
type File = (name: string) => string | undefined;

export function statisticsV2(cgroup: string, pageSizes: readonly string[], read: Read): Statistics {
  const file: File = (name) => read(`${cgroup}/${name}`);
  return {
    cpu: cpuOf(file),
    cpuset: noCpuset,
    memory: memoryOf(file),
    pids: pidsOf(file),
    blkio: blockIoOf(file),
    hugetlb: hugePagesV2(cgroup, pageSizes, read),
    intel_rdt: {},
    network_interfaces: null,
  };
}

const noCpuset: Cpuset = {
  cpu_exclusive: 0n,
  mem_hardwall: 0n,
  mem_exclusive: 0n,
  memory_migrate: 0n,
  memory_spread_page: 0n,
  memory_spread_slab: 0n,
  memory_pressure: 0n,
  sched_load_balance: 0n,
  sched_relax_domain_level: 0n,
};

const NS_PER_US = 1000n;

function cpuOf(file: File): Cpu {
  const stat = keyedCounters(file("cpu.stat"));
  const nanoseconds = (name: string): bigint => (stat.get(name) ?? 0n) * NS_PER_US;
  return {
    usage: { total: unlessZero(nanoseconds("usage_usec")), kernel: nanoseconds("system_usec"), user: nanoseconds("user_usec") },
    throttling: {
      periods: unlessZero(stat.get("nr_periods")),
      throttledPeriods: unlessZero(stat.get("nr_throttled")),
      throttledTime: unlessZero(nanoseconds("throttled_usec")),
    },
    psi: pressureOf(file("cpu.pressure")),
  };
}

/** Without the controller, what is in the cgroup itself can still be counted. */
function pidsOf(file: File): Statistics["pids"] {
  const current = file("pids.current");
  if (current !== undefined) {
    const limit = counter(file("pids.max"));
    return { current: unlessZero(counter(current)), limit: limit === unlimited ? undefined : unlessZero(limit) };
  }
  // The processes of a threaded cgroup cannot be listed (EOPNOTSUPP), its threads can.
  const listed = file("cgroup.procs") ?? file("cgroup.threads") ?? "";
  return { current: unlessZero(BigInt(listed.split("\n").length - 1)), limit: undefined };
}

function memoryOf(file: File): Memory {
  const raw = keyedCounters(file("memory.stat"));
  const none = { limit: 0n, usage: undefined, max: undefined, failcnt: 0n };
  const usage = memoryEntry(file, "memory");
  return {
    cache: unlessZero(raw.get("file")),
    usage,
    swap: withSwap(usage, memoryEntry(file, "memory.swap")),
    kernel: none,
    kernelTCP: none,
    raw: raw.size === 0 ? undefined : sorted(raw),
    psi: pressureOf(file("memory.pressure")),
  };
}

const memoryEntry = (file: File, prefix: string): MemoryEntry => ({
  limit: counter(file(`${prefix}.max`)),
  usage: unlessZero(counter(file(`${prefix}.current`))),
  // memory.peak is there since Linux 5.19, memory.swap.peak since 6.5.
  max: unlessZero(counter(file(`${prefix}.peak`))),
  failcnt: 0n,
});

/** v1 counts memory and swap together. Their highest sum is not the sum of the highest. */
function withSwap(memory: MemoryEntry, swap: MemoryEntry): MemoryEntry {
  const endless = memory.limit === unlimited || swap.limit === unlimited;
  return {
    limit: endless ? unlimited : memory.limit + swap.limit,
    usage: unlessZero((memory.usage ?? 0n) + (swap.usage ?? 0n)),
    max: undefined,
    failcnt: 0n,
  };
}

/** Lines `MAJOR:MINOR rbytes=N wbytes=N rios=N wios=N …` of io.stat. */
function blockIoOf(file: File): BlockIo {
  const bytes: BlockIoEntry[] = [];
  const operations: BlockIoEntry[] = [];
  for (const line of file("io.stat")?.split("\n") ?? []) {
    const [device = "", ...items] = line.split(" ");
    const [major, minor] = device.split(":");
    if (minor === undefined) continue;
    const add = (to: BlockIoEntry[], op: string, value: string | undefined): void => {
      to.push({ major: unlessZero(counter(major)), minor: unlessZero(counter(minor)), op, value: unlessZero(counter(value)) });
    };
    for (const item of items) {
      const [name, value] = item.split("=");
      if (name === "rbytes") add(bytes, "Read", value);
      else if (name === "wbytes") add(bytes, "Write", value);
      else if (name === "rios") add(operations, "Read", value);
      else if (name === "wios") add(operations, "Write", value);
    }
  }
  return {
    ioServiceBytesRecursive: unlessEmpty(bytes),
    ioServicedRecursive: unlessEmpty(operations),
    psi: pressureOf(file("io.pressure")),
  };
}

/** Huge pages of a v2 cgroup, of the sizes that it has files for. */
export function hugePagesV2(cgroup: string, pageSizes: readonly string[], read: Read): HugePages {
  const out: Record<string, HugePages[string]> = {};
  for (const size of pageSizes) {
    const prefix = `${cgroup}/hugetlb.${size}`;
    const usage = read(`${prefix}.rsvd.current`) ?? read(`${prefix}.current`);
    if (usage === undefined) continue;
    const failcnt = keyedCounters(read(`${prefix}.events`)).get("max") ?? 0n;
    out[size] = { usage: unlessZero(counter(usage)), max: undefined, failcnt };
  }
  return out;
}

/** Lines `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`, and `full …`; undefined where the kernel counts no pressure. */
function pressureOf(text: string | undefined): Pressure | undefined {
  if (text === undefined) return undefined;
  return { some: pressureLine(text, "some"), full: pressureLine(text, "full") };
}

function pressureLine(text: string, name: string): PressureLine {
  const values = new Map<string, string>();
  const line = text.split("\n").find((one) => one.startsWith(`${name} `)) ?? "";
  for (const item of line.split(" ")) {
    const [key = "", value = ""] = item.split("=");
    values.set(key, value);
  }
  const average = (key: string): number => Number(values.get(key) ?? 0) || 0;
  return { avg10: average("avg10"), avg60: average("avg60"), avg300: average("avg300"), total: counter(values.get("total")) };
}
