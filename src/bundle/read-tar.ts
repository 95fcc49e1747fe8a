// A tar archive as entries, from chunks of any size and in constant memory. The `tar` package reads a header's numbers,
// type and checksum. The order of headers (POSIX pax, GNU's long names) is followed here, since what reads whole archives
// there decodes names and extended attributes as UTF-8, which not all of them are, and knows no sparse files.

import { Header } from "tar/header";
import { BoxError } from "../errors.ts";
import { type Attribute, type Entry, type EntryKind, type EntrySink, shown } from "./entry.ts";
import { Feed, type Step } from "./feed.ts";
import { type PaxRecords, readPax, readPaxTime } from "./pax.ts";
import { readSparseMap, type SparseMap } from "./sparse.ts";

const BLOCK = 512;
/** Of a header that goes on in blocks of its own; the kernel takes no path over 4 KiB and no attribute over 64 KiB. */
const LONGEST_HEADER = 1024 * 1024;

/** Types that are entries, by the letter in the header. */
const kinds: Readonly<Record<string, EntryKind>> = {
  "0": "file",
  "7": "file",
  S: "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "character",
  "4": "block",
  "5": "folder",
  D: "folder",
  "6": "fifo",
};

export class TarReader {
  readonly #feed = new Feed();
  readonly #entries: Step<void>;
  #done = false;
  readonly #what: string;

  /** `what` names the archive in messages. */
  constructor(sink: EntrySink, what: string) {
    this.#what = what;
    this.#entries = readEntries(this.#feed, sink, what);
    this.#entries.next();
  }

  /** The next bytes of the archive. What follows its end is ignored, as tar does. Throws a BoxError when it is broken. */
  push(chunk: Uint8Array): void {
    if (!this.#done) this.#done = this.#entries.next(chunk).done === true;
  }

  /** So many bytes that come next are of no use to anybody: whoever can may leave them out, and say so. */
  get useless(): number {
    return this.#done ? Number.POSITIVE_INFINITY : this.#feed.ahead;
  }

  leftOut(bytes: number): void {
    this.#feed.ahead -= bytes;
  }

  /** There are no more bytes. */
  finish(): void {
    if (!this.#done) throw new BoxError({ what: `${this.#what} is cut short: its end is missing` });
  }
}

/** What the headers in front of an entry's own say about it. */
type Before = { pax: PaxRecords; longName: string | undefined; longTarget: string | undefined };
const nothing = (): Before => ({ pax: [], longName: undefined, longTarget: undefined });

function* readEntries(feed: Feed, sink: EntrySink, what: string): Step<void> {
  let before = nothing();
  let global: PaxRecords = [];
  for (;;) {
    const block = (yield* feed.take(BLOCK)).slice();
    if (block.every((byte) => byte === 0)) return;
    const header = decodeHeader(block, what);
    const type = header.typeKey;
    if (type === "x") before.pax = readPax(yield* takeLong(feed, header, what), what);
    else if (type === "g") global = readPax(yield* takeLong(feed, header, what), what);
    else if (type === "L") before.longName = textIn(yield* takeLong(feed, header, what));
    else if (type === "K") before.longTarget = textIn(yield* takeLong(feed, header, what));
    else {
      yield* readEntry(feed, sink, what, block, header, { ...before, pax: [...global, ...before.pax] });
      before = nothing();
    }
  }
}

function decodeHeader(block: Uint8Array, what: string): Header {
  let header: Header;
  try {
    header = new Header(Buffer.from(block.buffer, block.byteOffset, BLOCK));
  } catch (error) {
    // Its only errors: a number that is none, or larger than 2^53.
    throw new BoxError({ what: `${what} is not a tar archive, or is broken: ${(error as Error).message}` }, { cause: error });
  }
  if (header.cksumValid) return header;
  throw new BoxError({ what: `${what} is not a tar archive, or is broken: the checksum of a header is wrong` });
}

function* takeLong(feed: Feed, header: Header, what: string): Step<Uint8Array> {
  const size = header.size ?? 0;
  if (size > LONGEST_HEADER) throw new BoxError({ what: `${what} has a header of ${size} bytes: more than ${LONGEST_HEADER}` });
  const bytes = (yield* feed.take(size)).slice();
  yield* feed.skip(paddingOf(size));
  return bytes;
}

const paddingOf = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK;

/** Up to the first NUL, as a byte string. */
export function textIn(bytes: Uint8Array, at = 0, length = bytes.length): string {
  const field = bytes.subarray(at, at + length);
  const end = field.indexOf(0);
  return Buffer.from(field.buffer, field.byteOffset, end < 0 ? field.length : end).toString("latin1");
}

function* readEntry(feed: Feed, sink: EntrySink, what: string, block: Uint8Array, header: Header, before: Before): Step<void> {
  const { pax } = before;
  const path = paxText(pax, "GNU.sparse.name") ?? paxText(pax, "path") ?? before.longName ?? nameIn(block);
  const kind = kinds[header.typeKey];
  if (kind === undefined || path.includes("\0"))
    throw new BoxError({ what: `${what} holds an entry that box does not know: ${shown(path)}`, object: `of type ${header.typeKey}` });
  // Links, devices and folders have no bytes, whatever their size says (as Go's archive/tar, which writes most images, has it).
  const stored = kind === "file" || header.typeKey === "D" ? sizeOf(block, header, pax, what) : 0;
  const { map, taken } = yield* readSparseMap(feed, block, header.typeKey, pax, stored, `${what}: ${shown(path)}`);
  const entry: Entry = {
    path,
    kind,
    mode: (header.mode ?? 0) & 0o7777,
    uid: paxNumber(pax, "uid") ?? header.uid ?? 0,
    gid: paxNumber(pax, "gid") ?? header.gid ?? 0,
    ...timeOf(header, pax),
    size: map.size,
    hasHoles: map.size !== stored,
    target: paxText(pax, "linkpath") ?? before.longTarget ?? textIn(block, 157, 100),
    major: header.devmaj,
    minor: header.devmin,
    attributes: attributesIn(pax),
  };
  if (sink.begin(entry) && kind === "file") {
    yield* passBytes(feed, sink, map);
    sink.end();
    yield* feed.skip(paddingOf(stored));
  } else yield* feed.skip(stored - taken + paddingOf(stored));
}

function* passBytes(feed: Feed, sink: EntrySink, { segments }: SparseMap): Step<void> {
  for (const { offset, length } of segments)
    for (let done = 0; done < length; ) {
      const bytes = yield* feed.some(length - done);
      sink.write(bytes, offset + done);
      done += bytes.length;
    }
}

/** The field `name`, and before it `prefix` where the header is POSIX's. */
function nameIn(block: Uint8Array): string {
  const name = textIn(block, 0, 100);
  const prefix = textIn(block, 257, 6) === "ustar" && block[262] === 0 ? textIn(block, 345, 155) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

function sizeOf(block: Uint8Array, header: Header, pax: PaxRecords, what: string): number {
  const size = paxNumber(pax, "size") ?? header.size ?? (block[124] === 0 ? 0 : undefined);
  if (size === undefined || !Number.isSafeInteger(size)) throw new BoxError({ what: `${what} is broken: an entry's size is no number` });
  return size;
}

function timeOf(header: Header, pax: PaxRecords): { seconds: number; nanoseconds: number } {
  const own = header.mtime?.getTime() ?? 0;
  return readPaxTime(paxText(pax, "mtime")) ?? { seconds: Number.isFinite(own) ? Math.floor(own / 1000) : 0, nanoseconds: 0 };
}

/** The last record of that key; an empty one takes back what is known (POSIX pax, "Extended Header"). */
function paxText(pax: PaxRecords, key: string): string | undefined {
  const value = pax.findLast((record) => record.key === key)?.value;
  return value === undefined || value.length === 0 ? undefined : Buffer.from(value).toString("latin1");
}

function paxNumber(pax: PaxRecords, key: string): number | undefined {
  const text = paxText(pax, key);
  return text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : undefined;
}

const ATTRIBUTE = "SCHILY.xattr.";

const attributesIn = (pax: PaxRecords): Attribute[] =>
  [
    ...new Map(
      pax.flatMap(({ key, value }) => (key.startsWith(ATTRIBUTE) ? [[key.slice(ATTRIBUTE.length), value] as const] : [])),
    ).entries(),
  ].map(([name, value]) => ({ name, value }));
