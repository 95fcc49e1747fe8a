import { expect, test } from "bun:test";
import { alignElf, HUGE_PAGE_BYTES, readSegments } from "../../scripts/align-elf.ts";
import { CODE_OFFSET, encodeElf } from "../../src/stage/elf.ts";

const PT_LOAD = 1;
const PT_TLS = 7;

type Placed = { readonly type: number; readonly offset: number; readonly address: number; readonly bytes: number };

// A file like the linker's, small: header, program headers, one byte 'a', 'b' or 'c' at each segment's start, 'd' in
// the part that is not loaded, then the section table.
const placed: readonly Placed[] = [
  { type: PT_LOAD, offset: 0, address: 0x20_0000, bytes: 0x400 },
  { type: PT_LOAD, offset: 0x1d00, address: 0x20_3d00, bytes: 0x100 },
  { type: PT_LOAD, offset: 0x2c90, address: 0x40_5c90, bytes: 0x20 },
  { type: PT_TLS, offset: 0x2c90, address: 0x40_5c90, bytes: 0x10 },
];
const NOT_LOADED = 0x2d00;
const SECTIONS = 0x2d08;
const sectionOffsets = [0, 0x300, 0x1d00, 0x2c98, NOT_LOADED];

function encodeSample(): Uint8Array {
  const elf = new Uint8Array(SECTIONS + sectionOffsets.length * 64);
  const view = new DataView(elf.buffer);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  view.setBigUint64(32, 64n, true);
  view.setBigUint64(40, BigInt(SECTIONS), true);
  view.setUint16(54, 56, true);
  view.setUint16(56, placed.length, true);
  view.setUint16(58, 64, true);
  view.setUint16(60, sectionOffsets.length, true);
  for (const [index, { type, offset, address, bytes }] of placed.entries()) {
    const at = 64 + index * 56;
    view.setUint32(at, type, true);
    view.setBigUint64(at + 8, BigInt(offset), true);
    view.setBigUint64(at + 16, BigInt(address), true);
    view.setBigUint64(at + 32, BigInt(bytes), true);
  }
  for (const [index, offset] of sectionOffsets.entries()) view.setBigUint64(SECTIONS + index * 64 + 24, BigInt(offset), true);
  for (const [at, letter] of [
    [0x300, "a"],
    [0x1d00, "b"],
    [0x2c90, "c"],
    [NOT_LOADED, "d"],
  ] as const)
    elf[at] = letter.charCodeAt(0);
  return elf;
}

test("segments move to the next offset that agrees with their address; the rest of the file and every offset follow", () => {
  const elf = alignElf(encodeSample());
  const view = new DataView(elf.buffer);
  const u64 = (at: number) => Number(view.getBigUint64(at, true));
  expect(readSegments(elf)).toEqual([
    { offset: 0, address: 0x20_0000, fileBytes: 0x400 },
    { offset: 0x3d00, address: 0x20_3d00, fileBytes: 0x100 },
    { offset: 0x5c90, address: 0x40_5c90, fileBytes: 0x20 },
  ]);
  expect(u64(64 + 3 * 56 + 8)).toBe(0x5c90);
  const sections = u64(40);
  expect(sections).toBe(0x5d08);
  expect(elf.length).toBe(sections + sectionOffsets.length * 64);
  expect(sectionOffsets.map((_, index) => u64(sections + index * 64 + 24))).toEqual([0, 0x300, 0x3d00, 0x5c98, 0x5d00]);
  expect([0x300, 0x3d00, 0x5c90, 0x5d00].map((at) => String.fromCharCode(elf[at] as number)).join("")).toBe("abcd");
  expect(elf.subarray(0x1d00, 0x3d00).every((byte) => byte === 0)).toBe(true);
});

test("what is aligned stays as it is", () => {
  const once = alignElf(encodeSample());
  expect(alignElf(once)).toEqual(once);
});

test("a first segment that cannot be aligned without moving the file header", () => {
  const elf = encodeSample();
  new DataView(elf.buffer).setBigUint64(64 + 16, BigInt(HUGE_PAGE_BYTES + 0x1000), true);
  expect(() => alignElf(elf)).toThrow(new Error("the ELF file's first segment does not begin at offset 0 and a multiple of 2 MiB"));
});

test.each([
  ["text", new TextEncoder().encode("#!/bin/sh\n".repeat(10))],
  ["too short", Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1)],
  ["no section headers", encodeElf("x64", Uint8Array.of(1, 2, 3, 4), CODE_OFFSET)],
])("refused: %s", (_, bytes) => {
  expect(() => alignElf(bytes)).toThrow(new Error("not a 64-bit little-endian ELF file with section headers"));
});
