// Entries in a ring, from the thread that reads archives to the one that makes files of them: a record for each thing that
// a sink is told. Texts are JSON of byte strings, and go on in the next slot where they do not fit.
//
//   record   0 offset of the bytes in their file (a float) · 8 kind · 12 length · 16 bytes, filled up to 8

import { BoxError, type BoxFacts } from "../errors.ts";
import { byteString, type Entry, type EntrySink } from "./entry.ts";
import { type Filled, type Ring, SLOT_BYTES } from "./ring.ts";

const HEAD_BYTES = 16;
const [ARCHIVE, PART_OF_TEXT, ENTRY, BYTES, END, FAILURE, DONE] = [0, 1, 2, 3, 4, 5, 6];

const nothing = new Uint8Array(0);

/** The ring is closed: nobody wants the rest. */
export class RingClosed extends Error {}

/** A slot as it is written and read, word by word. */
class Slot {
  readonly bytes: Buffer;
  readonly #words: Uint32Array;
  readonly #offsets: Float64Array;

  constructor({ buffer, byteOffset, length }: Uint8Array) {
    this.bytes = Buffer.from(buffer, byteOffset, length);
    this.#words = new Uint32Array(buffer, byteOffset, length / 4);
    this.#offsets = new Float64Array(buffer, byteOffset, length / 8);
  }

  putHead(at: number, kind: number, length: number, offset: number): void {
    this.#offsets[at / 8] = offset;
    this.#words[at / 4 + 2] = kind;
    this.#words[at / 4 + 3] = length;
  }

  kindAt = (at: number): number => this.#words[at / 4 + 2] as number;
  lengthAt = (at: number): number => this.#words[at / 4 + 3] as number;
  offsetAt = (at: number): number => this.#offsets[at / 8] as number;
}

const endOf = (at: number, length: number): number => (at + HEAD_BYTES + length + 7) & ~7;

/** Throws RingClosed from wherever it has to wait. */
export class EntryWriter implements EntrySink {
  readonly #ring: Ring;
  #slot: Slot | undefined;
  #at = 0;
  /** Bytes of the source that have been read since the last slot. */
  #passed = 0;

  constructor(ring: Ring) {
    this.#ring = ring;
  }

  /** What follows is of the next archive. */
  beginArchive(): void {
    this.#put(ARCHIVE, nothing, 0);
  }

  begin(entry: Entry): boolean {
    const { attributes } = entry;
    const plain = attributes.length === 0 ? entry : { ...entry, attributes: attributes.map(({ name, value }) => [name, [...value]]) };
    this.#putText(ENTRY, JSON.stringify(plain));
    return entry.kind === "file";
  }

  write(bytes: Uint8Array, offset: number): void {
    for (let done = 0; done < bytes.length; ) done += this.#put(BYTES, done === 0 ? bytes : bytes.subarray(done), offset + done);
  }

  end(): void {
    this.#put(END, nothing, 0);
  }

  /** All archives have been read. */
  done(): void {
    this.#put(DONE, nothing, 0);
    this.flush();
  }

  fail({ facts }: BoxError): void {
    this.#putText(FAILURE, byteString(JSON.stringify(facts)));
    this.flush();
  }

  passed(bytes: number): void {
    this.#passed += bytes;
  }

  /** Hands over what there is. */
  flush(): void {
    if (this.#ring.isClosed) throw new RingClosed();
    if (this.#at === 0) return;
    this.#ring.fill(this.#at, this.#passed);
    this.#slot = undefined;
    this.#at = 0;
    this.#passed = 0;
  }

  /** Returns how many of them had room. */
  #put(kind: number, bytes: Uint8Array, offset: number): number {
    const { slot, room } = this.#room();
    const part = bytes.length <= room ? bytes : bytes.subarray(0, room);
    slot.putHead(this.#at, kind, part.length, offset);
    slot.bytes.set(part, this.#at + HEAD_BYTES);
    this.#at = endOf(this.#at, part.length);
    return part.length;
  }

  #putText(kind: number, text: string): void {
    for (let done = 0; done < text.length; ) {
      const { slot, room } = this.#room();
      const length = Math.min(room, text.length - done);
      slot.putHead(this.#at, done + length === text.length ? kind : PART_OF_TEXT, length, 0);
      slot.bytes.write(done === 0 ? text : text.slice(done), this.#at + HEAD_BYTES, length, "latin1");
      this.#at = endOf(this.#at, length);
      done += length;
    }
  }

  /** A slot with at least some room behind a head. */
  #room(): { slot: Slot; room: number } {
    if (SLOT_BYTES - this.#at <= HEAD_BYTES) this.flush();
    if (this.#slot === undefined) {
      const bytes = this.#ring.empty();
      if (bytes === undefined) throw new RingClosed();
      this.#slot = new Slot(bytes);
    }
    return { slot: this.#slot, room: SLOT_BYTES - this.#at - HEAD_BYTES };
  }
}

export class EntryReader {
  readonly #nextSink: () => EntrySink;
  #sink: EntrySink | undefined;
  #text = "";
  #isWanted = false;

  /** `nextSink` is asked at the beginning of every archive. */
  constructor(nextSink: () => EntrySink) {
    this.#nextSink = nextSink;
  }

  /** Passes on what is in a slot. True when that was all. Throws the BoxError that the other side ended with. */
  read({ slot: bytes, length }: Filled): boolean {
    const slot = new Slot(bytes);
    for (let at = 0; at < length; at = endOf(at, slot.lengthAt(at))) {
      const [from, to] = [at + HEAD_BYTES, at + HEAD_BYTES + slot.lengthAt(at)];
      const kind = slot.kindAt(at);
      if (kind === BYTES) {
        if (this.#isWanted) this.#sink?.write(bytes.subarray(from, to), slot.offsetAt(at));
      } else if (kind === END) {
        if (this.#isWanted) this.#sink?.end();
      } else if (kind === ARCHIVE) this.#sink = this.#nextSink();
      else if (kind === DONE) return true;
      else this.#readText(kind, slot.bytes.toString("latin1", from, to));
    }
    return false;
  }

  #readText(kind: number, part: string): void {
    const text = this.#text + part;
    this.#text = kind === PART_OF_TEXT ? text : "";
    if (kind === FAILURE) throw new BoxError(JSON.parse(Buffer.from(text, "latin1").toString()) as BoxFacts);
    if (kind === ENTRY) this.#isWanted = this.#sink?.begin(entryIn(text)) === true;
  }
}

function entryIn(text: string): Entry {
  const entry = JSON.parse(text) as Omit<Entry, "attributes"> & { readonly attributes: readonly [string, number[]][] };
  if (entry.attributes.length === 0) return entry as Entry & { attributes: [] };
  return { ...entry, attributes: entry.attributes.map(([name, value]) => ({ name, value: Uint8Array.from(value) })) };
}
