// Waiting for descriptors with ppoll(2), without an event loop: the whole process has nothing else to do meanwhile.

import { addressOf, systemCall } from "./libc.ts";

export const POLLIN = 1;
export const POLLPRI = 2;
export const POLLOUT = 4;
export const POLLHUP = 0x10;

/** A descriptor and what is waited for; POLLERR, POLLHUP and POLLNVAL always are. */
export type Poll = { readonly fd: number; readonly events: number };

const SIGSET_BYTES = 8;
/** A timespec: two 64-bit numbers, of which the upper halves stay 0. */
const timeout = new Uint32Array(4);
const timeoutBytes = new Uint8Array(timeout.buffer);

/** Until there is something to be read, or nothing to come; any signal ends it, whether the process holds signals back or not. */
export function waitToRead(fd: number): void {
  const pollfd = new Int32Array([fd, POLLIN]);
  const noSignals = new Uint8Array(SIGSET_BYTES);
  systemCall("ppoll", addressOf(new Uint8Array(pollfd.buffer)), 1, 0, addressOf(noSignals), SIGSET_BYTES);
}

/** What there is of each descriptor, in their order; all 0 when the time is over or a signal came. */
export function waitFor(polls: readonly Poll[], timeoutMs: number): number[] {
  const milliseconds = Math.max(0, Math.ceil(timeoutMs));
  timeout[0] = Math.floor(milliseconds / 1000);
  timeout[2] = (milliseconds % 1000) * 1_000_000;
  const pollfds = new Int16Array(polls.length * 4);
  const fds = new Int32Array(pollfds.buffer);
  for (let at = 0; at < polls.length; at++) {
    fds[at * 2] = polls[at]?.fd ?? -1;
    pollfds[at * 4 + 2] = polls[at]?.events ?? 0;
  }
  const bytes = new Uint8Array(pollfds.buffer);
  const ready = systemCall("ppoll", addressOf(bytes), polls.length, addressOf(timeoutBytes), 0, SIGSET_BYTES);
  const out: number[] = [];
  for (let at = 0; at < polls.length; at++) out.push(ready > 0 ? (pollfds[at * 4 + 3] ?? 0) : 0);
  return out;
}
