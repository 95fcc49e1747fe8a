// Entries of a log as lines: an entry may hold many lines, and a line may be in several entries, those of stdout and
// stderr mixed. Pure; what becomes of the pieces is for the caller to say.

import { ENTRY_MAX } from "../plan/log-layout.ts";
import { type LogEntry, timeOf } from "./log-entries.ts";

export type Stream = LogEntry["stream"];

/** A line, or a part of one. */
export type Piece = {
  readonly stream: Stream;
  /** Of the entry that it came with. */
  readonly time: string;
  /** With the newline, where there is one. */
  readonly bytes: Uint8Array;
  /** Whether it begins a line, and whether it ends one. */
  readonly begins: boolean;
  readonly ends: boolean;
};

const NEWLINE = 10;

/** Splits entries, in their order, into pieces. */
export function newLineSplitter(): (entry: LogEntry) => Piece[] {
  const within = { stdout: false, stderr: false };
  return (entry) => {
    const { stream, bytes } = entry;
    const time = timeOf(entry);
    const pieces: Piece[] = [];
    for (let from = 0; from < bytes.length; ) {
      const newline = bytes.indexOf(NEWLINE, from);
      const to = newline < 0 ? bytes.length : newline + 1;
      pieces.push({ stream, time, bytes: bytes.subarray(from, to), begins: !within[stream], ends: newline >= 0 });
      within[stream] = newline < 0;
      from = to;
    }
    return pieces;
  };
}

/** The pieces of the last `count` lines, in the order in which the lines began. */
export class LastLines {
  readonly #count: number;
  readonly #lines: Piece[][] = [];
  /** undefined for a line that others have pushed out before its end. */
  readonly #open = new Map<Stream, Piece[] | undefined>();

  constructor(count: number) {
    this.#count = count;
  }

  add(piece: Piece): void {
    if (this.#open.has(piece.stream)) this.#open.get(piece.stream)?.push(piece);
    else this.#begin(piece);
    if (piece.ends) this.#open.delete(piece.stream);
  }

  #begin(piece: Piece): void {
    const line = [piece];
    this.#open.set(piece.stream, line);
    this.#lines.push(line);
    if (this.#lines.length <= this.#count) return;
    const gone = this.#lines.shift();
    for (const [stream, open] of this.#open) if (open === gone) this.#open.set(stream, undefined);
  }

  pieces(): Piece[] {
    return this.#lines.flat();
  }
}

/** One object of Docker's json-file. */
export type JsonLine = { readonly log: string; readonly stream: Stream; readonly time: string };

/**
 * Joins pieces to lines. A line of more than 16 KiB comes in parts, of which the last alone has a newline, as with Docker;
 * bytes that are no UTF-8 become U+FFFD.
 */
export class JsonLines {
  readonly #open = new Map<Stream, { readonly time: string; text: string; readonly decoder: TextDecoder }>();

  add({ stream, time, bytes, ends }: Piece): JsonLine | undefined {
    // A byte order mark is a character of the line like any other.
    const open = this.#open.get(stream) ?? { time, text: "", decoder: new TextDecoder("utf-8", { ignoreBOM: true }) };
    open.text += open.decoder.decode(bytes, { stream: !ends });
    if (!ends && open.text.length < ENTRY_MAX) {
      this.#open.set(stream, open);
      return undefined;
    }
    this.#open.delete(stream);
    // A character that is cut in two begins the next part.
    if (!ends) this.#open.set(stream, { time, text: "", decoder: open.decoder });
    return { log: open.text, stream, time: open.time };
  }

  /** What is left when nothing more comes: lines without an end. */
  rest(): JsonLine[] {
    const rest: JsonLine[] = [];
    for (const [stream, { time, text, decoder }] of this.#open) {
      const log = text + decoder.decode();
      if (log !== "") rest.push({ log, stream, time });
    }
    this.#open.clear();
    return rest;
  }
}
