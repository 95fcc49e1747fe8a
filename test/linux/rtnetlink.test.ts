import { expect, test } from "bun:test";
import { rtnetlinkFields, rtnetlinkNumbers } from "../../src/linux/rtnetlink.ts";
import { ask, canAsk, type Question } from "./header-values.ts";

/** Tables' names as C knows them, with the values that ours have. */
function expected(): Record<string, { readonly question: Question; readonly value: number }> {
  const all: Record<string, { question: Question; value: number }> = {};
  const add = (key: string, expression: string, value: number): void => {
    all[key] = { question: { expression }, value };
  };
  for (const [name, value] of Object.entries(rtnetlinkNumbers)) add(name, name, value);
  for (const [struct, fields] of Object.entries(rtnetlinkFields))
    for (const [field, value] of Object.entries(fields))
      add(`${struct}.${field}`, field === "bytes" ? `sizeof(struct ${struct})` : `__builtin_offsetof(struct ${struct}, ${field})`, value);
  return all;
}

for (const machine of ["x64", "arm64"] as const)
  test.skipIf(!canAsk(machine, `messages about network devices of ${machine}`))(
    `numbers and offsets are those of the C headers: ${machine}`,
    () => {
      const table = expected();
      const answers = ask(machine, Object.fromEntries(Object.entries(table).map(([key, { question }]) => [key, question])));
      expect(Object.fromEntries(answers)).toEqual(
        Object.fromEntries(Object.entries(table).map(([key, { value }]) => [key, BigInt(value)])),
      );
      expect(answers.size).toBeGreaterThan(35);
    },
  );
