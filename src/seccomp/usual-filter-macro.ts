// The filter of a container that has the usual capabilities and names no profile, as a value that a Bun macro can write into
// the program: the profile as JSON text, what it compiles to, and what the plan has to know of it. Import it `with { type:
// "macro" }`.

import { defaultSeccomp } from "../config/default-seccomp.ts";
import { usualCapabilities } from "../config/embedded-spec.ts";
import type { Flag } from "../linux/flags.ts";
import type { Machine } from "../linux/syscalls.ts";
import { allows, callsOfInit } from "./allows.ts";
import { compileSeccomp } from "./compile-seccomp.ts";
import { packNumbers } from "./pack-numbers.ts";

export type EncodedFilter = {
  readonly profile: string;
  readonly filterBase64: string;
  readonly flags: Flag<"SECCOMP_FILTER">[];
  readonly early: boolean;
};

export function encodeUsualFilter(machine: Machine): EncodedFilter {
  const profile = defaultSeccomp(usualCapabilities, machine);
  const { filter, flags, notes, listens } = compileSeccomp(profile, machine, JSON.parse(packNumbers(machine)));
  // Neither would be told.
  if (notes.length > 0 || listens) throw new Error("the default profile does not apply as it is");
  return { profile: JSON.stringify(profile), filterBase64: filter.toBase64(), flags: [...flags], early: allows(profile, callsOfInit) };
}
