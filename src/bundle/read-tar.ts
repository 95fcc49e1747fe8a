// A tar archive as entries, from chunks of any size and in constant memory: the order of headers and bytes. A header's own
// fields are read by tar-entry.ts, maps of holes by sparse.ts.

import { Header } from "tar/header";
import { BoxError } from "../errors.ts";
import type { EntrySink } from "./entry.ts";
import { Feed, type Step } from "./feed.ts";
import { readPax } from "./pax.ts";
import { isSparse, readSparseMap, type Segment } from "./sparse.ts";
import { type Before, BLOCK, entryOf, storedBytes, textIn } from "./tar-entry.ts";

/** Of a header that goes on in blocks of its own; the kernel takes no path over 4 KiB and no attribute over 64 KiB. */
const LONGEST_HEADER = 1024 * 1024;

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

  /** So many bytes that come next are of no use to anybody: whoever asks leaves them out. */
  leaveOut(): number {
    if (this.#done) return Number.POSITIVE_INFINITY;
    const { ahead } = this.#feed;
    this.#feed.ahead = 0;
    return ahead;
  }

  /** There are no more bytes. */
  finish(): void {
    if (!this.#done) throw new BoxError({ what: `${this.#what} is cut short: its end is missing` });
  }
}

const nothing: Before = { pax: [], name: undefined, target: undefined };

function* readEntries(feed: Feed, sink: EntrySink, what: string): Step<void> {
  let global = nothing.pax;
  let before = nothing;
  for (;;) {
    const block = feed.ready(BLOCK) ?? (yield* feed.take(BLOCK));
    if (block[0] === 0 && block.every((byte) => byte === 0)) return;
    const header = decodeHeader(block, what);
    switch (header.typeKey) {
      case "x":
        before = { ...before, pax: readPax(yield* takeLong(feed, header, what), what) };
        break;
      case "g":
        global = readPax(yield* takeLong(feed, header, what), what);
        break;
      case "L":
        before = { ...before, name: textIn(yield* takeLong(feed, header, what)) };
        break;
      case "K":
        before = { ...before, target: textIn(yield* takeLong(feed, header, what)) };
        break;
      default: {
        const all = global.length === 0 ? before : { ...before, pax: [...global, ...before.pax] };
        const left = yield* passEntry(feed, sink, what, block, header, all);
        if (!feed.readySkip(left)) yield* feed.skip(feed.ahead);
        before = nothing;
      }
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

/** Returns how much of the archive the sink did not want, with what fills the last block up. */
function* passEntry(feed: Feed, sink: EntrySink, what: string, block: Uint8Array, header: Header, before: Before): Step<number> {
  const entry = entryOf(block, header, before, what);
  const stored = storedBytes(block, header, before, what);
  if (isSparse(header, before.pax)) {
    const { segments, size, taken } = yield* readSparseMap(feed, block.slice(), header, before.pax, stored, `${what}: an entry`);
    const wanted = sink.begin({ ...entry, size, hasHoles: true }) && entry.kind === "file";
    if (wanted) yield* passBytes(feed, sink, segments);
    return paddingOf(stored) + (wanted ? 0 : stored - taken);
  }
  const wanted = sink.begin({ ...entry, size: stored }) && entry.kind === "file";
  if (!wanted) return stored + paddingOf(stored);
  const bytes = feed.ready(stored);
  if (bytes === undefined) yield* passBytes(feed, sink, [{ offset: 0, length: stored }]);
  else {
    if (stored > 0) sink.write(bytes, 0);
    sink.end();
  }
  return paddingOf(stored);
}

function* passBytes(feed: Feed, sink: EntrySink, segments: readonly Segment[]): Step<void> {
  for (const { offset, length } of segments)
    for (let done = 0; done < length; ) {
      const bytes = yield* feed.some(length - done);
      sink.write(bytes, offset + done);
      done += bytes.length;
    }
  sink.end();
}
