import { expect, test } from "bun:test";
import { CODE_OFFSET, encodeElf, LOAD_ADDRESS } from "../../src/stage/elf.ts";
import { STATUS_ADDRESS, TAPE_ADDRESS, TAPE_BYTES_MAX } from "../../src/tape/layout.ts";

const code = Uint8Array.of(1, 2, 3, 4, 5);

/** Reads the fields back by the offsets of elf.h. */
function readElf(elf: Uint8Array) {
  const view = new DataView(elf.buffer);
  const u64 = (at: number) => Number(view.getBigUint64(at, true));
  const segment = (at: number) => ({
    type: view.getUint32(at, true),
    flags: view.getUint32(at + 4, true),
    offset: u64(at + 8),
    vaddr: u64(at + 16),
    paddr: u64(at + 24),
    filesz: u64(at + 32),
    memsz: u64(at + 40),
    align: u64(at + 48),
  });
  return {
    ident: [...elf.subarray(0, 16)],
    type: view.getUint16(16, true),
    machine: view.getUint16(18, true),
    version: view.getUint32(20, true),
    entry: u64(24),
    phoff: u64(32),
    shoff: u64(40),
    flags: view.getUint32(48, true),
    sizes: [52, 54, 56, 58, 60, 62].map((at) => view.getUint16(at, true)),
    segments: [segment(64), segment(120)] as const,
  };
}

test.each([
  ["x64", 62],
  ["arm64", 183],
] as const)("%s: header and segments", (machine, machineCode) => {
  const elf = encodeElf(machine, code, CODE_OFFSET + 2);
  expect(readElf(elf)).toEqual({
    ident: [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    type: 2,
    machine: machineCode,
    version: 1,
    entry: 0x4000b2,
    phoff: 64,
    shoff: 0,
    flags: 0,
    sizes: [64, 56, 2, 0, 0, 0],
    segments: [
      { type: 1, flags: 5, offset: 0, vaddr: 0x400000, paddr: 0x400000, filesz: 181, memsz: 181, align: 0x10000 },
      { type: 0x6474e551, flags: 6, offset: 0, vaddr: 0, paddr: 0, filesz: 0, memsz: 0, align: 0x10000 },
    ],
  });
  expect(elf.subarray(CODE_OFFSET)).toEqual(code);
});

test("is loaded on a boundary of the largest page, away from the tape's regions", () => {
  expect(LOAD_ADDRESS % 0x1_0000).toBe(0);
  expect(LOAD_ADDRESS + 0x1_0000).toBeLessThanOrEqual(Math.min(STATUS_ADDRESS, TAPE_ADDRESS));
  expect(TAPE_ADDRESS + TAPE_BYTES_MAX).toBeLessThanOrEqual(2 ** 38);
  // A multiple of 4, or arm64 could not run it.
  expect(CODE_OFFSET % 16).toBe(0);
});
