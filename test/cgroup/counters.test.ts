import { expect, test } from "bun:test";
import { counter, counterList, hugePageSizes, keyedCounters, listedNumbers, unlimited } from "../../src/cgroup/counters.ts";

test("numbers of 64 bits keep their last digits", () => {
  expect(counter("9223372036854771712\n")).toBe(9223372036854771712n);
  expect(counter("18446744073709551615")).toBe(unlimited);
});
test("no limit", () => expect(counter("max\n")).toBe(unlimited));
test("what is no number counts as nothing", () => {
  for (const text of [undefined, "", "-1\n", "1 2", "x"]) expect(counter(text)).toBe(0n);
});

test("names and numbers", () =>
  expect([...keyedCounters("a 1\nb_c 22\n\nodd\n")]).toEqual([
    ["a", 1n],
    ["b_c", 22n],
  ]));
test("a missing file has none", () => expect(keyedCounters(undefined).size).toBe(0));
test("numbers in a line", () => expect(counterList("1 2  3 \n")).toEqual([1n, 2n, 3n]));

for (const [text, expected] of [
  ["0-3,7\n", [0, 1, 2, 3, 7]],
  ["5\n", [5]],
  ["\n", []],
  ["a-b,2-1", []],
  [undefined, []],
] as const)
  test(`the list ${JSON.stringify(text)}`, () => expect(listedNumbers(text)).toEqual([...expected]));

test("sizes of huge pages", () =>
  expect(hugePageSizes(["hugepages-1048576kB", "hugepages-2048kB", "hugepages-64kB", "other"])).toEqual(["1GB", "2MB", "64KB"]));
