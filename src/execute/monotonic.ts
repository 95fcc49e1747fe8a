// The clock that a trace goes by, in box's processes and on tapes alike.

import { addressOf, systemCall } from "./libc.ts";

const CLOCK_MONOTONIC = 1;

/** In microseconds. */
export function monotonic(): number {
  const time = new Uint8Array(16);
  systemCall("clock_gettime", CLOCK_MONOTONIC, addressOf(time));
  return timeIn(time);
}

/** A struct timespec in microseconds. */
export function timeIn(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  return Number(view.getBigInt64(0, true)) * 1e6 + view.getUint32(8, true) / 1000;
}
