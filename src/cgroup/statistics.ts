// What a container uses, in the shape that `runc events` prints (opencontainers/runc, types/events.go), which clients
// decode. Pure over a function that reads files. Left out, as runc leaves it out for a container like these: network
// interfaces, which runc counts only where it made them itself. What is not of cgroups is statistics-resctrl.ts's.

import type { Read } from "./counters.ts";
import type { IntelRdtStatistics } from "./statistics-resctrl.ts";
import { statisticsV1 } from "./statistics-v1.ts";
import { hugePagesV2, statisticsV2 } from "./statistics-v2.ts";

/** Optional fields are left out when they are zero or empty. Memory in bytes, times in nanoseconds. */
export type Statistics = {
  readonly cpu: Cpu;
  readonly cpuset: Cpuset;
  readonly memory: Memory;
  readonly pids: { readonly current: bigint | undefined; readonly limit: bigint | undefined };
  readonly blkio: BlockIo;
  readonly hugetlb: HugePages;
  /** Of a container that has a class. */
  readonly intel_rdt: IntelRdtStatistics;
  readonly network_interfaces: null;
};

export type Cpu = {
  readonly usage: {
    readonly total: bigint | undefined;
    readonly percpu?: readonly bigint[] | undefined;
    readonly percpu_kernel?: readonly bigint[] | undefined;
    readonly percpu_user?: readonly bigint[] | undefined;
    readonly kernel: bigint;
    readonly user: bigint;
  };
  readonly throttling: {
    readonly periods: bigint | undefined;
    readonly throttledPeriods: bigint | undefined;
    readonly throttledTime: bigint | undefined;
  };
  readonly psi?: Pressure | undefined;
};

/** Zeros on v2, which has no such switches. */
export type Cpuset = {
  readonly cpus?: readonly number[] | undefined;
  readonly cpu_exclusive: bigint;
  readonly mems?: readonly number[] | undefined;
  readonly mem_hardwall: bigint;
  readonly mem_exclusive: bigint;
  readonly memory_migrate: bigint;
  readonly memory_spread_page: bigint;
  readonly memory_spread_slab: bigint;
  readonly memory_pressure: bigint;
  readonly sched_load_balance: bigint;
  readonly sched_relax_domain_level: bigint;
};

export type MemoryEntry = {
  readonly limit: bigint;
  readonly usage: bigint | undefined;
  readonly max: bigint | undefined;
  readonly failcnt: bigint;
};

export type Memory = {
  readonly cache: bigint | undefined;
  readonly usage: MemoryEntry;
  /** Memory and swap together, on v2 too. */
  readonly swap: MemoryEntry;
  readonly kernel: MemoryEntry;
  readonly kernelTCP: MemoryEntry;
  /** memory.stat, by name. */
  readonly raw: Readonly<Record<string, bigint>> | undefined;
  readonly psi?: Pressure | undefined;
};

export type BlockIoEntry = {
  readonly major: bigint | undefined;
  readonly minor: bigint | undefined;
  readonly op: string | undefined;
  readonly value: bigint | undefined;
};

export type BlockIoField =
  | "ioServiceBytesRecursive"
  | "ioServicedRecursive"
  | "ioQueueRecursive"
  | "ioServiceTimeRecursive"
  | "ioWaitTimeRecursive"
  | "ioMergedRecursive"
  | "ioTimeRecursive"
  | "sectorsRecursive";

export type BlockIo = { readonly [field in BlockIoField]?: readonly BlockIoEntry[] | undefined } & {
  readonly psi?: Pressure | undefined;
};

/** By page size, such as `2MB`. */
export type HugePages = Readonly<
  Record<string, { readonly usage: bigint | undefined; readonly max: bigint | undefined; readonly failcnt: bigint }>
>;

/** Shares of time in percent, and the sum in microseconds (Documentation/accounting/psi.rst). */
export type PressureLine = { readonly avg10: number; readonly avg60: number; readonly avg300: number; readonly total: bigint };
export type Pressure = { readonly some: PressureLine; readonly full: PressureLine };

export type CgroupPlace = { readonly version: 1 | 2; readonly path: string };

/**
 * What the container with these cgroups uses now. With v1 hierarchies the numbers are theirs; beside them a v2 cgroup
 * (the hybrid layout) counts for huge pages if it has that controller.
 */
export function readStatistics(cgroups: readonly CgroupPlace[], pageSizes: readonly string[], read: Read): Statistics {
  const v1: string[] = [];
  let v2: string | undefined;
  for (const { version, path } of cgroups) {
    if (version === 1) v1.push(path);
    else v2 = path;
  }
  if (v1.length === 0) return statisticsV2(v2 ?? "", pageSizes, read);
  const statistics = statisticsV1(v1, pageSizes, read);
  if (v2 === undefined || Object.keys(statistics.hugetlb).length > 0) return statistics;
  return { ...statistics, hugetlb: hugePagesV2(v2, pageSizes, read) };
}

/** As one line of JSON. */
export const statisticsEvent = (id: string, data: Statistics): string => exactJson({ type: "stats", id, data });

/** Numbers are written out: a limit of 2^63 would lose its last digits as a number of JavaScript's. */
export const exactJson = (value: unknown): string =>
  JSON.stringify(value, (_, one: unknown) => (typeof one === "bigint" ? rawJson(one) : one));

/** ECMAScript 2026, which the types of TypeScript's library do not have yet. */
const rawJson = (value: bigint): unknown => (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(String(value));
