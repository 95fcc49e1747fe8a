import { expect, test } from "bun:test";
import { newLostEvents } from "../../src/inspect/lost-events.ts";

/** What is missing after these messages, given as CPU and number. */
function missing(messages: readonly (readonly [cpu: number, number: number])[], dropped = 0): [gaps: boolean[], count: number] {
  const lost = newLostEvents();
  return [messages.map(([cpu, number]) => lost.sees(cpu, number)), lost.count(dropped)];
}

test("each CPU counts for itself, from wherever it is", () =>
  expect(
    missing([
      [0, 40],
      [1, 7],
      [0, 41],
      [1, 8],
    ]),
  ).toEqual([[false, false, false, false], 0]));
test("a gap is as large as what is missing", () =>
  expect(
    missing([
      [0, 1],
      [0, 5],
      [0, 6],
    ]),
  ).toEqual([[false, true, false], 3]));
test("numbers go round after 2^32", () =>
  expect(
    missing([
      [0, 0xffff_ffff],
      [0, 0],
      [0, 2],
    ]),
  ).toEqual([[false, false, true], 1]));
test("a step back is no gap", () =>
  expect(
    missing([
      [0, 9],
      [0, 3],
      [0, 4],
    ]),
  ).toEqual([[false, false, false], 0]));
test("what the socket counted is known before a gap shows it, and counts once", () => {
  expect(
    missing(
      [
        [0, 1],
        [0, 2],
      ],
      12,
    )[1],
  ).toBe(12);
  expect(
    missing(
      [
        [0, 1],
        [0, 14],
      ],
      12,
    )[1],
  ).toBe(12);
  expect(
    missing(
      [
        [0, 1],
        [0, 16],
      ],
      12,
    )[1],
  ).toBe(14);
});
