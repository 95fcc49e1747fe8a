// The entries of a log as the supervisor wrote them (src/plan/log-layout.ts), taken out of bytes that may stop anywhere.

import { ENTRY_MAX, entry } from "../plan/log-layout.ts";

export type LogEntry = {
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly stream: "stdout" | "stderr";
  readonly bytes: Uint8Array;
  /** How many bytes were lost at this place; then there are no bytes. */
  readonly lost: number;
};

const streams = ["stdout", "stdout", "stderr", "lost"] as const;
const NANOSECONDS = 1_000_000_000;
const LOST_BYTES = 8;
/** The year 10000: no kernel's clock gets there, and RFC 3339 neither. */
const SECONDS_END = 253_402_300_800;

/** The entries at the beginning of `bytes`, how long they are, and whether what follows can be none. */
export function takeEntries(bytes: Uint8Array): { readonly entries: LogEntry[]; readonly used: number; readonly damaged: boolean } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const entries: LogEntry[] = [];
  let at = 0;
  while (at + entry.bytes <= bytes.length) {
    const seconds = Number(view.getBigInt64(at + entry.seconds, true));
    const nanoseconds = Number(view.getBigUint64(at + entry.nanoseconds, true));
    const length = view.getUint32(at + entry.lengthAndStream, true);
    const stream = view.getUint32(at + entry.stream, true);
    const isLost = stream === streams.indexOf("lost");
    const isTime = seconds >= 0 && seconds < SECONDS_END && nanoseconds < NANOSECONDS;
    if (!isTime || stream < 1 || stream > 3 || length === 0 || length > ENTRY_MAX || (isLost && length !== LOST_BYTES))
      return { entries, used: at, damaged: true };
    const [from, to] = [at + entry.bytes, at + entry.bytes + length];
    if (to > bytes.length) break;
    entries.push({
      seconds,
      nanoseconds,
      stream: stream === 2 ? "stderr" : "stdout",
      bytes: isLost ? new Uint8Array(0) : bytes.slice(from, to),
      lost: isLost ? Number(view.getBigUint64(from, true)) : 0,
    });
    at = to;
  }
  return { entries, used: at, damaged: false };
}

/** RFC 3339 in UTC, with all nine digits of the nanoseconds. */
export const timeOf = ({ seconds, nanoseconds }: Pick<LogEntry, "seconds" | "nanoseconds">): string =>
  `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${String(nanoseconds).padStart(9, "0")}Z`;
