import { expect, test } from "bun:test";
import { newDetachKeys } from "../../src/cli/detach-keys.ts";

/** What becomes of keys that come in these pieces. */
function typed(...pieces: readonly string[]): string[] {
  const keys = newDetachKeys();
  return pieces.map((piece) => {
    const passed = keys(new TextEncoder().encode(piece));
    return passed === "detach" ? passed : JSON.stringify(new TextDecoder().decode(passed));
  });
}

test("keys pass", () => expect(typed("abc", "\x11")).toEqual(['"abc"', '"\\u0011"']));
test("ctrl-p ctrl-q leaves", () => expect(typed("a\x10\x11")).toEqual(["detach"]));
test("also in two pieces", () => expect(typed("a\x10", "\x11")).toEqual(['"a"', "detach"]));
test("ctrl-p before another key passes with it", () => expect(typed("\x10", "b\x10c")).toEqual(['""', '"\\u0010b\\u0010c"']));
test("of two ctrl-p the second may begin it", () => expect(typed("\x10\x10", "\x11")).toEqual(['"\\u0010"', "detach"]));
