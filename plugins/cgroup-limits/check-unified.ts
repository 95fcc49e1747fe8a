// Limits that a configuration writes to files of cgroup v2 by name come after all others, so one of them could be higher
// than what is limited here. Rather than read these files' formats, that is refused.

import type { Limits, Resources } from "./lower.ts";

/** Throws when both mean to write the same file. */
export function checkUnified({ unified = {} }: Resources, limits: Limits): void {
  const files: Readonly<Record<string, boolean>> = {
    "memory.max": limits.memoryBytes !== undefined,
    "memory.swap.max": limits.swapBytes !== undefined,
    "cpu.max": limits.cpus !== undefined,
    "pids.max": limits.pids !== undefined,
    "io.weight": limits.ioWeight !== undefined,
    "io.bfq.weight": limits.ioWeight !== undefined,
    "io.max": limits.rates.length > 0,
  };
  const both = Object.keys(unified).filter((file) => files[file] === true);
  if (both.length > 0)
    throw new Error(`linux.resources.unified sets ${both.join(", ")} too: it would be written last, whatever is limited here`);
}
