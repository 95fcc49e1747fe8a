// The smallest honest static ELF64 around a piece of code: the header, one segment that holds the whole file, readable
// and executable, and the mark that the stack is not executable. No sections, no writable memory. elf(5).

import type { Machine } from "../linux/syscalls.ts";

const EHDR_BYTES = 64;
const PHDR_BYTES = 56;
const PHDR_COUNT = 2;

/** File offset of the code. */
export const CODE_OFFSET = EHDR_BYTES + PHDR_COUNT * PHDR_BYTES;
/** Where the file is loaded: above vm.mmap_min_addr, far below the regions of src/tape/layout.ts. */
export const LOAD_ADDRESS = 0x40_0000;
/** The largest page size of the machines: arm64 kernels are built with 4, 16 or 64 KiB. */
const PAGE_BYTES_MAX = 0x1_0000;

const machineCodes = { x64: 62, arm64: 183 } as const satisfies Record<Machine, number>;
const ET_EXEC = 2;
const PT_LOAD = 1;
const PT_GNU_STACK = 0x6474_e551;
const PF_X = 1;
const PF_W = 2;
const PF_R = 4;

/** `entryOffset` is the file offset of the first instruction to run. */
export function encodeElf(machine: Machine, code: Uint8Array, entryOffset: number): Uint8Array<ArrayBuffer> {
  const elf = new Uint8Array(CODE_OFFSET + code.length);
  const view = new DataView(elf.buffer);
  encodeHeader(view, machineCodes[machine], LOAD_ADDRESS + entryOffset);
  encodeSegment(view, EHDR_BYTES, { type: PT_LOAD, flags: PF_R | PF_X, address: LOAD_ADDRESS, bytes: elf.length });
  encodeSegment(view, EHDR_BYTES + PHDR_BYTES, { type: PT_GNU_STACK, flags: PF_R | PF_W, address: 0, bytes: 0 });
  elf.set(code, CODE_OFFSET);
  return elf;
}

//  0  7f 'E' 'L' 'F' class data version abi 0 0 0 0 0 0 0 0
// 16  type:2 machine:2 version:4 entry:8
// 32  phoff:8 shoff:8
// 48  flags:4 ehsize:2 phentsize:2 phnum:2 shentsize:2 shnum:2 shstrndx:2
function encodeHeader(view: DataView, machineCode: number, entry: number): void {
  for (const [index, byte] of [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1].entries()) view.setUint8(index, byte);
  view.setUint16(16, ET_EXEC, true);
  view.setUint16(18, machineCode, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, BigInt(entry), true);
  view.setBigUint64(32, BigInt(EHDR_BYTES), true);
  view.setUint16(52, EHDR_BYTES, true);
  view.setUint16(54, PHDR_BYTES, true);
  view.setUint16(56, PHDR_COUNT, true);
}

type Segment = { readonly type: number; readonly flags: number; readonly address: number; readonly bytes: number };

//  0  type:4 flags:4 offset:8 (the file's start)
// 16  vaddr:8 paddr:8
// 32  filesz:8 memsz:8
// 48  align:8 (vaddr and offset must agree modulo this)
function encodeSegment(view: DataView, at: number, { type, flags, address, bytes }: Segment): void {
  view.setUint32(at, type, true);
  view.setUint32(at + 4, flags, true);
  view.setBigUint64(at + 16, BigInt(address), true);
  view.setBigUint64(at + 24, BigInt(address), true);
  view.setBigUint64(at + 32, BigInt(bytes), true);
  view.setBigUint64(at + 40, BigInt(bytes), true);
  view.setBigUint64(at + 48, BigInt(PAGE_BYTES_MAX), true);
}
