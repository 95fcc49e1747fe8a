// linux.resources with limits put into it, as data. A limit that is there already and lower stays: whoever made the
// configuration meant it, and what limits a whole host must not loosen one container. In the spec 0 and −1 are no limit.

import type { Spec } from "../../hooks/hooks.ts";

export type Resources = NonNullable<NonNullable<Spec["linux"]>["resources"]>;
type BlockIo = NonNullable<Resources["blockIO"]>;

/** In the kernel's units; undefined is not limited. */
export type Limits = {
  readonly memoryBytes: number | undefined;
  /** Beside the memory. */
  readonly swapBytes: number | undefined;
  readonly cpus: number | undefined;
  readonly pids: number | undefined;
  readonly ioWeight: number | undefined;
  readonly rates: readonly Rates[];
};

/** Bytes and operations a second of one disk. */
export type Rates = { readonly major: number; readonly minor: number } & { readonly [field in RateField]: number | undefined };
type RateField = (typeof rateFields)[number];
const rateFields = [
  "throttleReadBpsDevice",
  "throttleWriteBpsDevice",
  "throttleReadIOPSDevice",
  "throttleWriteIOPSDevice",
] as const satisfies readonly (keyof BlockIo)[];

export function lower(resources: Resources, limits: Limits): Resources {
  const { cpus, pids, ioWeight, rates } = limits;
  const lowered: Resources = { ...resources };
  lowerMemory(lowered, limits);
  if (cpus !== undefined) lowered.cpu = lowerCpu(resources.cpu ?? {}, cpus);
  if (pids !== undefined) lowered.pids = { limit: least(resources.pids?.limit, pids) };
  if (ioWeight !== undefined) lowered.blockIO = { ...lowered.blockIO, weight: least(resources.blockIO?.weight, ioWeight) };
  for (const rate of rates) lowered.blockIO = lowerRates(lowered.blockIO ?? {}, rate);
  return lowered;
}

/** The spec counts memory and swap together; who lowers the one must not give the difference to the other. */
function lowerMemory(resources: Resources, { memoryBytes, swapBytes }: Limits): void {
  if (memoryBytes === undefined && swapBytes === undefined) return;
  const [memory, both] = [limitOf(resources.memory?.limit), limitOf(resources.memory?.swap)];
  const limit = Math.min(memory, both, memoryBytes ?? Infinity);
  const swap = Math.min(memory < Infinity ? both - memory : Infinity, swapBytes ?? Infinity);
  if (swap < Infinity && limit === Infinity) throw new Error("swap: needs a limit on memory beside it");
  const sum = Math.min(both, limit + swap);
  resources.memory = {
    ...resources.memory,
    ...(limit < Infinity ? { limit } : {}),
    ...(sum < Infinity ? { swap: sum } : {}),
  };
}

const PERIOD_MICROSECONDS = 100_000;
/** min_cfs_quota_period of the kernel's scheduler. */
const LEAST_QUOTA = 1000;

function lowerCpu(cpu: NonNullable<Resources["cpu"]>, cpus: number): NonNullable<Resources["cpu"]> {
  const period = limitOf(cpu.period) < Infinity ? limitOf(cpu.period) : PERIOD_MICROSECONDS;
  const quota = least(cpu.quota, Math.floor(cpus * period));
  if (quota < LEAST_QUOTA) throw new Error(`cpus: expected at least ${LEAST_QUOTA / period}, got ${cpus}`);
  return { ...cpu, quota, period, ...(cpu.burst === undefined ? {} : { burst: Math.min(cpu.burst, quota) }) };
}

function lowerRates(blockIO: BlockIo, { major, minor, ...rates }: Rates): BlockIo {
  const lowered = { ...blockIO };
  for (const field of rateFields) {
    const rate = rates[field];
    if (rate === undefined) continue;
    const isIt = (one: { major: number; minor: number }): boolean => one.major === major && one.minor === minor;
    const present = blockIO[field]?.find(isIt)?.rate;
    const others = (blockIO[field] ?? []).filter((one) => !isIt(one));
    lowered[field] = [...others, { major, minor, rate: least(present, rate) }];
  }
  return lowered;
}

const limitOf = (value: number | undefined): number => (value === undefined || value <= 0 ? Infinity : value);

const least = (present: number | undefined, limit: number): number => Math.min(limitOf(present), limit);
