// An update of a container's resources beside those that it has: what is to be written, and what it then has. Pure.

import type { BlockIo, HugepageLimit, Resources } from "./spec.ts";

export type Update = {
  /** What goes into the cgroups' files; devices are no files on v2. */
  readonly write: Resources;
  /** The container's resources once that is done. */
  readonly kept: Resources;
};

/** Fields in which zero is a value; in all others it asks for nothing. */
const zeroCounts: readonly string[] = ["cpu.burst", "cpu.idle", "memory.swappiness", "pids.limit"];

/**
 * As runc: what is not named stays; and
 * where memory and swap depend on one another, the one that is not named is what the container has.
 */
export function mergeResources(present: Resources, asked: Resources): Update {
  const { devices = [], ...write } = asked;
  const kept: Resources = devices.length === 0 ? { ...present } : { ...present, devices };
  for (const part of ["memory", "cpu", "pids", "network"] as const) {
    const fields = askedFields(part, asked[part]);
    if (fields !== undefined) kept[part] = { ...present[part], ...fields };
  }
  for (const part of ["rdma", "unified"] as const)
    if (asked[part] !== undefined) Object.assign(kept, { [part]: { ...present[part], ...asked[part] } });
  if (asked.blockIO !== undefined) kept.blockIO = mergeBlockIo(present.blockIO ?? {}, asked.blockIO);
  if (asked.hugepageLimits !== undefined)
    kept.hugepageLimits = upsert(present.hugepageLimits ?? [], asked.hugepageLimits, ({ pageSize }: HugepageLimit) => pageSize);
  if (asked.memory !== undefined) {
    const { limit = 0, swap = 0 } = asked.memory;
    // No limit on memory lifts that on both together too.
    if (limit === -1 && swap === 0) kept.memory = { ...kept.memory, swap: -1 };
    else if (limit !== 0 || swap !== 0) write.memory = { ...asked.memory, ...pair(kept.memory?.limit, kept.memory?.swap) };
  }
  return { write, kept };
}

const pair = (limit: number | undefined, swap: number | undefined): { limit?: number; swap?: number } => ({
  ...(limit === undefined ? {} : { limit }),
  ...(swap === undefined ? {} : { swap }),
});

function askedFields<T extends object>(name: string, part: T | undefined): T | undefined {
  if (part === undefined) return undefined;
  return Object.fromEntries(Object.entries(part).filter(([field, value]) => value !== 0 || zeroCounts.includes(`${name}.${field}`))) as T;
}

function mergeBlockIo(present: BlockIo, asked: BlockIo): BlockIo {
  const merged: BlockIo = { ...present };
  for (const name of ["weight", "leafWeight"] as const) if ((asked[name] ?? 0) !== 0) Object.assign(merged, { [name]: asked[name] });
  for (const name of ["weightDevice", ...throttleLists] as const) {
    const list = asked[name];
    if (list !== undefined) Object.assign(merged, { [name]: upsert<(typeof list)[number]>(present[name] ?? [], list, disk) });
  }
  return merged;
}

const throttleLists = ["throttleReadBpsDevice", "throttleWriteBpsDevice", "throttleReadIOPSDevice", "throttleWriteIOPSDevice"] as const;
const disk = ({ major, minor }: { readonly major: number; readonly minor: number }): string => `${major}:${minor}`;

/** Those of `asked` in place of those that are about the same, and else behind. */
function upsert<T extends object>(present: readonly T[], asked: readonly T[], key: (one: T) => string): T[] {
  const merged = new Map(present.map((one) => [key(one), one]));
  for (const one of asked) merged.set(key(one), { ...merged.get(key(one)), ...one });
  return [...merged.values()];
}
