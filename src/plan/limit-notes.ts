// What becomes of each limit on resources, for `box plan`: an ordinary user has only what was delegated, and a reader should
// not have to find that out from the steps. A start does not need it.

import type { Limits } from "../cgroup/limits.ts";
import type { HostFacts } from "../host/facts.ts";
import { hasDelegated, prefix } from "./limits.ts";

/** One note for each field of linux.resources: applied, delegated or dropped. Devices are told of elsewhere. */
export function limitNotes(limits: Limits | undefined, facts: HostFacts): string[] {
  if (limits === undefined) return [];
  const notes: string[] = [];
  const told = new Set<string>();
  for (const { field, cgroup } of limits.writes) {
    if (told.has(field)) continue;
    told.add(field);
    const fate = hasDelegated(facts) ? "delegated: set in this user's" : "applied in";
    notes.push(`${prefix}${field}: ${fate} ${cgroup.path}`);
  }
  for (const { path, problem } of limits.dropped) notes.push(`${path}: dropped: ${problem}`);
  return notes;
}
