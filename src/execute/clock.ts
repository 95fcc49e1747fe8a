// The kernel's clocks (clock_gettime(2)): events and /proc count with those. Bun's own begin with the process.

import { addressOf, systemCall } from "./libc.ts";

const CLOCK_MONOTONIC = 1;
const CLOCK_BOOTTIME = 7;
const timespec = new BigInt64Array(2);
const bytes = new Uint8Array(timespec.buffer);

function readClock(clock: number): number {
  systemCall("clock_gettime", clock, addressOf(bytes));
  return Number((timespec[0] ?? 0n) * 1_000_000_000n + (timespec[1] ?? 0n));
}

/** Nanoseconds in which the machine did not sleep. */
export const monotonicNs = (): number => readClock(CLOCK_MONOTONIC);

/** Nanoseconds for which it has slept since it was started: by so much /proc, which counts all time, is ahead. */
export const sleptNs = (): number => Math.max(0, readClock(CLOCK_BOOTTIME) - monotonicNs());
