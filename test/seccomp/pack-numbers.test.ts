import { expect, test } from "bun:test";
import { multiplexedCalls, packNumbers } from "../../src/seccomp/pack-numbers.ts";
import { ask, canAsk } from "../linux/header-values.ts";

/** 64-bit, 32-bit, x32, multiplexed. */
function unpacked(machine: "x64" | "arm64", name: string): number[] {
  const packed = JSON.parse(packNumbers(machine))[name];
  return [packed & 0x3ff, (packed >> 10) & 0x3ff, (packed >> 20) & 0x3ff, packed >> 30];
}

test("a name's numbers fit in one", () => {
  expect(unpacked("x64", "rt_sigaction")).toEqual([13, 174, 512, 0]);
  expect(unpacked("x64", "socket")).toEqual([41, 359, 41, 1]);
  expect(unpacked("x64", "semop")).toEqual([65, 1023, 65, 1]);
  expect(unpacked("x64", "cacheflush")).toEqual([1023, 1023, 1023, 0]);
  expect(unpacked("arm64", "socket")).toEqual([198, 281, 1023, 0]);
  expect(unpacked("arm64", "cacheflush")).toEqual([1023, 1002, 1023, 0]);
});

test.skipIf(!canAsk("x64", "calls of socketcall and ipc"))("multiplexed calls are those of the C headers", () => {
  const expressions = (call: keyof typeof multiplexedCalls, prefix: string) =>
    Object.entries(multiplexedCalls[call]).map(([name, value]) => [`${prefix}${name.toUpperCase()}`, BigInt(value)] as const);
  const ours = new Map([...expressions("socketcall", "SYS_"), ...expressions("ipc", "")]);
  const asked = Object.fromEntries([...ours.keys()].map((expression) => [expression, { expression }]));
  expect(Object.fromEntries(ask("x64", asked))).toEqual(Object.fromEntries(ours));
});
