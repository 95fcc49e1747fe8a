// What box logs shows of a log's entries, and how: as they were written, with times, or as JSON.

import { BoxError } from "../errors.ts";
import { STDERR, STDOUT, writeBytes, writeLine } from "../execute/write-line.ts";
import type { LogEntry } from "../state/log-entries.ts";
import { JsonLines, LastLines, newLineSplitter, type Piece } from "../state/log-lines.ts";
import { warnOf } from "./warn-of.ts";

export type LogRequest = {
  readonly follow: boolean;
  readonly sinceNs: bigint | undefined;
  readonly untilNs: bigint | undefined;
  /** How many lines of what is there; undefined: all. */
  readonly tail: number | undefined;
  readonly timestamps: boolean;
  readonly json: boolean;
};

export type LogPrinter = {
  /** Whether more is wanted: not when it is too late, or when nobody reads any more. */
  readonly print: (entry: LogEntry) => boolean;
  /** All that was there when box logs was called has been given; false: nobody reads any more. */
  readonly caughtUp: () => boolean;
  /** Nothing more comes. */
  readonly end: () => void;
};

const nanosecondsOf = ({ seconds, nanoseconds }: LogEntry): bigint => BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);

export function newLogPrinter({ sinceNs, untilNs, tail, timestamps, json }: LogRequest): LogPrinter {
  const split = newLineSplitter();
  const lines = new JsonLines();
  let last = tail === undefined ? undefined : new LastLines(tail);
  const show = (piece: Piece): boolean => (json ? showJson(lines, piece) : showText(piece, timestamps));
  const showAll = (pieces: readonly Piece[]): boolean => pieces.every(show);
  return {
    print(entry) {
      const time = nanosecondsOf(entry);
      if (untilNs !== undefined && time > untilNs) return false;
      // Split all the same: a line may have begun before.
      const pieces = split(entry);
      if (sinceNs !== undefined && time < sinceNs) return true;
      if (entry.lost > 0) warnOf(new BoxError({ what: `${entry.lost} bytes of output were lost here: they could not be written` }));
      if (last === undefined) return showAll(pieces);
      for (const piece of pieces) last.add(piece);
      return true;
    },
    caughtUp() {
      const pieces = last?.pieces() ?? [];
      last = undefined;
      return showAll(pieces);
    },
    end() {
      for (const line of lines.rest()) writeLine(JSON.stringify(line));
    },
  };
}

function showText({ stream, time, bytes, begins }: Piece, timestamps: boolean): boolean {
  const fd = stream === "stdout" ? STDOUT : STDERR;
  if (!timestamps || !begins) return writeBytes(fd, bytes);
  const stamped = new Uint8Array([...new TextEncoder().encode(`${time} `), ...bytes]);
  return writeBytes(fd, stamped);
}

function showJson(lines: JsonLines, piece: Piece): boolean {
  const line = lines.add(piece);
  return line === undefined || writeLine(JSON.stringify(line));
}
