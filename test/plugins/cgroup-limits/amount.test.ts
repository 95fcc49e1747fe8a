import { expect, test } from "bun:test";
import { bytesOf, cpusOf } from "../../../plugins/cgroup-limits/amount.ts";

test.each([
  [1024, 1024],
  ["0", 0],
  ["1k", 1024],
  ["1.5K", 1536],
  ["256MB", 268435456],
  ["2 GiB", 2147483648],
  ["1tb", 2 ** 40],
  ["7b", 7],
  ["50%", 500],
  ["0.1%", 1],
  ["100%", 1000],
])("%p is %p bytes", (text, bytes) => expect(bytesOf(text, 1000)).toBe(bytes));

for (const wrong of ["", "x", "-1", "1e3", "12q", "MB", "0%", "101%", "-5%", "9999999999PB", -1, Number.NaN])
  test(`${JSON.stringify(wrong)} is no size`, () =>
    expect(() => bytesOf(wrong, 1000)).toThrow(`expected a size such as 256MB or 25%, got ${wrong}`));

test("a share of nothing", () => expect(() => bytesOf("25%")).toThrow("expected a size such as 256MB, got 25%"));

test.each([
  [1.5, 1.5],
  ["2", 2],
  ["0.25", 0.25],
  ["50%", 2],
  ["100%", 4],
])("%p is %p processors of four", (text, cpus) => expect(cpusOf(text, 4)).toBe(cpus));

for (const wrong of ["", "x", "0", 0, -1, "200%", "1k"])
  test(`${JSON.stringify(wrong)} is no number of processors`, () =>
    expect(() => cpusOf(wrong, 4)).toThrow(`expected a number of processors such as 1.5 or 50%, got ${wrong}`));
