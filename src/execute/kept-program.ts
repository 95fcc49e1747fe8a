// Programs kept from one start for the next: a service that is restarted, a bundle that is run again. A plan is a pure
// function of the configuration, the host's facts and this executable, so when all of them are the same to the letter
// the tapes are too, and reading them takes a third of the time of making them (measured).
//
// One file for each of a fixed number of places, chosen by bundle and id, below the folder of all states:
//
//   lengths: 5 × u32 | header: JSON | key: text | child's tape | box's tape | supervisor's tape
//
// Most containers are started once in their life, and keeping costs more than a start can spare. So the first start
// only leaves a mark in the place, and the second, which finds it, keeps the program.
//
// Only root keeps any (kept-folder.ts).

import type { State } from "../state/state.ts";
import type { Compiled } from "./compile.ts";
import { readText } from "./files.ts";
import { isOwn, keptFolder, makeKeptFolder, openKeptFolder, replaceKept } from "./kept-folder.ts";
import { cString, machine, mappedBytes, systemCall, tapeMemory } from "./libc.ts";
import { statusOf } from "./status.ts";

/** What the kept program was made from, besides the facts. */
export type KeptKey = { readonly id: string; readonly bundle: string; readonly stateRoot: string; readonly config: string };

type Asked = {
  readonly openFiles: boolean;
  readonly home: { readonly root: string; readonly uid: number } | undefined;
  readonly limits: boolean;
};

type Made = {
  readonly asked: Asked;
  /** What the facts came from, and they themselves as JSON. */
  readonly seen: readonly (readonly ["read" | "filesystem" | "mayWrite", string, string | number | boolean | null])[];
  readonly facts: string;
  readonly home: string | null;
  /** The state that is written first, and the configuration beside it, as JSON. */
  readonly state: State;
  readonly config: string;
};

type Header = Made & {
  readonly box: Omit<Compiled["box"], "image">;
  readonly child: Omit<Compiled["child"], "image">;
  readonly supervisor: Omit<ReturnType<Compiled["supervisor"]>, "image">;
  readonly helper: boolean;
  readonly way: Compiled["way"];
};

export type Kept = Made & { readonly compiled: Compiled };

const PLACES = 64;
const LENGTHS_BYTES = 20;
const AT_FDCWD = -100;
const O_READ = { x64: 0o4000 | 0o400000 | 0o2000000, arm64: 0o4000 | 0o100000 | 0o2000000 };
const S_IFREG = 0o100000;
/** Longer than any tape that is worth keeping. */
const BYTES_MAX = 4 * 1024 * 1024;
const PROT_READ = 1;
/** MAP_PRIVATE | MAP_POPULATE */
const MAP_PRIVATE_POPULATE = 0x8002;

/** The program that was kept for `key`, if there is one and nothing tells against it. */
export function readKept(key: KeptKey): Kept | undefined {
  const folder = openKeptFolder(key.stateRoot);
  if (folder < 0) return undefined;
  const name = cString(placeOf(key));
  const file = systemCall("openat", folder, name.address, O_READ[machine], 0);
  systemCall("close", folder);
  if (file < 0) return undefined;
  const bytes = readOwn(file);
  systemCall("close", file);
  return bytes === undefined ? undefined : decodeKept(bytes, wholeKey(key));
}

function decodeKept(bytes: Uint8Array, key: string): Kept | undefined {
  if (bytes.length < LENGTHS_BYTES) return undefined;
  const [headerBytes, keyBytes, childBytes, boxBytes, supervisorBytes] = new Uint32Array(bytes.buffer, 0, 5) as unknown as Five;
  let at = LENGTHS_BYTES;
  if (at + headerBytes + keyBytes + childBytes + boxBytes + supervisorBytes !== bytes.length) return undefined;
  const take = (length: number): Uint8Array => {
    at += length;
    return bytes.subarray(at - length, at);
  };
  const decoder = new TextDecoder();
  const header = take(headerBytes);
  if (decoder.decode(take(keyBytes)) !== key) return undefined;
  const { box, child, supervisor, helper, way, ...made } = JSON.parse(decoder.decode(header)) as Header;
  const childImage = take(childBytes);
  const boxImage = take(boxBytes);
  // Box writes into the supervisor's, as words.
  const supervisorImage = take(supervisorBytes).slice();
  return {
    ...made,
    compiled: {
      box: { ...box, image: boxImage },
      child: { ...child, image: childImage },
      supervisor: () => ({ ...supervisor, image: supervisorImage }),
      helper,
      way,
    },
  };
}

type Five = readonly [number, number, number, number, number];

/**
 * Keeps a program that has been started, when it is not the first time; `kept` gives it, with the image of box's tape from
 * before it ran. Best effort.
 */
export function keepProgram(key: KeptKey, kept: () => { made: Kept; box: Uint8Array }): void {
  const whole = wholeKey(key);
  const mark = Bun.hash(whole).toString(36);
  if (readText(`${keptFolder(key.stateRoot)}/${placeOf(key)}`) === mark) writeKept(key, encodeKept(whole, kept()));
  else writeKept(key, new TextEncoder().encode(mark));
}

function encodeKept(key: string, { made: kept, box }: { made: Kept; box: Uint8Array }): Uint8Array {
  const { compiled, ...made } = kept;
  const { image: childImage, ...child } = compiled.child;
  const { image: supervisorImage, ...supervisor } = compiled.supervisor();
  const { image: _, ...ownTape } = compiled.box;
  const header: Header = { ...made, box: ownTape, child, supervisor, helper: compiled.helper, way: compiled.way };
  const encoder = new TextEncoder();
  const parts = [encoder.encode(JSON.stringify(header)), encoder.encode(key), childImage, box, supervisorImage];
  const length = parts.reduce((sum, part) => sum + part.length, LENGTHS_BYTES);
  const bytes = new Uint8Array(length);
  new Uint32Array(bytes.buffer, 0, 5).set(parts.map((part) => part.length));
  let at = LENGTHS_BYTES;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function writeKept(key: KeptKey, bytes: Uint8Array): void {
  if (bytes.length > BYTES_MAX) return;
  const folder = makeKeptFolder(key.stateRoot);
  if (folder < 0) return;
  replaceKept(folder, placeOf(key), bytes);
  systemCall("close", folder);
}

function readOwn(file: number): Uint8Array | undefined {
  const status = statusOf(file);
  if (status === undefined || !isOwn(status, S_IFREG)) return undefined;
  const size = (status[20] as number) + (status[21] as number) * 0x1_0000;
  if (size > BYTES_MAX || status[22] !== 0 || status[23] !== 0) return undefined;
  // Nothing is ever written into a kept file, only in place of it.
  const address = size === 0 ? -1 : systemCall("mmap", 0, size, PROT_READ, MAP_PRIVATE_POPULATE, file, 0);
  return address < 0 ? undefined : new Uint8Array(mappedBytes(address, size));
}

/** Everything that the tapes were made from: this executable and where it maps its memory, names, configuration. */
const wholeKey = ({ id, bundle, stateRoot, config }: KeptKey): string =>
  [executable(), String(tapeMemory.address), id, bundle, stateRoot, config].join("\0");

/** Inode, size and time of change: another build is another file. */
function executable(): string {
  const path = cString("/proc/self/exe");
  const file = systemCall("openat", AT_FDCWD, path.address, 0o2000000, 0);
  if (file < 0) return "";
  const status = statusOf(file);
  systemCall("close", file);
  // ino at byte 32, size at 40, ctime at 96, device at 136.
  return status === undefined ? "" : [status.subarray(16, 24), status.subarray(48, 54), status.subarray(68, 72)].join(" ");
}

/** One of the places, by bundle and id (FNV-1a); what is there may be another's, which its key then says. */
function placeOf({ bundle, id }: KeptKey): string {
  let hash = 0x811c9dc5;
  const text = `${bundle}\0${id}`;
  for (let index = 0; index < text.length; index++) {
    hash = (hash ^ text.charCodeAt(index)) >>> 0;
    // Times 0x01000193, in parts that a double holds.
    hash = ((hash << 24) + hash * 0x193) >>> 0;
  }
  return `place-${hash % PLACES}`;
}
