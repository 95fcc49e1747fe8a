import { describe, expect, test } from "bun:test";
import { abiNames, missingFor, newerNumbers, readNumbers } from "../../scripts/generate-syscall-numbers.ts";
import { syscallNumbers } from "../../src/seccomp/syscall-numbers.ts";

const rows = syscallNumbers
  .trim()
  .split("\n")
  .map((row) => row.split(" "));

/** True when the headers are there; else says on stderr what is not checked. */
function canRead(abi: (typeof abiNames)[number]): boolean {
  const missing = missingFor(abi, "/");
  if (missing !== undefined)
    process.stderr.write(`SKIPPED: system calls of ${abi} are not compared with the C headers: this machine lacks ${missing}\n`);
  return missing === undefined;
}

describe("numbers are those of the C headers, which run scripts/generate-syscall-numbers.ts again when they are newer", () => {
  for (const [at, abi] of abiNames.entries())
    test.skipIf(!canRead(abi))(abi, () => {
      const ours = rows.flatMap((row): [string, number][] => (row[at + 1] === "-" ? [] : [[row[0] ?? "", Number(row[at + 1])]]));
      const theirs = { ...newerNumbers(abi), ...Object.fromEntries(readNumbers(abi, "/")) };
      expect(Object.fromEntries(ours)).toEqual(theirs);
    });
});

test("rows are in order and whole", () => {
  const names = rows.map(([name]) => name);
  expect(names).toEqual([...new Set(names)].sort());
  expect(rows.filter((row) => row.length !== abiNames.length + 1)).toEqual([]);
});
