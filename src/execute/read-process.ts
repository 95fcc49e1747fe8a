// A stopped process as it is to be kept: its mappings, and the pages of them that no file has (proc_pid_maps(5),
// proc_pid_pagemap(5)). Throws a plain Error for what cannot be put in place in another process.

import type { Mapping, Run } from "../front/kept-process.ts";
import { FRONT_CODE_ADDRESS, RESTORE_ADDRESS, RESTORE_BYTES_MAX } from "../front/layout.ts";
import { readText } from "./files.ts";
import { addressOf, cString, systemCall } from "./libc.ts";

const PAGE = 4096;
const AT_FDCWD = -100;
const O_CLOEXEC = 0o2000000;
const ENTRY_BYTES = 8;
/** Entries of pagemap that are read at once: one page of them where nothing is mapped is told by one comparison. */
const CHUNK = 4096;
/** Pages between two runs that are mapped with them: one call less, and what nobody touches costs nothing. */
const GAP_BYTES = 128 * PAGE;
/** A stack as large as the process was told that it may have (RLIMIT_STACK's usual 8 MiB). */
const STACK_BYTES = 8 * 1024 * 1024;

/** Where the kernel has put something is chance: another process has it elsewhere. */
export class Misplaced extends Error {}

/** One in two hundred has something in the way (mappingsIn); so many in a row are no chance. */
const PROCESSES = 5;

/** Tries `attempt`, which makes a process, again as long as that one has something in the way. */
export async function withAnotherProcess(attempt: () => Promise<void>): Promise<void> {
  for (let left = PROCESSES - 1; ; left--) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Misplaced) || left === 0) throw error;
    }
  }
}

export type Pages = {
  readonly own: Mapping[];
  readonly others: Mapping[];
  readonly kernels: Mapping[];
  readonly memory: readonly Uint8Array[];
};

/** `executable` is the path of box's own file in the list. Pages are laid out from `at` in the file, in the order of `memory`. */
export function readPages(pid: number, executable: string, at: number): Pages {
  const maps = readText(`/proc/${pid}/maps`);
  if (typeof maps !== "string") throw new Error(`/proc/${pid}/maps: errno ${-maps}`);
  const all = mappingsIn(maps, executable);
  const [memory, pagemap] = [open(`/proc/${pid}/mem`), open(`/proc/${pid}/pagemap`)];
  const parts: Uint8Array[] = [];
  let next = at;
  const withPages = (mapping: Mapping): Mapping => {
    const runs: Run[] = [];
    for (const { start, bytes } of changedPages(mapping, pagemap)) {
      const part = new Uint8Array(bytes);
      readFully(memory, part, start);
      parts.push(part);
      runs.push({ start, bytes, at: next });
      next += bytes;
    }
    return { ...mapping, runs };
  };
  try {
    const kernels = all.filter(({ path }) => path?.startsWith("[v") === true);
    const own = all.filter(({ path }) => path === executable).map(withPages);
    const rest = all.filter(({ path }) => path !== executable && path?.startsWith("[v") !== true).map(withoutName);
    const others = rest.map(withPages);
    return { own, others, kernels, memory: parts };
  } finally {
    systemCall("close", memory);
    systemCall("close", pagemap);
  }
}

function open(path: string): number {
  const name = cString(path);
  const fd = systemCall("openat", AT_FDCWD, name.address, O_CLOEXEC, 0);
  if (fd < 0) throw new Error(`${path}: errno ${-fd}`);
  return fd;
}

// 00200000-01a39000 r--p 00000000 fe:00 326591    /usr/bin/box
function readLine(line: string): Mapping {
  const found = /^([0-9a-f]+)-([0-9a-f]+) ([r-])([w-])([x-])([ps]) ([0-9a-f]+) \S+ \d+ *(.*)$/.exec(line);
  if (found === null) throw new Error(`cannot read ${line}`);
  const [, start = "", end = "", read, write, execute, shared, offset = "", path = ""] = found;
  if (shared === "s" || path.endsWith(" (deleted)")) throw new Error(`it maps ${path}`);
  return {
    start: Number.parseInt(start, 16),
    end: Number.parseInt(end, 16),
    protection: (read === "r" ? 1 : 0) | (write === "w" ? 2 : 0) | (execute === "x" ? 4 : 0),
    path: path === "" ? undefined : path,
    offset: Number.parseInt(offset, 16),
    runs: [],
  };
}

/**
 * What is to be kept of a text of /proc/PID/maps. The front's own belongs to whoever runs it, and vsyscall is the kernel's, at one
 * place for all. Of two hundred processes one has its heap in the front's place, since the kernel puts it anywhere in a GiB.
 */
export function mappingsIn(maps: string, executable: string): Mapping[] {
  const out: Mapping[] = [];
  for (const mapping of maps.split("\n").slice(0, -1).map(readLine)) {
    const { start, path } = mapping;
    const inFront = start >= FRONT_CODE_ADDRESS && start < RESTORE_ADDRESS + RESTORE_BYTES_MAX;
    if (inFront && path !== executable) throw new Misplaced(`it has ${path ?? "memory"} where the front is`);
    if (!inFront && path !== "[vsyscall]") out.push(mapping);
  }
  return out;
}

/** Heap and stack become memory like any other. The stack must not grow by the kernel's rules, so it gets all of its room. */
function withoutName(mapping: Mapping): Mapping {
  if (mapping.path === "[stack]") return { ...mapping, path: undefined, start: mapping.end - STACK_BYTES };
  return mapping.path?.startsWith("[") === true ? { ...mapping, path: undefined } : mapping;
}

/** Runs of pages that are memory of the process's own: there and not the file's, and not full of zeros where zeros would be. */
function changedPages(mapping: Mapping, pagemap: number): { start: number; bytes: number }[] {
  const runs: { start: number; bytes: number }[] = [];
  const nothing = new Uint8Array(CHUNK * ENTRY_BYTES);
  for (let from = mapping.start; from < mapping.end; from += CHUNK * PAGE) {
    const count = Math.min(CHUNK, (mapping.end - from) / PAGE);
    const chunk = new Uint8Array(count * ENTRY_BYTES);
    readFully(pagemap, chunk, (from / PAGE) * ENTRY_BYTES);
    if (Buffer.compare(chunk, count === CHUNK ? nothing : nothing.subarray(0, chunk.length)) === 0) continue;
    const words = new Uint32Array(chunk.buffer);
    for (let index = 0; index < count; index++) {
      if (!isOwnPage(words[index * 2 + 1] as number)) continue;
      const start = from + index * PAGE;
      const last = runs.at(-1);
      if (last !== undefined && start - last.start - last.bytes <= GAP_BYTES) last.bytes = start + PAGE - last.start;
      else runs.push({ start, bytes: PAGE });
    }
  }
  return runs;
}

/** The upper half of an entry: bit 63 present, 62 swapped, 61 of a file. */
const isOwnPage = (high: number): boolean => high >>> 30 !== 0 && (high & 0x2000_0000) === 0;

function readFully(file: number, into: Uint8Array, offset: number): void {
  for (let done = 0; done < into.length; ) {
    const got = systemCall("pread64", file, addressOf(into) + done, into.length - done, offset + done);
    if (got <= 0) throw new Error(`cannot read its memory at 0x${offset.toString(16)}: errno ${-got}`);
    done += got;
  }
}
