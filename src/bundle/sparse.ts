// Where the bytes of a file with holes belong. GNU tar has four ways to say it (its manual, "Storing Sparse Files"): a map
// in its own header and in blocks behind it, and three versions of pax records, the last with the map before the bytes.

import type { Header } from "tar/header";
import { BoxError } from "../errors.ts";
import type { Feed, Step } from "./feed.ts";
import type { PaxRecords } from "./pax.ts";

export type Segment = { readonly offset: number; readonly length: number };
export type SparseMap = {
  /** In order, and nowhere over each other. */
  readonly segments: readonly Segment[];
  /** The file's, with its holes. */
  readonly size: number;
};

const MOST_SEGMENTS = 100_000;
const BLOCK = 512;
const PREFIX = "GNU.sparse.";

export const isSparse = ({ typeKey }: Header, pax: PaxRecords): boolean => typeKey === "S" || pax.some(({ key }) => key.startsWith(PREFIX));

/** `stored` bytes follow in the archive; `taken` of them were the map. `block` is the header. */
export function* readSparseMap(
  feed: Feed,
  block: Uint8Array,
  { typeKey }: Header,
  pax: PaxRecords,
  stored: number,
  what: string,
): Step<SparseMap & { readonly taken: number }> {
  const all = (key: string): string[] =>
    pax.filter((record) => record.key === PREFIX + key).map(({ value }) => Buffer.from(value).toString("latin1"));
  const last = (key: string): number => numberIn(all(key).at(-1), what);
  if (typeKey === "S") return { ...checked(yield* readOldMap(feed, block, what), octal(block, 483, what), stored, what), taken: 0 };
  if (all("major").at(-1) === "1") {
    const { numbers, taken } = yield* readMapInBytes(feed, stored, what);
    return { ...checked(numbers, last("realsize"), stored - taken, what), taken };
  }
  const map = all("map").at(-1);
  const lengths = all("numbytes");
  const words = map === undefined ? all("offset").flatMap((offset, index) => [offset, lengths[index]]) : map === "" ? [] : map.split(",");
  const numbers = words.map((word) => numberIn(word, what));
  return { ...checked(numbers, last("size"), stored, what), taken: 0 };
}

/** Pairs of offset and length. */
function checked(numbers: readonly number[], size: number, stored: number, what: string): SparseMap {
  const segments: Segment[] = [];
  let end = 0;
  let bytes = 0;
  for (let at = 0; at + 1 < numbers.length; at += 2) {
    const [offset = 0, length = 0] = numbers.slice(at, at + 2);
    if (offset < end) throw wrong(what);
    end = offset + length;
    bytes += length;
    if (length > 0) segments.push({ offset, length });
  }
  if (end > size || bytes !== stored || numbers.length > 2 * MOST_SEGMENTS) throw wrong(what);
  return { segments, size };
}

const wrong = (what: string): BoxError => new BoxError({ what: `${what}: its map of holes is wrong` });

function numberIn(text: string | undefined, what: string): number {
  if (text === undefined || !/^\d{1,15}$/.test(text)) throw wrong(what);
  return Number(text);
}

/**
 * Four pairs at 386 in the header, and 21 more in each block that follows; the byte behind the last says whether one does.
 *
 *   header  386 four pairs of 12 + 12 bytes · 482 more? · 483 size of the file
 *   block     0 21 pairs                    · 504 more?
 */
function* readOldMap(feed: Feed, block: Uint8Array, what: string): Step<number[]> {
  const numbers = pairsIn(block, 386, 4, what);
  for (let more = block[482] !== 0; more; ) {
    const next = yield* feed.take(BLOCK);
    numbers.push(...pairsIn(next, 0, 21, what));
    if (numbers.length > 2 * MOST_SEGMENTS) throw wrong(what);
    more = next[504] !== 0;
  }
  return numbers;
}

function pairsIn(block: Uint8Array, start: number, most: number, what: string): number[] {
  const numbers: number[] = [];
  for (let at = start; at < start + most * 24 && block[at] !== 0; at += 24)
    numbers.push(octal(block, at, what), octal(block, at + 12, what));
  return numbers;
}

/** A number of 12 bytes: octal digits, or from the second byte on in binary when the first is 0x80. */
function octal(block: Uint8Array, at: number, what: string): number {
  const field = block.subarray(at, at + 12);
  if (field[0] === 0x80) {
    const value = field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0);
    if (!Number.isSafeInteger(value)) throw wrong(what);
    return value;
  }
  const [, digits] = /^ *([0-7]+)[ \0]*$/.exec(Buffer.from(field).toString("latin1")) ?? [];
  if (digits === undefined) throw wrong(what);
  return Number.parseInt(digits, 8);
}

/** Lines of decimal numbers, the count of pairs first, filled up to a block. */
function* readMapInBytes(feed: Feed, stored: number, what: string): Step<{ numbers: number[]; taken: number }> {
  const numbers: number[] = [];
  let digits = "";
  for (let taken = BLOCK; taken <= stored; taken += BLOCK) {
    for (const byte of yield* feed.take(BLOCK)) {
      if (byte !== 10) digits += String.fromCharCode(byte);
      else {
        numbers.push(numberIn(digits, what));
        digits = "";
      }
      if ((numbers[0] ?? 0) > MOST_SEGMENTS || digits.length > BLOCK) throw wrong(what);
      if (numbers.length > 0 && numbers.length === 1 + 2 * (numbers[0] as number)) return { numbers: numbers.slice(1), taken };
    }
  }
  throw wrong(what);
}
