// What a container uses, in the few numbers that people watch: of v1 or v2 alike, and cheap enough to be read of hundreds
// of containers each second. What clients read, in full, is statistics.ts. Pure over a function that reads files.

import { counter, keyedCounters, type Read, unlimited } from "./counters.ts";
import type { CgroupPlace } from "./statistics.ts";

/** Bytes, and nanoseconds of CPU time. What no cgroup of the container counts is undefined, as is a limit where there is none. */
export type Usage = {
  readonly cpuNs: number | undefined;
  readonly memory: { readonly bytes: number; readonly limit: number | undefined; readonly peak: number | undefined } | undefined;
  readonly pids: { readonly count: number; readonly limit: number | undefined } | undefined;
  readonly io: { readonly read: number; readonly written: number } | undefined;
  /** Left out unless it is asked for. Microseconds in which something (`some`), or everything (`full`), waited; and of the last ten seconds the share in percent. */
  readonly pressure: Readonly<Partial<Record<Resource, Pressure>>>;
};

export const resources = ["cpu", "memory", "io"] as const;
export type Resource = (typeof resources)[number];
export type Pressure = { readonly some: PressureShare; readonly full: PressureShare };
export type PressureShare = { readonly avg10: number; readonly totalUs: number };

/** Reads a file of any of a container's cgroups by its name alone; where it is, is looked for once. */
export type UsageFiles = (name: string) => string | undefined;

export function usageFiles(cgroups: readonly CgroupPlace[], read: Read): UsageFiles {
  const places = new Map<string, string | undefined>();
  return (name) => {
    if (places.has(name)) {
      const path = places.get(name);
      return path === undefined ? undefined : read(path);
    }
    for (const { path } of cgroups) {
      const text = read(`${path}/${name}`);
      if (text === undefined) continue;
      places.set(name, `${path}/${name}`);
      return text;
    }
    places.set(name, undefined);
    return undefined;
  };
}

/** v1's files first: where both are there, as on a hybrid host, the limits are in them. */
export function readUsage(file: UsageFiles, pressure: boolean): Usage {
  return { cpuNs: cpuOf(file), memory: memoryOf(file), pids: pidsOf(file), io: ioOf(file), pressure: pressure ? pressuresOf(file) : {} };
}

function cpuOf(file: UsageFiles): number | undefined {
  const v1 = file("cpuacct.usage");
  if (v1 !== undefined) return Number(counter(v1));
  const microseconds = keyedCounters(file("cpu.stat")).get("usage_usec");
  return microseconds === undefined ? undefined : Number(microseconds) * 1000;
}

function memoryOf(file: UsageFiles): Usage["memory"] {
  const v1 = file("memory.usage_in_bytes");
  const text = v1 ?? file("memory.current");
  if (text === undefined) return undefined;
  const [limit, peak] = v1 === undefined ? ["memory.max", "memory.peak"] : ["memory.limit_in_bytes", "memory.max_usage_in_bytes"];
  return { bytes: Number(counter(text)), limit: limitOf(file(limit)), peak: known(file(peak)) };
}

function pidsOf(file: UsageFiles): Usage["pids"] {
  const text = file("pids.current");
  return text === undefined ? undefined : { count: Number(counter(text)), limit: limitOf(file("pids.max")) };
}

const known = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(counter(text)));

/** v1 has no word for "no limit" of memory but the largest multiple of a page (memory.rst); no machine comes near it. */
const ENDLESS = 2 ** 60;

function limitOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = counter(text);
  return value === unlimited || Number(value) >= ENDLESS ? undefined : Number(value);
}

const v1Sources = ["blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_service_bytes"];

/** Of all devices together. */
function ioOf(file: UsageFiles): Usage["io"] {
  for (const source of v1Sources) {
    const text = file(source);
    if (text !== undefined) return sumOf(text, /^\d+:\d+ (Read|Write) (\d+)$/gm, "Read");
  }
  const text = file("io.stat");
  return text === undefined ? undefined : sumOf(text, /\b(rbytes|wbytes)=(\d+)/g, "rbytes");
}

function sumOf(text: string, pattern: RegExp, reads: string): { read: number; written: number } {
  let [read, written] = [0, 0];
  for (const [, name, bytes] of text.matchAll(pattern))
    if (name === reads) read += Number(bytes);
    else written += Number(bytes);
  return { read, written };
}

function pressuresOf(file: UsageFiles): Usage["pressure"] {
  const out: Partial<Record<Resource, Pressure>> = {};
  for (const resource of resources) {
    const text = file(`${resource}.pressure`);
    if (text !== undefined) out[resource] = { some: shareOf(text, "some"), full: shareOf(text, "full") };
  }
  return out;
}

/** A line `some avg10=0.00 avg60=0.00 avg300=0.00 total=0` (Documentation/accounting/psi.rst). */
function shareOf(text: string, name: string): PressureShare {
  const [, avg10 = "0", total = "0"] = new RegExp(`^${name} avg10=([0-9.]+) .*total=([0-9]+)`, "m").exec(text) ?? [];
  return { avg10: Number(avg10), totalUs: Number(total) };
}
