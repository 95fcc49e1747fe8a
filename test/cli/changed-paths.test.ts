import { expect, test } from "bun:test";
import { changedPaths } from "../../src/cli/changed-paths.ts";

const check = (before: unknown, after: unknown, ...expected: string[]): void => expect(changedPaths(before, after)).toEqual(expected);

test("nothing", () => check({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }));
test("a value", () => check({ a: { b: 1, c: 2 } }, { a: { b: 1, c: 3 } }, "a.c"));
test("added and removed", () => check({ a: 1, list: [1] }, { b: { c: 1 }, list: [1, { d: 1 }] }, "a", "list[1]", "b"));
test("a list that becomes shorter", () => check({ list: [1, 2, 3] }, { list: [1] }, "list[1]", "list[2]"));
test("a key that is no word", () => check({}, { "a b": 1 }, '["a b"]'));
test("another kind", () => check({ a: [1] }, { a: { b: 1 } }, "a"));
test("too many to be read", () => expect(changedPaths([], Array(25).fill(1)).slice(-2)).toEqual(["[19]", "5 more"]));
