// System calls by name for the machine that a filter is for: see pack-numbers.ts, which made this text when box was built.

import type { Machine } from "../linux/syscalls.ts";
import { packNumbers } from "./pack-numbers.ts" with { type: "macro" };

const x64 = packNumbers("x64");
const arm64 = packNumbers("arm64");

/** Packed numbers by name. It has JavaScript's own properties too ("toString"): take nothing but numbers from it. */
export const readPackedNumbers = (machine: Machine): Readonly<Record<string, unknown>> => JSON.parse(machine === "x64" ? x64 : arm64);
