// The default profile for the usual capabilities, which a container without a bundle and most box.yamls have: compiled when box
// was built, since that takes some three milliseconds of a start. See usual-filter-macro.ts.

import type { Seccomp } from "../config/spec.ts";
import type { Machine } from "../linux/syscalls.ts";
import type { CompiledSeccomp } from "./compile-seccomp.ts";
import { encodeUsualFilter } from "./usual-filter-macro.ts" with { type: "macro" };

const x64 = encodeUsualFilter("x64");
const arm64 = encodeUsualFilter("arm64");

/** What defaultSeccomp says for the usual capabilities. Each call makes a new value, which the caller may change. */
export const usualProfile = (machine: Machine): Seccomp => JSON.parse((machine === "x64" ? x64 : arm64).profile) as Seccomp;

/** The filter of a profile that is that one to the letter; undefined for any other. */
export function usualFilter(seccomp: Seccomp, machine: Machine): (CompiledSeccomp & { readonly early: boolean }) | undefined {
  const { profile, filterBase64, flags, early } = machine === "x64" ? x64 : arm64;
  if (JSON.stringify(seccomp) !== profile) return undefined;
  return { filter: Uint8Array.fromBase64(filterBase64), flags, notes: [], listens: false, early };
}
