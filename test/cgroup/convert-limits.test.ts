import { expect, test } from "bun:test";
import { decimal, decimalOrMax, ioWeightOf, swapAlone, weightOfShares } from "../../src/cgroup/convert-limits.ts";

test("shares as weights, by the newer formula of runc and crun", () =>
  expect([1, 2, 3, 10, 256, 512, 1024, 2048, 10240, 262143, 262144, 2 ** 64].map(weightOfShares)).toEqual([
    1, 1, 2, 4, 35, 59, 100, 174, 639, 10000, 10000, 10000,
  ]));

test("weights of disks", () => expect([5, 10, 11, 100, 500, 1000].map(ioWeightOf)).toEqual([1, 1, 11, 910, 4950, 10000]));

test("swap by itself", () => {
  const cases: [number | undefined, number | undefined, ReturnType<typeof swapAlone>][] = [
    [undefined, undefined, undefined],
    [100, undefined, undefined],
    [100, 0, undefined],
    [100, 150, 50],
    [100, 100, 0],
    [100, -1, -1],
    [undefined, -1, -1],
    [-1, undefined, -1],
    [-1, 0, -1],
    [-1, 150, 150],
    [100, 99, { problem: "counts memory and swap together, so it is at least memory.limit, 100" }],
    [undefined, 100, { problem: "counts memory and swap together, so cgroup v2 needs memory.limit beside it" }],
    [0, 100, { problem: "counts memory and swap together, so cgroup v2 needs memory.limit beside it" }],
  ];
  for (const [limit, both, expected] of cases) expect([limit, both, swapAlone(limit, both)]).toEqual([limit, both, expected]);
});

test("all digits of large numbers", () =>
  expect([0, -1, 9007199254740991, 2 ** 63 - 4096, 2 ** 63, 2 ** 64].map(decimal)).toEqual([
    "0",
    "-1",
    "9007199254740991",
    "9223372036854771712",
    "9223372036854775807",
    "18446744073709551615",
  ]));

test("no limit", () => expect([-1, 5].map(decimalOrMax)).toEqual(["max", "5"]));
