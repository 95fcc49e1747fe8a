import { expect, test } from "bun:test";
import { hostPlatform, isFor, readPlatform, showPlatform } from "../../src/bundle/platform.ts";

test("this machine's in Go's words", () => {
  expect([hostPlatform("x64"), hostPlatform("arm64")].map(showPlatform)).toEqual(["linux/amd64", "linux/arm64"]);
});

test("as it is written", () => {
  for (const text of ["linux/amd64", "linux/arm/v7"]) expect(showPlatform(readPlatform(text))).toBe(text);
  for (const text of ["", "linux", "linux/", "/arm", "linux/arm/", "a/b/c/d"])
    expect(() => readPlatform(text)).toThrow(`expected OS/ARCHITECTURE[/VARIANT], got ${JSON.stringify(text)}`);
});

test("what was asked for without a variant is any of them", () => {
  const fits = (one: string, wanted: string): boolean => isFor(readPlatform(one), readPlatform(wanted));
  expect(fits("linux/arm64/v8", "linux/arm64")).toBe(true);
  expect(fits("linux/arm64", "linux/arm64/v8")).toBe(true);
  expect(fits("linux/arm/v6", "linux/arm/v7")).toBe(false);
  expect(fits("linux/arm", "linux/arm/v7")).toBe(false);
  expect(fits("windows/amd64", "linux/amd64")).toBe(false);
  expect(fits("linux/arm64", "linux/amd64")).toBe(false);
});
