// What is looked at between two chunks: whether somebody wants box to end, and how far it is.

import { addressOf, systemCall } from "../execute/libc.ts";
import { errno } from "../linux/errno.ts";
import { signals } from "../linux/signals.ts";

/** One of the signals that end a program has come. */
export class Interrupted extends Error {
  readonly signal: number;

  constructor(signal: number) {
    super(`signal ${signal}`);
    this.signal = signal;
  }
}

export type Watch = {
  /** Throws Interrupted. */
  check(): void;
  /** So many bytes of the source have been read. */
  passed(bytes: number): void;
};

const { SIGHUP, SIGINT, SIGTERM } = signals;
const mask = new Uint8Array(8);
new DataView(mask.buffer).setUint32(
  0,
  [SIGHUP, SIGINT, SIGTERM].reduce((bits, signal) => bits | (1 << (signal - 1)), 0),
  true,
);
const SIG_BLOCK = 0;
const noTime = new Uint8Array(16);

/** Must come before anything that starts a thread: one that does not block them would take them, and box would end at once. */
export function holdSignals(): void {
  systemCall("rt_sigprocmask", SIG_BLOCK, addressOf(mask), 0, mask.length);
}

export function checkSignals(): void {
  const signal = systemCall("rt_sigtimedwait", addressOf(mask), 0, addressOf(noTime), mask.length);
  if (signal > 0) throw new Interrupted(signal);
  if (signal !== -errno.EAGAIN && signal !== -errno.EINTR) throw new Error(`rt_sigtimedwait: errno ${-signal}`);
}

/** For what is soon done, or has nobody to look at it. */
export const quietWatch: Watch = { check() {}, passed() {} };
