import { expect, test } from "bun:test";
import { type CapabilityName, capabilities } from "../../src/linux/capabilities.ts";
import { ask, canAsk } from "./header-values.ts";

const names = Object.keys(capabilities) as CapabilityName[];

for (const machine of ["x64", "arm64"] as const)
  test.skipIf(!canAsk(machine, `capabilities of ${machine}`))(`numbers are those of the C headers, ${machine}`, () => {
    const asked = Object.fromEntries([...names, "CAP_LAST_CAP"].map((name) => [name, { expression: name }]));
    const numbers = names.map((name): [string, bigint] => [name, BigInt(capabilities[name])]);
    expect(Object.fromEntries(ask(machine, asked))).toEqual(Object.fromEntries([...numbers, ["CAP_LAST_CAP", 40n]]));
  });

test("0 to 40, none left out", () => {
  expect(names.map((name): number => capabilities[name])).toEqual(Array.from({ length: 41 }, (_, index) => index));
});
