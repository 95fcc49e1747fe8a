// System calls by name for the machine that a filter is for: see pack-numbers.ts, which made this text when box was built.

import type { Machine } from "../linux/syscalls.ts";
import { packNumbers } from "./pack-numbers.ts" with { type: "macro" };

/**
 * Packed numbers by name. It has JavaScript's own properties too ("toString"): take nothing but numbers from it. The macro is
 * called in here and not above, since a macro that compiles a filter itself loads this file, and Bun expands none within one.
 */
export const readPackedNumbers = (machine: Machine): Readonly<Record<string, unknown>> =>
  JSON.parse(machine === "x64" ? packNumbers("x64") : packNumbers("arm64"));
