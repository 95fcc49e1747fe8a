import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { foreground, type Handed, handedTo, type Launch } from "../../src/plan/launch.ts";
import { ARENA_FD } from "../../src/tape/layout.ts";

const none = { hooks: false, init: false };
const handed = (launch: Partial<Launch>, needs: Partial<typeof none> = {}): Partial<Handed> => {
  const all = handedTo({ ...foreground, ...launch }, { ...none, ...needs });
  return Object.fromEntries(Object.entries(all).filter(([, number]) => number >= 0));
};

describe("what the child finds, and where", () => {
  test("in the foreground the line to box alone", () => expect(handed({})).toEqual({ sync: 4, end: 5 }));
  test("detached too", () => expect(handed({ way: "detached" })).toEqual({ sync: 4, end: 5 }));
  test("created: two FIFOs", () => expect(handed({ way: "created" })).toEqual({ sync: 4, wait: 5, answer: 6, end: 7 }));
  test("with hooks: their files", () => expect(handed({}, { hooks: true })).toEqual({ sync: 4, hookState: 5, hookOutput: 6, end: 7 }));
  test("of exec: a handle on init", () => expect(handed({}, { init: true })).toEqual({ sync: 4, init: 5, end: 6 }));
  test("one preserved descriptor is kept where the tape does not lie", () =>
    expect(handed({ preserveFds: 1 })).toEqual({ sync: 4, third: 5, end: 6 }));
  test("more of them keep their numbers, and the rest is above", () =>
    expect(handed({ way: "created", preserveFds: 3 }, { hooks: true })).toEqual({
      sync: 6,
      wait: 7,
      answer: 8,
      hookState: 9,
      hookOutput: 10,
      third: 11,
      end: 12,
    }));
});

test("no number is given twice, none is the tape's or a preserved one's, and all are below the end", () => {
  const launches = fc.record({ way: fc.constantFrom("foreground", "detached", "created"), preserveFds: fc.nat(1024) });
  const needs = fc.record({ hooks: fc.boolean(), init: fc.boolean() });
  fc.assert(
    fc.property(launches, needs, (launch, needed) => {
      const { end, ...rest } = handedTo({ ...foreground, ...launch } as Launch, needed);
      const numbers = Object.values(rest).filter((number) => number >= 0);
      expect(new Set(numbers).size).toBe(numbers.length);
      for (const number of numbers) {
        expect(number).toBeGreaterThan(ARENA_FD);
        expect(number).toBeGreaterThanOrEqual(3 + launch.preserveFds);
        expect(number).toBeLessThan(end);
      }
    }),
  );
});
