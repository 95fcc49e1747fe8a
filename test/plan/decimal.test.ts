import { expect, test } from "bun:test";
import { boxStatusAddress, bytesAt, loadTape, machine, readWord, runTape, tapeMemory } from "../../src/execute/libc.ts";
import { decimal } from "../../src/plan/decimal.ts";
import { encodeTape } from "../../src/tape/encode.ts";
import { compute, newSlot, newVariables } from "../../src/tape/step.ts";

/** The text that the tape makes of a number, run in this process. */
function textOf(number: number): string {
  const variables = newVariables();
  const pid = newSlot(variables, "int", "pid");
  const text = { address: newSlot(variables, "int", "text"), length: newSlot(variables, "int", "length") };
  const steps = [compute([number, 0, 0, -1], "", "", { out: pid }), ...decimal(pid, text, variables)];
  const where = { machine, base: tapeMemory.address, status: boxStatusAddress };
  const encoded = encodeTape([steps], variables, where);
  loadTape(encoded.image);
  expect(runTape(encoded.entries[0] as number)).toBe(0);
  const [address, length] = [text.address, text.length].map((slot) => readWord(encoded.addressOf(slot))) as [number, number];
  return new TextDecoder().decode(bytesAt(address, length));
}

test("numbers of every length, up to the largest pid there is", () => {
  for (const number of [1, 9, 10, 42, 99, 100, 101, 1000, 9999, 10_000, 12_345, 99_999, 100_000, 999_999, 1_000_000, 4_194_304, 9_999_999])
    expect(textOf(number)).toBe(String(number));
});
