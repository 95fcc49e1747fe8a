import { expect, test } from "bun:test";
import { frontAddresses, listFront } from "../../src/front/build-front.ts";
import { FRONT_CODE_ADDRESS } from "../../src/front/layout.ts";
import { testDisassembly, withDistance } from "../stage/disassemble.ts";

testDisassembly("x64", "every instruction of the front", () =>
  listFront().map(({ offset, bytes, text, target }) => ({
    bytes,
    text: target === undefined ? text : withDistance("x64", text, target.label, target.offset - offset, bytes.length),
  })),
);

test("is small", () => {
  const last = listFront().at(-1);
  expect((last?.offset ?? 0) + (last?.bytes.length ?? 0)).toBe(1578);
});

test("what is called from outside is in its code", () => {
  const { mark, resume } = frontAddresses();
  expect(mark).toBeGreaterThan(FRONT_CODE_ADDRESS);
  expect(resume).toBeGreaterThan(mark);
});
