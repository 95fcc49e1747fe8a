import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { mergePatch, patchBetween, same } from "../../src/config/merge-patch.ts";

// The examples of RFC 7396, appendix A.
const examples: readonly [target: unknown, patch: unknown, result: unknown][] = [
  [{ a: "b" }, { a: "c" }, { a: "c" }],
  [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
  [{ a: "b" }, { a: null }, {}],
  [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
  [{ a: ["b"] }, { a: "c" }, { a: "c" }],
  [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
  [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
  [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
  [
    ["a", "b"],
    ["c", "d"],
    ["c", "d"],
  ],
  [{ a: "b" }, ["c"], ["c"]],
  [{ a: "foo" }, null, null],
  [{ a: "foo" }, "bar", "bar"],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: "b", c: null }, { a: "b" }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

describe("the RFC's examples", () => {
  for (const [target, patch, result] of examples)
    test(`${JSON.stringify(target)} + ${JSON.stringify(patch)}`, () => expect(mergePatch(target, patch)).toEqual(result));
});

const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom<unknown>(0, 1, "a", "", true, false),
    fc.array(tie("value"), { maxLength: 3 }),
    tie("object"),
  ),
  object: fc.dictionary(fc.constantFrom("a", "b", "c", "__proto__", "toString"), tie("value"), { maxKeys: 4, noNullPrototype: true }),
})).object;

test("a patch between two values makes the one into the other, and there is none between equal ones", () =>
  fc.assert(
    fc.property(json, json, (from, to) => {
      const patch = patchBetween(from, to);
      expect(patch === undefined).toBe(same(from, to));
      if (patch !== undefined) expect(same(mergePatch(from, patch), to)).toBe(true);
    }),
  ));

test("neither value is changed", () => {
  const target = { a: { b: 1 } };
  const patch = { a: { c: 2, b: null } };
  expect(mergePatch(target, patch)).toEqual({ a: { c: 2 } });
  expect([target, patch]).toEqual([{ a: { b: 1 } }, { a: { c: 2, b: null } }]);
});

test("keys of prototypes are keys", () => {
  expect(Object.keys(mergePatch({}, JSON.parse('{"__proto__": {"polluted": 1}}')) as object)).toEqual(["__proto__"]);
  expect((Object.prototype as { polluted?: unknown }).polluted).toBeUndefined();
});
