// The bar on a terminal while a bundle is made: how much has been read, how fast, and how much of the whole that is.

import { addressOf, systemCall } from "../execute/libc.ts";
import { checkSignals, type Watch } from "./watch.ts";

const STDERR = 2;
const REDRAW_MS = 100;
const BAR_WIDTH = 24;
const units = ["B", "kB", "MB", "GB", "TB"];

export type Progress = Watch & {
  /** A new thing to read of so many bytes, if that is known. */
  begin(total: number | undefined): void;
  /** Takes the bar away. */
  end(): void;
};

export const quietProgress: Progress = { check: checkSignals, passed() {}, begin() {}, end() {} };

/** `now` is in milliseconds; `write` gets what goes to the terminal. */
export function barProgress(now = () => performance.now(), write = writeStderr): Progress {
  let total: number | undefined;
  let bytes = 0;
  let start = now();
  let drawn = Number.NEGATIVE_INFINITY;
  return {
    check: checkSignals,
    begin(size) {
      total = size;
      bytes = 0;
      start = now();
    },
    passed(more) {
      bytes += more;
      if (now() - drawn < REDRAW_MS) return;
      drawn = now();
      write(`\r\x1b[K${progressLine(bytes, total, drawn - start)}`);
    },
    end() {
      if (drawn > Number.NEGATIVE_INFINITY) write("\r\x1b[K");
    },
  };
}

/** `[######······] 120 MB of 500 MB, 210 MB/s` */
export function progressLine(bytes: number, total: number | undefined, elapsedMs: number): string {
  const rate = `${showBytes(elapsedMs > 0 ? (bytes * 1000) / elapsedMs : 0)}/s`;
  if (total === undefined || total === 0) return `${showBytes(bytes)}, ${rate}`;
  const part = Math.min(1, bytes / total);
  const full = Math.floor(part * BAR_WIDTH);
  return `[${"#".repeat(full)}${"·".repeat(BAR_WIDTH - full)}] ${showBytes(bytes)} of ${showBytes(total)}, ${rate}`;
}

/** Three digits, as powers of 1000. */
function showBytes(bytes: number): string {
  let unit = 0;
  let amount = bytes;
  for (; amount >= 999.5 && unit < units.length - 1; unit++) amount /= 1000;
  return `${unit === 0 ? Math.round(amount) : amount.toPrecision(3)} ${units[unit]}`;
}

function writeStderr(text: string): void {
  const bytes = new TextEncoder().encode(text);
  systemCall("write", STDERR, addressOf(bytes), bytes.length);
}
