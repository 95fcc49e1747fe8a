import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Limits, lower, type Resources } from "../../../plugins/cgroup-limits/lower.ts";

const none: Limits = { memoryBytes: undefined, swapBytes: undefined, cpus: undefined, pids: undefined, ioWeight: undefined, rates: [] };

const check = (resources: Resources, limits: Partial<Limits>, expected: Resources): void =>
  expect(lower(resources, { ...none, ...limits })).toEqual(expected);

describe("memory", () => {
  test("alone", () => check({}, { memoryBytes: 100 }, { memory: { limit: 100 } }));
  test("zero and -1 are no limit", () =>
    check({ memory: { limit: 0, swap: -1 } }, { memoryBytes: 100 }, { memory: { limit: 100, swap: -1 } }));
  test("with swap", () => check({}, { memoryBytes: 100, swapBytes: 20 }, { memory: { limit: 100, swap: 120 } }));
  test("without swap", () => check({}, { memoryBytes: 100, swapBytes: 0 }, { memory: { limit: 100, swap: 100 } }));
  test("a lower one stays", () => check({ memory: { limit: 50 } }, { memoryBytes: 100 }, { memory: { limit: 50 } }));
  test("what is taken of memory is not given to swap", () =>
    check({ memory: { limit: 100, swap: 150 } }, { memoryBytes: 40 }, { memory: { limit: 40, swap: 90 } }));
  test("swap alone is lowered", () =>
    check({ memory: { limit: 100, swap: 150 } }, { swapBytes: 10 }, { memory: { limit: 100, swap: 110 } }));
  test("a limit on both alone is one on memory too", () =>
    check({ memory: { swap: 60 } }, { memoryBytes: 100 }, { memory: { limit: 60, swap: 60 } }));
  test("swap without memory", () => expect(() => lower({}, { ...none, swapBytes: 1 })).toThrow("swap: needs a limit on memory beside it"));
});

describe("processors", () => {
  test("a period of the configuration's own", () =>
    check({ cpu: { period: 20_000 } }, { cpus: 2 }, { cpu: { quota: 40_000, period: 20_000 } }));
  test("a lower one stays", () => check({ cpu: { quota: 5000 } }, { cpus: 2 }, { cpu: { quota: 5000, period: 100_000 } }));
  test("what may be saved up is at most the quota", () =>
    check({ cpu: { quota: -1, burst: 9_000 } }, { cpus: 0.05 }, { cpu: { quota: 5000, period: 100_000, burst: 5000 } }));
  test("less than the kernel can count", () =>
    expect(() => lower({}, { ...none, cpus: 0.001 })).toThrow("cpus: expected at least 0.01, got 0.001"));
});

describe("disks", () => {
  const rates = {
    throttleReadBpsDevice: undefined,
    throttleWriteBpsDevice: undefined,
    throttleReadIOPSDevice: undefined,
    throttleWriteIOPSDevice: undefined,
  };
  const [first, second] = [
    { major: 8, minor: 0 },
    { major: 8, minor: 16 },
  ];
  test("rates of several", () =>
    check(
      { blockIO: { weight: 700, throttleReadBpsDevice: [{ ...first, rate: 10 }] } },
      {
        ioWeight: 500,
        rates: [
          { ...rates, ...first, throttleReadBpsDevice: 20, throttleWriteIOPSDevice: 3 },
          { ...rates, ...second, throttleReadBpsDevice: 30 },
        ],
      },
      {
        blockIO: {
          weight: 500,
          throttleReadBpsDevice: [
            { ...first, rate: 10 },
            { ...second, rate: 30 },
          ],
          throttleWriteIOPSDevice: [{ ...first, rate: 3 }],
        },
      },
    ));
});

const limit = fc.option(fc.integer({ min: -1, max: 1000 }), { nil: undefined });
const wanted = fc.option(fc.integer({ min: 1, max: 1000 }), { nil: undefined });
const finite = (value: number | undefined): number => (value === undefined || value <= 0 ? Infinity : value);

test("whatever is limited, nothing is more than before, nor more than asked for", () => {
  fc.assert(
    fc.property(limit, limit, limit, wanted, wanted, wanted, (memory, extra, pids, memoryBytes, swapBytes, most) => {
      const swap = memory !== undefined && memory > 0 && extra !== undefined && extra > 0 ? memory + extra : extra;
      const before = { memory: { ...(memory === undefined ? {} : { limit: memory }), ...(swap === undefined ? {} : { swap }) }, pids: {} };
      const asked = {
        ...none,
        memoryBytes,
        pids: most,
        swapBytes: finite(memory) < Infinity || memoryBytes !== undefined ? swapBytes : undefined,
      };
      const after = lower({ ...before, pids: pids === undefined ? {} : { limit: pids } }, asked);
      const [limited, both] = [finite(after.memory?.limit), finite(after.memory?.swap)];
      expect(limited).toBeLessThanOrEqual(Math.min(finite(memory), memoryBytes ?? Infinity));
      expect(both).toBeLessThanOrEqual(finite(swap));
      if (both < Infinity && limited < Infinity) {
        expect(both).toBeGreaterThanOrEqual(limited);
        const before = finite(memory) < Infinity ? finite(swap) - finite(memory) : Infinity;
        expect(both - limited).toBeLessThanOrEqual(Math.min(before, asked.swapBytes ?? Infinity));
      }
      expect(finite(after.pids?.limit)).toBeLessThanOrEqual(Math.min(finite(pids), most ?? Infinity));
    }),
  );
});
