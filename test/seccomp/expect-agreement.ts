// Holds the filter that a profile is compiled to against a direct reading of the profile, on many calls.

import { expect } from "bun:test";
import type { Seccomp } from "../../src/config/spec.ts";
import type { Machine } from "../../src/linux/syscalls.ts";
import { compileSeccomp } from "../../src/seccomp/compile-seccomp.ts";
import { randomFrom } from "./profiles.ts";
import { auditArchs, numberOf, readProfile } from "./read-profile.ts";
import { type Call, instructionsOf, refusal, runFilter } from "./run-filter.ts";

export const hex = (value: number): string => `0x${value.toString(16)}`;

/** Calls at what a profile could be wrong about: numbers and arguments that it names, their neighbours, and anything. */
export function randomCall(seccomp: Seccomp, random: (below: number) => number): Call {
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const rules = seccomp.syscalls ?? [];
  const abi = pick(["X86_64", "X86", "X32", "AARCH64", "ARM"] as const);
  const named = rules.length === 0 ? undefined : numberOf(pick(pick(rules).names), abi);
  const numbers = [named ?? 0, (named ?? 0) + 1, (named ?? 1) - 1, random(500), 0x40000000 + random(600), 2 ** 32 - 1, random(2 ** 32)];
  const edges = [0x3fffffff, 0x40000000, 0x7fffffff, 0x80000000, 0xbfffffff, 0xc0000000, 0xfffffffe, 0xf0002, 102, 117];
  const values = rules.flatMap(({ args = [] }) => args.flatMap(({ value, valueTwo = 0 }) => [value, valueTwo]));
  const args = Array.from({ length: 6 }, () => {
    const near = BigInt(values.length === 0 ? random(50) : pick(values)) + BigInt(random(3) - 1);
    return BigInt.asUintN(
      64,
      pick([near, near, near + (1n << 32n), BigInt(random(30)), BigInt(random(2 ** 32)) * BigInt(random(2 ** 32))]),
    );
  });
  const known = abi === "X32" ? auditArchs.X86_64 : auditArchs[abi];
  return { arch: random(20) === 0 ? random(2 ** 32) : known, number: (random(8) === 0 ? pick(edges) : pick(numbers)) >>> 0, args };
}

/** Compares `count` calls; the message shows a call that is answered wrongly. */
export function expectAgreement(seccomp: Seccomp, machine: Machine, count: number, seed: number): void {
  const { filter } = compileSeccomp(seccomp, machine);
  expect(refusal(filter)).toBeUndefined();
  const instructions = instructionsOf(filter);
  const read = readProfile(seccomp, machine);
  const random = randomFrom(seed);
  for (let at = 0; at < count; at++) {
    const call = randomCall(seccomp, random);
    const { verdict } = runFilter(instructions, call);
    const expected = read(call);
    if (verdict !== expected)
      throw new Error(`${hex(call.arch)} ${hex(call.number)} (${call.args}): got ${hex(verdict)}, expected ${hex(expected)}`);
  }
}
