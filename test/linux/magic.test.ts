import { expect, test } from "bun:test";
import { filesystemMagic } from "../../src/linux/magic.ts";
import { ask, canAsk } from "./header-values.ts";

for (const machine of ["x64", "arm64"] as const)
  test.skipIf(!canAsk(machine, `filesystem magic of ${machine}`))(`numbers are those of the C headers, ${machine}`, () => {
    const table = Object.entries(filesystemMagic);
    const answers = ask(machine, Object.fromEntries(table.map(([name]) => [name, { expression: name }])));
    expect(Object.fromEntries(answers)).toEqual(Object.fromEntries(table.map(([name, number]) => [name, BigInt(number)])));
  });
