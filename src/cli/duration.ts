// Durations as Go writes them, since runc's flags take those: `5s`, `1m30s`, `1.5h`, `250ms`.

import { BoxError } from "../errors.ts";

const milliseconds: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, μs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** In milliseconds. Throws a BoxError that names the flag, for what Go's time.ParseDuration refuses. */
export function parseDuration(text: string, flag: string): number {
  const [, sign, rest = ""] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  const parts = [...rest.matchAll(/([0-9]+\.?[0-9]*|\.[0-9]+)([a-zµμ]+)/gy)];
  let length = 0;
  let sum = 0;
  for (const [part, number, unit = ""] of parts) {
    length += part.length;
    sum += Number(number) * (milliseconds[unit] ?? Number.NaN);
  }
  if (rest === "0") return 0;
  if (parts.length > 0 && length === rest.length && !Number.isNaN(sum)) return sign === "-" ? -sum : sum;
  throw new BoxError({ origin: flag, what: `expected a duration such as 5s or 1m30s, got ${JSON.stringify(text)}`, exitCode: 1 });
}

/** A day: who asks for more has mistaken the unit, or would never see the second look. */
const LONGEST_INTERVAL_MS = 24 * 3_600_000;

/** The same for a time between two looks, which may not be longer than a day. */
export function parseInterval(text: string, flag: string): number {
  const interval = parseDuration(text, flag);
  if (interval <= LONGEST_INTERVAL_MS) return interval;
  throw new BoxError({ origin: flag, what: `expected at most 24h, got ${JSON.stringify(text)}`, exitCode: 1 });
}
