import { describe, expect, test } from "bun:test";
import { folderOf, innerPath, nameOf } from "../../src/bundle/inner-path.ts";

describe("paths of entries", () => {
  const cases: Readonly<Record<string, string>> = {
    a: "a",
    "a/b": "a/b",
    "./a/b/": "a/b",
    "/a": "a",
    "//a//b//": "a/b",
    "a//": "a",
    "a/b///": "a/b",
    "a/./b/.": "a/b",
    ".": "",
    "./": "",
    "/": "",
    "": "",
    ".a": ".a",
    "a/.b": "a/.b",
    "..a/b..": "..a/b..",
    "...": "...",
  };
  for (const [path, inner] of Object.entries(cases)) test(JSON.stringify(path), () => expect(innerPath(path)).toBe(inner));

  for (const path of ["..", "../a", "a/..", "a/../b", "./..", "/..", "a/b/../../.."])
    test(`${path} is refused`, () => expect(() => innerPath(path)).toThrow(`the entry ${path} leads out of its folder`));

  test("fall into a folder and a name", () => {
    expect([folderOf("a/b/c"), nameOf("a/b/c")]).toEqual(["a/b", "c"]);
    expect([folderOf("a"), nameOf("a")]).toEqual(["", "a"]);
    expect([folderOf(""), nameOf("")]).toEqual(["", ""]);
  });
});
