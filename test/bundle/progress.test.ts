import { expect, test } from "bun:test";
import { barProgress, progressLine } from "../../src/bundle/progress.ts";

test("a line says how much, of what, and how fast", () => {
  expect(progressLine(0, 1000, 0)).toBe("[························] 0 B of 1.00 kB, 0 B/s");
  expect(progressLine(120_000_000, 500_000_000, 1000)).toBe("[#####···················] 120 MB of 500 MB, 120 MB/s");
  expect(progressLine(999_600, 999_600, 2000)).toBe("[########################] 1.00 MB of 1.00 MB, 500 kB/s");
  expect(progressLine(12_345, undefined, 1000)).toBe("12.3 kB, 12.3 kB/s");
  // More was read than there should be.
  expect(progressLine(20, 10, 1000)).toBe("[########################] 20 B of 10 B, 20 B/s");
});

test("the bar is drawn ten times a second, and taken away at the end", () => {
  let now = 1000;
  let written = "";
  const bar = barProgress(
    () => now,
    (text) => {
      written += text;
    },
  );
  bar.begin(100);
  for (let step = 0; step < 10; step++) {
    now += 25;
    bar.passed(10);
  }
  bar.end();
  const lines = written.split("\r\x1b[K");
  expect(lines.map((line) => line.replace(/^\[.*?\] /, ""))).toEqual([
    "",
    "10 B of 100 B, 400 B/s",
    "50 B of 100 B, 400 B/s",
    "90 B of 100 B, 400 B/s",
    "",
  ]);
});

test("what was done before it could be drawn leaves nothing", () => {
  let written = "";
  const bar = barProgress(
    () => 0,
    (text) => {
      written += text;
    },
  );
  bar.end();
  expect(written).toBe("");
});
