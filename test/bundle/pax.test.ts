import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { paxNumber, paxText, readPax, readPaxTime } from "../../src/bundle/pax.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");
const read = (text: string): [string, string][] =>
  readPax(bytes(text), "x.tar").map(({ key, value }) => [key, Buffer.from(value).toString("latin1")]);

describe("records", () => {
  test("hold any bytes, newlines and equals signs too", () => {
    expect(read("8 a=b\xff=\n13 key=1\n2=\n\n")).toEqual([
      ["a", "b\xff="],
      ["key", "1\n2=\n"],
    ]);
  });
  test("may have no value", () => expect(read("5 a=\n")).toEqual([["a", ""]]));
  test("may repeat: the last counts, unless it is empty", () => {
    const records = readPax(bytes("8 a=12\n\n7 b=34\n6 b=5\n5 c=\n"), "x.tar");
    expect([paxText(records, "b"), paxNumber(records, "b"), paxText(records, "c"), paxText(records, "d")]).toEqual([
      "5",
      5,
      undefined,
      undefined,
    ]);
  });

  for (const broken of [
    "6 a=b",
    "5 a=b\n",
    "7 a=b\n",
    "a=b\n",
    "-6 a=b\n",
    "99999 a=b\n",
    "6 =bc\n",
    "6 abc\n",
    "0 a=b\n",
    "6a=b \n",
    "4 a\n6 =b\n",
  ])
    test(`${JSON.stringify(broken)} is refused`, () =>
      expect(() => readPax(bytes(broken), "x.tar")).toThrow("x.tar is broken: a record of a pax header is wrong"));

  test("whatever they are, reading ends", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(..."0123456789 =\n-a"), { maxLength: 40 }), (chars) => {
        try {
          readPax(bytes(chars.join("")), "x.tar");
        } catch (error) {
          expect((error as Error).message).toBe("x.tar is broken: a record of a pax header is wrong");
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("times", () => {
  const cases: Readonly<Record<string, [number, number] | undefined>> = {
    "1": [1, 0],
    "1.5": [1, 500_000_000],
    "1.0000000019": [1, 1],
    "-1": [-1, 0],
    "-1.25": [-2, 750_000_000],
    "": undefined,
    "1.": undefined,
    "1e5": undefined,
    "9999999999999999": undefined,
  };
  for (const [text, time] of Object.entries(cases))
    test(JSON.stringify(text), () =>
      expect(readPaxTime(text)).toEqual(time === undefined ? undefined : { seconds: time[0], nanoseconds: time[1] }),
    );
});
