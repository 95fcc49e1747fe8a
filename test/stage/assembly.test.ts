import { expect, test } from "bun:test";
import { assemble, block, inRange } from "../../src/stage/assembly.ts";
import { jump, ret } from "../../src/stage/x64.ts";

const gap = (bytes: number) => Array.from({ length: bytes }, () => ret);
const sizesOfJumps = (...blocks: Parameters<typeof assemble>[0]) =>
  assemble(blocks, 0)
    .filter((row) => row.target !== undefined)
    .map((row) => row.bytes.length);

test("lays out blocks one after the other, from the start offset, labels on first rows", () => {
  expect(assemble([block("one", [ret, ret]), block("two", [jump("one")], [ret])], 100)).toEqual([
    { offset: 100, bytes: [0xc3], text: "ret", label: "one" },
    { offset: 101, bytes: [0xc3], text: "ret" },
    { offset: 102, bytes: [0xeb, 0xfc], text: "jmp one", label: "two", target: { label: "one", offset: 100 } },
    { offset: 104, bytes: [0xc3], text: "ret" },
  ]);
});

test("a forward jump is short up to 127 bytes", () => {
  expect(sizesOfJumps(block("a", [jump("b")]), block("gap", gap(127)), block("b", [ret]))).toEqual([2]);
  expect(sizesOfJumps(block("a", [jump("b")]), block("gap", gap(128)), block("b", [ret]))).toEqual([5]);
});

test("a jump that must grow makes one across it grow as well", () => {
  const blocks = (bytes: number) => [
    block("a", [jump("b")]),
    block("gap", gap(124)),
    block("c", [jump("d")]),
    block("b", [ret]),
    block("gap2", gap(bytes)),
    block("d", [ret]),
  ];
  expect(sizesOfJumps(...blocks(126))).toEqual([2, 2]);
  expect(sizesOfJumps(...blocks(127))).toEqual([5, 5]);
});

test("a label is defined once", () => {
  expect(() => assemble([block("a", [ret]), block("a", [ret])], 0)).toThrow("label a is defined twice");
  expect(() => assemble([block("a", [jump("b")])], 0)).toThrow("label b is not defined");
});

test("inRange refuses what lies outside, and fractions", () => {
  expect(inRange(-2, -2, 3)).toBe(-2);
  expect(inRange(3, -2, 3)).toBe(3);
  for (const value of [-3, 4, 0.5, Number.NaN]) {
    expect(() => inRange(value, -2, 3)).toThrow(`no encoding for ${value}: expected an integer in [-2, 3]`);
  }
});
