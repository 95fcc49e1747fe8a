// A plain start: loads the dynamic linker, the program interpreter of elf(5), as the kernel would have if box's file named
// one. It does not, since the kernel would start the linker before the front. After fs/binfmt_elf.c, load_elf_interp.

import { address, type Buffer, compute, newBuffer, newSlot, type Slot, type Step, slotIn, step, type Variables } from "../tape/step.ts";
import { wordOf } from "./shared-words.ts";

const origin = "start";
const PAGE = 4096;
const PAGES = -PAGE;
/** Much more than a linker has; what it leaves over is given back. */
const ROOM_BYTES = 0x100_0000;

// Elf64_Ehdr and Elf64_Phdr; e_phnum is the low half of the word at 56.
const fileHeader = { entry: 24, phoff: 32, phnum: 56, bytes: 64 } as const;
const segmentHeader = { typeAndFlags: 0, offset: 8, vaddr: 16, filesz: 32, memsz: 40, bytes: 56 } as const;
const PT_LOAD = 1;
const EXIT_NOT_FOUND = 127;
/** p_flags, and the protection that means the same. */
const rights = [
  { flags: 4, protection: 1 },
  { flags: 5, protection: 5 },
  { flags: 6, protection: 3 },
] as const;

type Loading = {
  readonly file: Slot<"fd">;
  readonly header: Buffer;
  readonly segment: Buffer;
  readonly base: Slot<"int">;
  /** Where the next program header is in the file, and how many are left. */
  readonly at: Slot<"int">;
  readonly left: Slot<"int">;
  readonly protection: Slot<"int">;
  /** The first address behind the last segment. */
  readonly end: Slot<"int">;
  readonly int: (name: string) => Slot<"int">;
};

export function interpreterSteps(path: string, variables: Variables, base: number): Step[] {
  const int = (name: string): Slot<"int"> => newSlot(variables, "int", name);
  const loading: Loading = {
    file: newSlot(variables, "fd", "the linker"),
    header: newBuffer(variables, "its ELF header", fileHeader.bytes),
    segment: newBuffer(variables, "a program header", segmentHeader.bytes),
    base: int("where it goes"),
    at: int("place of a program header"),
    left: int("program headers left"),
    protection: int("its protection"),
    end: int("its end"),
    int,
  };
  return [...open(path, loading), ...eachSegment(loading), ...done(loading, base)];
}

function open(path: string, { file, header, base, at, left }: Loading): Step[] {
  const inHeader = (offset: number, name: string): Slot<"int"> => slotIn("int", header, offset, name);
  return [
    step("openat", ["AT_FDCWD", path, ["O_RDONLY", "O_CLOEXEC"], 0], origin, "open the dynamic linker", {
      out: file,
      onError: [["ENOENT", sayMissing(path)]],
    }),
    step("pread64", [file, address(header), fileHeader.bytes, 0], origin, "read its ELF header"),
    compute([inHeader(fileHeader.phoff, "e_phoff"), 0, 0, -1], origin, "begin with the first program header", { out: at }),
    compute([inHeader(fileHeader.phnum, "e_phnum"), 0, 0, 0xffff], origin, "count them", { out: left }),
    step("mmap", [null, ROOM_BYTES, ["PROT_NONE"], ["MAP_PRIVATE", "MAP_ANONYMOUS", "MAP_NORESERVE"], -1, 0], origin, "find room for it", {
      out: base,
    }),
  ];
}

/** As below another libc. The kernel would say no more than that there is no such file; nobody else speaks for the front. */
function sayMissing(path: string): Step[] {
  const message = `box: ${path} is missing: box needs the GNU C library\n`;
  return [
    step("write", [2, new TextEncoder().encode(message), message.length], origin, "say so", { onError: "ignore" }),
    step("exit_group", [EXIT_NOT_FOUND], origin, "end as a shell would"),
  ];
}

const go = (label: string): Step => compute([0, 0, 0, 0], origin, "go on", { goto: label });

function eachSegment(loading: Loading): Step[] {
  const { file, segment, at, left, protection } = loading;
  const typeAndFlags = slotIn("int", segment, segmentHeader.typeAndFlags, "p_type and p_flags");
  return [
    step("pread64", [file, address(segment), segmentHeader.bytes, at], origin, "read a program header", { label: "segment" }),
    ...rights.map(({ flags, protection: value }) =>
      compute([typeAndFlags, 0, 0, -1], origin, "is it loaded with these rights?", {
        equal: {
          value: flags * 2 ** 32 + PT_LOAD,
          steps: [compute([value, 0, 0, -1], origin, "with these rights", { out: protection, goto: "load" })],
        },
      }),
    ),
    go("next"),
    ...mapSegment(loading),
    compute([at, segmentHeader.bytes, 0, -1], origin, "the next program header", { out: at, label: "next" }),
    compute([left, 0, 1, -1], origin, "one less", { out: left, equal: { value: 0, steps: [go("loaded")] } }),
    go("segment"),
  ];
}

/** A segment that is larger in memory is small, and written to in any case: zeros, and what the file has read into them. */
function mapSegment({ file, segment, base, protection, end, int }: Loading): Step[] {
  const of = (offset: number, name: string): Slot<"int"> => slotIn("int", segment, offset, name);
  const vaddr = of(segmentHeader.vaddr, "p_vaddr");
  const place = of(segmentHeader.offset, "p_offset");
  const fileBytes = of(segmentHeader.filesz, "p_filesz");
  const memoryBytes = of(segmentHeader.memsz, "p_memsz");
  const [start, from, within, length] = [int("its first page"), int("its place in the file"), int("bytes before it"), int("its length")];
  const at = int("its address");
  const add = (why: string, args: Parameters<typeof compute>[0], out: Slot<"int">): Step => compute(args, origin, why, { out });
  return [
    compute([vaddr, base, 0, -1], origin, "where it goes", { out: at, label: "load" }),
    add("its first page", [at, 0, 0, PAGES], start),
    add("what that has before it", [at, 0, 0, PAGE - 1], within),
    add("whole pages", [within, memoryBytes, 1 - PAGE, PAGES], length),
    add("its end", [start, length, 0, -1], end),
    compute([memoryBytes, 0, fileBytes, -1], origin, "is it larger in memory?", { equal: { value: 0, steps: [go("map")] } }),
    step("mmap", [start, length, protection, ["MAP_PRIVATE", "MAP_FIXED", "MAP_ANONYMOUS"], -1, 0], origin, "map zeros"),
    step("pread64", [file, at, fileBytes, place], origin, "read what the file has", { goto: "next" }),
    compute([place, 0, 0, PAGES], origin, "its place in the file", { out: from, label: "map" }),
    step("mmap", [start, length, protection, ["MAP_PRIVATE", "MAP_FIXED"], file, from], origin, "map it"),
  ];
}

function done({ file, header, base, end, int }: Loading, tape: number): Step[] {
  const word = wordOf(tape);
  const rest = int("room that is left");
  return [
    compute([base, ROOM_BYTES, end, -1], origin, "what is left of the room", { out: rest, label: "loaded" }),
    step("munmap", [end, rest], origin, "give it back"),
    step("close", [file], origin, "done with it"),
    compute([base, 0, 0, -1], origin, "tell it where it is", { out: word("int", "base") }),
    compute([base, slotIn("int", header, fileHeader.entry, "e_entry"), 0, -1], origin, "begin at its entry point", {
      out: word("int", "target"),
    }),
  ];
}
