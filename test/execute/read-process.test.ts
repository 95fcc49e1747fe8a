// What is kept of a process's mappings: all but the front's, and nothing that would be missing where the front is.

import { expect, test } from "bun:test";
import { Misplaced, mappingsIn, withAnotherProcess } from "../../src/execute/read-process.ts";

const own = "/usr/bin/box";
const text = (heap: string): string =>
  [
    `00200000-01a39000 r--p 00000000 fe:00 326591    ${own}`,
    `0f000000-0f001000 r-xp 06e00000 fe:00 326591    ${own}`,
    `0f100000-0f104000 rw-p 06e01000 fe:00 326591    ${own}`,
    `${heap} rw-p 00000000 00:00 0                   [heap]`,
    "7ffc0000-7ffd0000 rw-p 00000000 00:00 0 ",
    "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]",
    "",
  ].join("\n");

test("all is kept but the front's and the kernel's at one place for all", () => {
  expect(mappingsIn(text("14f60000-14f81000"), own)).toEqual([
    { start: 0x200000, end: 0x1a39000, protection: 1, path: own, offset: 0, runs: [] },
    { start: 0x14f60000, end: 0x14f81000, protection: 3, path: "[heap]", offset: 0, runs: [] },
    { start: 0x7ffc0000, end: 0x7ffd0000, protection: 3, path: undefined, offset: 0, runs: [] },
  ]);
});

test("a heap in the place of the front's tape cannot be kept", () => {
  for (const heap of ["0f2f0000-0f311000", "0f5ff000-0f620000"])
    expect(() => mappingsIn(text(heap), own)).toThrow(new Misplaced("it has [heap] where the front is"));
});

test("a process with something in the way is followed by another, but not for ever, and no other failure is", async () => {
  const tries = async (...outcomes: (Error | undefined)[]): Promise<[number, unknown]> => {
    let made = 0;
    const attempt = (): Promise<void> => {
      const outcome = outcomes[Math.min(made++, outcomes.length - 1)];
      return outcome === undefined ? Promise.resolve() : Promise.reject(outcome);
    };
    const error = await withAnotherProcess(attempt).catch((thrown: unknown) => thrown);
    return [made, error];
  };
  const [misplaced, other] = [new Misplaced("it has [heap] where the front is"), new Error("it did not stop")];
  expect(await tries(misplaced, misplaced, undefined)).toEqual([3, undefined]);
  expect(await tries(misplaced)).toEqual([5, misplaced]);
  expect(await tries(other)).toEqual([1, other]);
});
