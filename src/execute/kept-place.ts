// Compiled programs kept from one time for the next, in files below the folder of all states (kept-folder.ts). What a program
// is kept for is its key: everything that it was made from, compared to the letter. A fixed number of places bounds what
// they take; which of them is a key's is for whoever keeps.
//
//   lengths: 6 × u32 | header: JSON | key: text | child's tape | box's tape | supervisor's tape | long texts, a NUL between them
//
// Most programs run once, and keeping costs more than a start can spare. So the first time only leaves a mark in the place,
// and the second, which finds it, keeps the program. Only root keeps any.

import type { Compiled } from "./compile.ts";
import { isOwn, keptFolder, makeKeptFolder, openKept, replaceKept } from "./kept-folder.ts";
import { addressOf, cString, mappedBytes, systemCall, tapeMemory } from "./libc.ts";
import { makeRoom } from "./make-room.ts";
import { statusOf } from "./status.ts";

/** Where, below which folder of all states, and for what. */
export type Place = { readonly stateRoot: string; readonly name: string; readonly key: string; readonly among?: Among };

/** How many files there may be whose names begin so. */
type Among = { readonly prefix: string; readonly most: number };

type Header<More> = {
  readonly more: More;
  readonly box: Omit<Compiled["box"], "image">;
  readonly child: Omit<Compiled["child"], "image">;
  readonly supervisor: Omit<ReturnType<Compiled["supervisor"]>, "image">;
  readonly helper: boolean;
  readonly way: Compiled["way"];
};

/** `texts` are beside `more` since texts of JSON within JSON take several times as long to read. */
export type InPlace<More> = { readonly compiled: Compiled; readonly more: More; readonly texts: readonly string[] };

const LENGTHS_BYTES = 24;
const AT_FDCWD = -100;
const S_IFREG = 0o100000;
/** Longer than any tape that is worth keeping. */
const BYTES_MAX = 4 * 1024 * 1024;
const PROT_READ = 1;
/** MAP_PRIVATE | MAP_POPULATE */
const MAP_PRIVATE_POPULATE = 0x8002;

/** The program that is kept there for the key, "marked" where the key has been here once, or undefined. */
export function readPlace<More>({ stateRoot, name, key }: Place): InPlace<More> | "marked" | undefined {
  const file = openKept(stateRoot, name);
  if (file < 0) return undefined;
  const bytes = readOwn(file);
  systemCall("close", file);
  if (bytes === undefined) return undefined;
  const found = bytes.length >= LENGTHS_BYTES ? decode<More>(bytes, key) : undefined;
  if (found !== undefined) return found;
  const isMarked = bytes.length < LENGTHS_BYTES && new TextDecoder().decode(bytes) === markOf(key);
  forget(bytes);
  return isMarked ? "marked" : undefined;
}

/** Of no use any more, with all that was read from it. */
export const forget = ({ buffer }: Uint8Array): void => {
  systemCall("munmap", addressOf(new Uint8Array(buffer)), buffer.byteLength);
};

function decode<More>(bytes: Uint8Array, key: string): InPlace<More> | undefined {
  const lengths = new Uint32Array(bytes.buffer, 0, LENGTHS_BYTES / 4);
  const [headerBytes, keyBytes, childBytes, boxBytes, supervisorBytes, textBytes] = lengths as unknown as Six;
  let at = LENGTHS_BYTES;
  if (at + headerBytes + keyBytes + childBytes + boxBytes + supervisorBytes + textBytes !== bytes.length) return undefined;
  const take = (length: number): Uint8Array => {
    at += length;
    return bytes.subarray(at - length, at);
  };
  const decoder = new TextDecoder();
  const header = take(headerBytes);
  if (decoder.decode(take(keyBytes)) !== key) return undefined;
  const { more, box, child, supervisor, helper, way } = JSON.parse(decoder.decode(header)) as Header<More>;
  const childImage = take(childBytes);
  const boxImage = take(boxBytes);
  // Box writes into the supervisor's, as words.
  const supervisorImage = take(supervisorBytes).slice();
  return {
    more,
    texts: decoder.decode(take(textBytes)).split("\0"),
    compiled: {
      box: { ...box, image: boxImage },
      child: { ...child, image: childImage },
      supervisor: () => ({ ...supervisor, image: supervisorImage }),
      helper,
      way,
    },
  };
}

type Six = readonly [number, number, number, number, number, number];

/** Leaves the mark of the key's first time. Best effort. */
export const markPlace = (place: Place): void => write(place, new TextEncoder().encode(markOf(place.key)));

/** Shorter than any program. */
const markOf = (key: string): string => Bun.hash(key).toString(36);

/** Keeps a program there; `box` is the image of box's tape from before it ran. Best effort. */
export function writePlace<More>(place: Place, more: More, compiled: Compiled, box: Uint8Array, texts: readonly string[] = []): void {
  const { image: childImage, ...child } = compiled.child;
  const { image: supervisorImage, ...supervisor } = compiled.supervisor();
  const { image: _, ...ownTape } = compiled.box;
  const header: Header<More> = { more, box: ownTape, child, supervisor, helper: compiled.helper, way: compiled.way };
  const encoder = new TextEncoder();
  const parts = [
    encoder.encode(JSON.stringify(header)),
    encoder.encode(place.key),
    childImage,
    box,
    supervisorImage,
    encoder.encode(texts.join("\0")),
  ];
  const length = parts.reduce((sum, part) => sum + part.length, LENGTHS_BYTES);
  const bytes = new Uint8Array(length);
  new Uint32Array(bytes.buffer, 0, LENGTHS_BYTES / 4).set(parts.map((part) => part.length));
  let at = LENGTHS_BYTES;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  write(place, bytes);
}

function write({ stateRoot, name, among }: Place, bytes: Uint8Array): void {
  if (bytes.length > BYTES_MAX) return;
  const folder = makeKeptFolder(stateRoot);
  if (folder < 0) return;
  // Marks go first: most are of what is done once.
  if (among !== undefined)
    makeRoom(folder, keptFolder(stateRoot), name, { ...among, atOnce: Math.ceil(among.most / 4), small: LENGTHS_BYTES });
  replaceKept(folder, name, bytes);
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

/** Begins every key: this executable, of which another build is another file, and where it maps its memory. */
export function ownPart(): string {
  const path = cString("/proc/self/exe");
  const file = systemCall("openat", AT_FDCWD, path.address, 0o2000000, 0);
  if (file < 0) return "";
  const status = statusOf(file);
  systemCall("close", file);
  // ino at byte 32, size at 40, ctime at 96, device at 136.
  const identity = status === undefined ? "" : [status.subarray(16, 24), status.subarray(48, 54), status.subarray(68, 72)].join(" ");
  return `${identity}\0${tapeMemory.address}`;
}

/** A number below `places` for a text (FNV-1a): where it is looked for. */
export function placeFor(text: string, places: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = (hash ^ text.charCodeAt(index)) >>> 0;
    // Times 0x01000193, in parts that a double holds.
    hash = ((hash << 24) + hash * 0x193) >>> 0;
  }
  return hash % places;
}
