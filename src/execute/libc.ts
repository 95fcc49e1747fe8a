// The one door to native code: libc's syscall(2) wrapper to map the interpreter, and the interpreter itself, the same
// machine code as the stage's, called inside the box process. Everything else box asks of the kernel is a tape.

import { encodeCallNumbers } from "../linux/call-numbers-macro.ts" with { type: "macro" };
import type { CallName, Machine } from "../linux/syscalls.ts";
import { stage } from "../stage/stage.ts";
import { header, record } from "../tape/layout.ts";

declare const BOX_LIBC: string | undefined;

/** What bun:ffi is made from. The module itself is JavaScript that Bun compiles when it is imported, which costs 0.3 ms. */
const { dlopen, linkSymbols, ptr, toArrayBuffer } = (Bun as unknown as { readonly FFI: Native }).FFI;
type Signature = { readonly args: readonly ("i64" | "ptr")[]; readonly returns: "ptr" | "i32"; readonly ptr?: number };
type Symbols<Name extends string> = { readonly symbols: Readonly<Record<Name, (...args: number[]) => number | null>> };
type Native = {
  /** Both answer with an error where bun:ffi would throw it. */
  readonly dlopen: <Name extends string>(library: string, symbols: Readonly<Record<Name, Signature>>) => Symbols<Name> | Error;
  readonly linkSymbols: <Name extends string>(symbols: Readonly<Record<Name, Signature>>) => Symbols<Name> | Error;
  readonly ptr: (bytes: Uint8Array) => number;
  readonly toArrayBuffer: (address: number, offset: number, length: number) => ArrayBuffer;
};

export const machine: Machine = process.arch === "arm64" ? "arm64" : "x64";
// As with the stage, only one of the two ends up in the executable.
const callNumbers = process.arch === "arm64" ? encodeCallNumbers("arm64") : encodeCallNumbers("x64");

export { stage };

const PROT_READ_WRITE = 3;
const PROT_READ_EXEC = 5;
/** MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE */
const MAP_THERE = 0x10_0022;
/** MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED */
const MAP_FIXED_ANONYMOUS = 0x32;
/** Where to try first, and how far on to try next: tapes want addresses below 2 GiB. */
const FIRST_ADDRESS = 0x5000_0000;
const NEXT_ADDRESS = 0x100_0000;
const LAST_ADDRESS = 0x7000_0000;
const CODE_BYTES = 0x1_0000;
/** Room for box's own tapes; pages that nothing writes cost nothing. */
const REGION_BYTES = 0x20_0000;

type Interpret = (headerAddress: number) => number;

function load(): { interpret: Interpret; region: number; memory: ArrayBuffer } {
  const name = typeof BOX_LIBC === "string" ? BOX_LIBC : "libc.so.6";
  const libc = dlopen(name, {
    syscall: { args: ["i64", "i64", "i64", "i64", "i64", "i64", "i64"], returns: "ptr" },
  });
  if (libc instanceof Error) throw libc;
  const call = libc.symbols.syscall;
  let start = FIRST_ADDRESS;
  // syscall(3) answers -1 where the kernel refuses, and the address where it does not.
  while (call(callNumbers.mmap, start, CODE_BYTES + REGION_BYTES, PROT_READ_WRITE, MAP_THERE, -1, 0) !== start) {
    start += NEXT_ADDRESS;
    if (start > LAST_ADDRESS) throw new Error(`box: cannot map ${CODE_BYTES + REGION_BYTES} bytes below 2 GiB`);
  }
  new Uint8Array(toArrayBuffer(start, 0, stage.elf.length)).set(stage.elf);
  if (call(callNumbers.mprotect, start, CODE_BYTES, PROT_READ_EXEC, 0, 0, 0) !== null)
    throw new Error("box: the system refuses executable memory");
  const code = linkSymbols({ interpret: { ptr: start + stage.interpretOffset, args: ["ptr"], returns: "i32" } });
  if (code instanceof Error) throw code;
  const region = start + CODE_BYTES;
  return { interpret: code.symbols.interpret as Interpret, region, memory: toArrayBuffer(region, 0, REGION_BYTES) };
}

const { interpret, region, memory } = load();

/** The region's first page is for single calls, the rest for tapes. */
const SCRATCH_BYTES = 0x1000;
const words = new Uint32Array(memory);
const RESULT = header.bytes + record.bytes;
const STATUS = RESULT + 8;

/** The status region of box's own tapes. */
export const boxStatusAddress = region + SCRATCH_BYTES / 2;
export const tapeMemory = { address: region + SCRATCH_BYTES, bytes: REGION_BYTES / 2 - SCRATCH_BYTES };
const tapeBytes = new Uint8Array(memory, SCRATCH_BYTES, tapeMemory.bytes);

/** Puts a tape that was encoded for `tapeMemory.address` in its place, if it is not there already. */
export function loadTape(image: Uint8Array): void {
  if (image.buffer === memory && image.byteOffset === SCRATCH_BYTES) return;
  if (image.length > tapeMemory.bytes) throw new Error("box: a tape is too large");
  tapeBytes.set(image);
}

/** Untouched memory to encode into, handed out once: box's own tape in its place, and two more. */
const places = [
  new Uint32Array(memory, SCRATCH_BYTES, tapeMemory.bytes >>> 2),
  new Uint32Array(memory, REGION_BYTES / 2, REGION_BYTES >>> 4),
  new Uint32Array(memory, (REGION_BYTES / 4) * 3, REGION_BYTES >>> 4),
];
const untouched = [...places];
export function takeMemory(use: "own" | "child" | "supervisor"): Uint32Array | undefined {
  const index = use === "own" ? 0 : use === "child" ? 1 : 2;
  const words = untouched[index];
  delete untouched[index];
  return words;
}

/** The memory for tapes as it was at first: nothing in it, and none handed out. */
export function freshMemory(): void {
  const address = region + SCRATCH_BYTES;
  const made = systemCall("mmap", address, REGION_BYTES - SCRATCH_BYTES, PROT_READ_WRITE, MAP_FIXED_ANONYMOUS, -1, 0);
  if (made !== address) throw new Error("box: cannot map memory for tapes anew");
  for (const [index, place] of places.entries()) untouched[index] = place;
}

/** Runs the loaded tape from the record at `entry`. Returns 0, or the negative errno that stopped it. */
export function runTape(entry: number): number {
  writeWord(tapeMemory.address + header.entry, entry);
  return interpret(tapeMemory.address);
}

function put(byte: number, value: number): void {
  words[byte >>> 2] = value;
  // Without Math, which the engine makes when a function that names it is first called: 0.05 ms.
  words[(byte >>> 2) + 1] = value >= 0 && value < 4294967296 ? 0 : (value - (value >>> 0)) / 4294967296;
}

/** Eight bytes at an address inside the region. */
export const writeWord = (address: number, value: number): void => put(address - region, value);

/** Eight bytes at an address inside the region, as a signed number. */
export function readWord(address: number): number {
  const at = (address - region) >>> 2;
  return (words[at] as number) + ((words[at + 1] as number) | 0) * 4294967296;
}

/** Bytes at an address inside the region, shared, not copied. */
export const bytesAt = (address: number, length: number): Uint8Array => new Uint8Array(memory, address - region, length);

/** Bytes at any address that is known to be mapped. */
export const mappedBytes = (address: number, length: number): ArrayBuffer => toArrayBuffer(address, 0, length);

/** The address of bytes that JavaScript holds; they must stay referenced while the kernel may use it. */
export const addressOf = (bytes: Uint8Array): number => ptr(bytes);

/** Calls a C function of one pointer at an address that holds one; only for code of box's own (src/front/program.ts). */
export function callAddress(address: number, argument: number): number {
  const code = linkSymbols({ call: { ptr: address, args: ["ptr"], returns: "i32" } });
  if (code instanceof Error) throw code;
  return code.symbols.call(argument) as number;
}

/** One system call. Arguments are numbers or addresses; the result is the kernel's: an errno is negative. */
export function systemCall(name: CallName, ...args: readonly number[]): number {
  put(header.status, region + STATUS);
  put(header.entry, region + header.bytes);
  const at = header.bytes;
  words[at >>> 2] = callNumbers[name];
  words[(at >>> 2) + 1] = 0;
  for (let index = 0; index < 6; index++) put(at + record.args + index * 8, args[index] ?? 0);
  put(at + record.out, region + RESULT);
  put(at + record.matchTarget, 0);
  put(at + record.onError, 0);
  put(at + record.next, 0);
  const failed = interpret(region);
  return failed < 0 ? failed : readWord(region + RESULT);
}

/**
 * Blocks every signal, for threads that are made later too: what arrives while a container is being made waits for the
 * supervisor, which passes it on. With only one thread blocked another would take it, and box would end in the middle.
 */
export function blockSignals(): void {
  const all = new Uint8Array(8).fill(0xff);
  const SIG_BLOCK = 0;
  systemCall("rt_sigprocmask", SIG_BLOCK, addressOf(all), 0, all.length);
}

/** A NUL-terminated string and its address; keep the result referenced while the address is in use. */
export function cString(text: string): { bytes: Uint8Array; address: number } {
  if (text.includes("\0")) throw new Error("box: a string holds a NUL byte");
  const bytes = new TextEncoder().encode(`${text}\0`);
  return { bytes, address: addressOf(bytes) };
}
