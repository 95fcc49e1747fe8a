import { expect, test } from "bun:test";
import fc from "fast-check";
import { escapeJson } from "../../src/tape/escape-controls.ts";

test("JSON of any text is the same JSON, and cannot act on a terminal", () => {
  expect(escapeJson(JSON.stringify({ a: "\u001b[2J\u009b1m\u202e\u007f語" }))).toBe('{"a":"\\u001b[2J\\u009b1m\\u202e\\u007f語"}');
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary" })), (texts) => {
      const json = escapeJson(JSON.stringify(texts));
      expect(JSON.parse(json)).toEqual(texts);
      expect(json).not.toMatch(/\p{Cc}|\p{Bidi_Control}/u);
    }),
  );
});
