// Points in time as --since and --until take them: RFC 3339, seconds since 1970, or how long ago.

import { BoxError } from "../errors.ts";
import { parseDuration } from "./duration.ts";

const NANOSECONDS = 1_000_000_000n;

/** In nanoseconds since 1970. Throws a BoxError that names the flag. */
export function parseTime(text: string, flag: string, nowMs: number): bigint {
  const seconds = /^(\d{1,11})(?:\.(\d{1,9}))?$/.exec(text);
  if (seconds !== null) return BigInt(seconds[1] as string) * NANOSECONDS + BigInt((seconds[2] ?? "").padEnd(9, "0"));
  const date = /^(\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?)?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?$/.exec(text);
  if (date !== null) {
    // Without a zone it is UTC, as a date alone is.
    const ms = Date.parse(`${date[1]}${(date[1] as string).includes("T") ? (date[3] ?? "Z") : ""}`);
    if (!Number.isNaN(ms) && isDay(text.slice(0, 10))) return BigInt(ms) * 1_000_000n + BigInt((date[2] ?? "").padEnd(9, "0"));
  }
  if (/^[\d.]+[a-zµμ]/.test(text)) return BigInt(Math.round(nowMs - parseDuration(text, flag))) * 1_000_000n;
  throw new BoxError({
    origin: flag,
    what: `expected a time such as 2026-01-31T12:00:00Z, seconds since 1970, or how long ago, such as 10m, got ${JSON.stringify(text)}`,
    exitCode: 1,
  });
}

/** Date.parse takes 31 February for 3 March. */
const isDay = (day: string): boolean => new Date(`${day}T00:00:00Z`).toISOString().startsWith(day);
