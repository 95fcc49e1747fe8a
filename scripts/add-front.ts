// Puts the front (src/front) in front of Bun: two segments more, the entry point is the front's, and the file names no
// program interpreter, which the kernel would start first. The table of program headers moves to the file's end, since it
// has no room where it is; the front shows the old one to the dynamic linker.

import { buildFront } from "../src/front/build-front.ts";
import { FRONT_CODE_ADDRESS, FRONT_DATA_ADDRESS } from "../src/front/layout.ts";

// elf(5): Elf64_Ehdr, Elf64_Phdr.
const fileHeader = { type: 16, entry: 24, phoff: 32, phnum: 56 } as const;
const programHeader = { bytes: 56, type: 0, flags: 4, offset: 8, vaddr: 16, paddr: 24, filesz: 32, memsz: 40, align: 48 } as const;
const ET_EXEC = 2;
const PT_LOAD = 1;
const PT_INTERP = 3;
const PT_PHDR = 6;
const PF_X = 1;
const PF_W = 2;
const PF_R = 4;
const PAGE_BYTES = 0x1000;

type Header = {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly fileBytes: number;
  readonly bytes: Uint8Array;
};

/** A copy of `elf`, an executable of x86-64 at fixed addresses, with the front. */
export function addFront(elf: Uint8Array): Uint8Array<ArrayBuffer> {
  const view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
  const headers = readHeaders(elf, view);
  const interpreter = headers.find(({ type }) => type === PT_INTERP);
  if (view.getUint16(fileHeader.type, true) !== ET_EXEC || interpreter === undefined)
    throw new Error("not an executable at fixed addresses with a program interpreter");
  if (headers.some(({ type, address, bytes }) => type === PT_LOAD && address + word(bytes, programHeader.memsz) > FRONT_CODE_ADDRESS))
    throw new Error("the program reaches into where the front goes: src/front/layout.ts");
  const front = buildFront({
    interpreter: new TextDecoder().decode(elf.subarray(interpreter.offset, interpreter.offset + interpreter.fileBytes - 1)),
    entry: Number(view.getBigUint64(fileHeader.entry, true)),
    build: Bun.hash.xxHash64(elf).toString(16).padStart(16, "0"),
    headers: (address) => join(headers.map(({ type, bytes }) => (type === PT_PHDR ? withAddress(bytes, address) : bytes))),
  });

  const codeAt = pageAfter(elf.length);
  const dataAt = pageAfter(codeAt + front.code.length);
  const table = [
    ...headers.filter(({ type }) => type !== PT_INTERP && type !== PT_PHDR).map(({ bytes }) => bytes),
    segment(codeAt, FRONT_CODE_ADDRESS, front.code.length, PF_R | PF_X),
    segment(dataAt, FRONT_DATA_ADDRESS, front.data.length, PF_R | PF_W),
  ];
  const tableAt = (dataAt + front.data.length + 7) & ~7;
  const out = new Uint8Array(tableAt + table.length * programHeader.bytes);
  out.set(elf);
  out.set(front.code, codeAt);
  out.set(front.data, dataAt);
  out.set(join(table), tableAt);
  const result = new DataView(out.buffer);
  result.setBigUint64(fileHeader.entry, BigInt(front.entry), true);
  result.setBigUint64(fileHeader.phoff, BigInt(tableAt), true);
  result.setUint16(fileHeader.phnum, table.length, true);
  return out;
}

const pageAfter = (offset: number): number => Math.ceil(offset / PAGE_BYTES) * PAGE_BYTES;

function readHeaders(elf: Uint8Array, view: DataView): Header[] {
  const at = Number(view.getBigUint64(fileHeader.phoff, true));
  return Array.from({ length: view.getUint16(fileHeader.phnum, true) }, (_, index) => {
    const bytes = new Uint8Array(elf.subarray(at + index * programHeader.bytes, at + (index + 1) * programHeader.bytes));
    return {
      type: new DataView(bytes.buffer).getUint32(programHeader.type, true),
      offset: word(bytes, programHeader.offset),
      address: word(bytes, programHeader.vaddr),
      fileBytes: word(bytes, programHeader.filesz),
      bytes,
    };
  });
}

const word = (bytes: Uint8Array, at: number): number => Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at, true));

function withAddress(header: Uint8Array, address: number): Uint8Array {
  const out = header.slice();
  new DataView(out.buffer).setBigUint64(programHeader.vaddr, BigInt(address), true);
  return out;
}

function segment(offset: number, address: number, length: number, flags: number): Uint8Array {
  const out = new Uint8Array(programHeader.bytes);
  const view = new DataView(out.buffer);
  view.setUint32(programHeader.type, PT_LOAD, true);
  view.setUint32(programHeader.flags, flags, true);
  for (const [field, value] of [
    [programHeader.offset, offset],
    [programHeader.vaddr, address],
    [programHeader.paddr, address],
    [programHeader.filesz, length],
    [programHeader.memsz, length],
    [programHeader.align, PAGE_BYTES],
  ] as const)
    view.setBigUint64(field, BigInt(value), true);
  return out;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
