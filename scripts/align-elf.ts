// Lays an executable out for huge pages: the last step of the build, after Bun has written its ELF file. Linux maps a
// 2 MiB folio of the page cache by one entry of the page table, instead of 512 entries and the faults that make them,
// only where file offset and address agree modulo 2 MiB. The linker makes them agree modulo one page.
//
//        file before                          file after                          memory, as before
//        ┌──────────────┐ 0                   ┌──────────────┐ 0                  0x0200000
//        │ headers      │                     │ headers      │                    ┌──────────────┐
//        │ R   constants│                     │ R   constants│                    │ R            │
//        ├──────────────┤ 0x1838d00 ≢ ┐       │┄┄ zeros ┄┄┄┄┄│ ≤ 2 MiB            └──────────────┘
//        │ R E code     │             └─────▶ ├──────────────┤ 0x1840d00 ≡        0x1a40d00
//        │              │                     │ R E code     │                    ┌──────────────┐
//        ├──────────────┤ 0x6641c90 ≢ ┐       │              │                    │ R E          │
//        │ RW  data,    │             │       │┄┄ zeros ┄┄┄┄┄│                    └──────────────┘
//        │     program  │             └─────▶ ├──────────────┤ 0x664ac90 ≡        0x684ac90
//        │ (not loaded) │                     │ RW, not      │                    ┌──────────────┐
//        │ section table│                     │ loaded, table│                    │ RW           │
//        └──────────────┘                     └──────────────┘                    └──────────────┘
//
// No address changes, so neither code nor data does. What speaks of offsets is the program headers, the section headers
// and e_shoff. Bun finds the program appended to its data segment by address, so that needs no change.

export const HUGE_PAGE_BYTES = 0x20_0000;

// elf(5), 64 bit, little endian: Elf64_Ehdr, Elf64_Phdr, Elf64_Shdr.
const fileHeader = { bytes: 64, phoff: 32, shoff: 40, phentsize: 54, phnum: 56, shentsize: 58, shnum: 60 } as const;
const programHeader = { bytes: 56, type: 0, offset: 8, vaddr: 16, filesz: 32 } as const;
const sectionHeader = { bytes: 64, offset: 24 } as const;
const ELF64_LITTLE_ENDIAN = [0x7f, 0x45, 0x4c, 0x46, 2, 1];
const PT_LOAD = 1;

export type Segment = { readonly offset: number; readonly address: number; readonly fileBytes: number };

/** The loaded segments (PT_LOAD) of a 64-bit little-endian ELF file, in the order of the file. */
export function readSegments(elf: Uint8Array): Segment[] {
  const view = checkedView(elf);
  return programHeaders(view)
    .filter((at) => view.getUint32(at + programHeader.type, true) === PT_LOAD)
    .map((at) => ({
      offset: word(view, at + programHeader.offset),
      address: word(view, at + programHeader.vaddr),
      fileBytes: word(view, at + programHeader.filesz),
    }))
    .sort((a, b) => a.offset - b.offset);
}

/** A copy of `elf` in which offset and address of every loaded segment agree modulo 2 MiB. */
export function alignElf(elf: Uint8Array): Uint8Array<ArrayBuffer> {
  const moves = planMoves(readSegments(elf));
  const moved = (offset: number) => offset + (moves.findLast((move) => move.from <= offset)?.by ?? 0);
  const aligned = new Uint8Array(moved(elf.length));
  moves.forEach(({ from, by }, index) => {
    aligned.set(elf.subarray(from, moves[index + 1]?.from), from + by);
  });

  const view = checkedView(aligned);
  const move = (at: number) => view.setBigUint64(at, BigInt(moved(word(view, at))), true);
  move(fileHeader.shoff);
  for (const at of programHeaders(view)) move(at + programHeader.offset);
  for (const at of sectionHeaders(view)) move(at + sectionHeader.offset);
  return aligned;
}

type Move = { readonly from: number; readonly by: number };

/** Each piece of the file goes from a segment's start to the next one's, what lies between them included. */
function planMoves(segments: readonly Segment[]): Move[] {
  const moves: Move[] = [];
  let by = 0;
  for (const { offset, address } of segments) {
    by += modulo(address - (offset + by), HUGE_PAGE_BYTES);
    moves.push({ from: offset, by });
  }
  // The first segment holds the file header, which has to stay at 0: a file that begins otherwise is not from our linker.
  if (moves[0]?.from !== 0 || moves[0].by !== 0)
    throw new Error("the ELF file's first segment does not begin at offset 0 and a multiple of 2 MiB");
  return moves;
}

function checkedView(elf: Uint8Array): DataView {
  const view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
  const sizesFit = () =>
    view.getUint16(fileHeader.phentsize, true) === programHeader.bytes &&
    view.getUint16(fileHeader.shentsize, true) === sectionHeader.bytes;
  if (elf.length < fileHeader.bytes || !ELF64_LITTLE_ENDIAN.every((byte, index) => elf[index] === byte) || !sizesFit())
    throw new Error("not a 64-bit little-endian ELF file with section headers");
  return view;
}

const programHeaders = (view: DataView) => entries(view, fileHeader.phoff, fileHeader.phnum, programHeader.bytes);
const sectionHeaders = (view: DataView) => entries(view, fileHeader.shoff, fileHeader.shnum, sectionHeader.bytes);

/** Where each entry of a table in the file begins. */
const entries = (view: DataView, tableAt: number, countAt: number, bytes: number): number[] =>
  Array.from({ length: view.getUint16(countAt, true) }, (_, index) => word(view, tableAt) + index * bytes);

/** An Elf64_Off or Elf64_Addr; below 2^53 in any file that fits on a disk. */
const word = (view: DataView, at: number): number => Number(view.getBigUint64(at, true));

const modulo = (value: number, by: number): number => ((value % by) + by) % by;
