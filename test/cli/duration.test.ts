import { expect, test } from "bun:test";
import { parseDuration } from "../../src/cli/duration.ts";
import { BoxError } from "../../src/errors.ts";

for (const [text, milliseconds] of [
  ["5s", 5000],
  ["1m30s", 90_000],
  ["1.5h", 5_400_000],
  ["250ms", 250],
  [".5s", 500],
  ["2.s", 2000],
  ["+1s", 1000],
  ["-1s", -1000],
  ["1h2m3s4ms", 3_723_004],
  ["1500us", 1.5],
  ["1500µs", 1.5],
  ["0", 0],
  ["-0", 0],
] as const)
  test(`${text} is ${milliseconds} ms`, () => expect(parseDuration(text, "--interval")).toBe(milliseconds));

for (const text of ["", "5", "s", "5 s", "5d", "5S", "1s2", ".s", "+", "1e3s", "--1s", "1s\n"])
  test(`refused: ${JSON.stringify(text)}`, () => {
    let thrown: unknown;
    try {
      parseDuration(text, "--interval");
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(BoxError);
    expect((thrown as BoxError).facts).toEqual({
      origin: "--interval",
      what: `expected a duration such as 5s or 1m30s, got ${JSON.stringify(text)}`,
      exitCode: 1,
    });
  });
