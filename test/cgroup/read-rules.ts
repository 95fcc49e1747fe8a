// Device rules read directly, as the runtime specification says it, and random ones for fast-check.

import fc from "fast-check";
import type { DeviceRule } from "../../src/config/spec.ts";

/** What a process asks for: letters of rwm, of one device. */
export type Request = { readonly type: "c" | "b"; readonly major: number; readonly minor: number; readonly access: string };

const always: readonly DeviceRule[] = [
  { allow: true, access: "m" },
  ...[3, 5, 7, 8, 9].map((minor): DeviceRule => ({ allow: true, type: "c", major: 1, minor, access: "rwm" })),
  { allow: true, type: "c", major: 5, minor: 0, access: "rwm" },
  { allow: true, type: "c", major: 5, minor: 2, access: "rwm" },
  { allow: true, type: "c", major: 136, access: "rwm" },
];

/** Each letter is decided by the last rule that speaks of it and of the device. */
export const isAllowed = (rules: readonly DeviceRule[], { type, major, minor, access }: Request): boolean =>
  [...access].every((letter) => {
    const last = [...rules, ...always].findLast(
      (rule) =>
        rule.access?.includes(letter) === true &&
        (rule.type === undefined || rule.type === "a" || rule.type === type) &&
        (rule.major === undefined || rule.major === -1 || rule.major === major) &&
        (rule.minor === undefined || rule.minor === -1 || rule.minor === minor),
    );
    return last?.allow === true;
  });

/** Few numbers, so that rules meet; the largest ones too. */
const number = fc.constantFrom(0, 1, 3, 5, 11, 136, 0xffff_ffff);
const everyOr = fc.option(fc.oneof(fc.constant(-1), number), { nil: undefined });
const letters = fc.subarray(["r", "w", "m"]).map((some) => some.join(""));

const rule: fc.Arbitrary<DeviceRule> = fc
  .record({
    allow: fc.boolean(),
    type: fc.constantFrom("a" as const, "b" as const, "c" as const, undefined),
    major: everyOr,
    minor: everyOr,
    access: letters.filter((text) => text !== ""),
  })
  .map((fields) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as DeviceRule);

export const randomRules: fc.Arbitrary<DeviceRule[]> = fc.array(rule, { maxLength: 8 });

export const randomRequest: fc.Arbitrary<Request> = fc.record({
  type: fc.constantFrom("c" as const, "b" as const),
  major: number,
  minor: fc.oneof(number, fc.nat(1000)),
  access: letters,
});
