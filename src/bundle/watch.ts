// What is looked at between two chunks: whether somebody wants box to end, and how far it is.

import { hostReader } from "../execute/files.ts";
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

/** For what is soon done, or has nobody to look at it. */
export const quietWatch: Watch = { check() {}, passed() {} };

const ending = ["SIGHUP", "SIGINT", "SIGTERM"] as const;
let caught: number | undefined;

/** From now on those signals are noticed by checkSignals, except the ones that the caller had box ignore, as nohup(1) does. */
export function catchSignals(): void {
  const [, mask = "0"] = /^SigIgn:\s*([0-9a-f]+)$/m.exec(hostReader.read("/proc/self/status") ?? "") ?? [];
  const ignored = BigInt(`0x${mask}`);
  for (const name of ending) {
    const bit = 1n << BigInt(signals[name] - 1);
    if ((ignored & bit) !== 0n) continue;
    process.on(name, () => {
      caught ??= signals[name];
    });
  }
}

export function checkSignals(): void {
  if (caught !== undefined) throw new Interrupted(caught);
}

const BREATH_MS = 50;
let lastBreath = 0;

/**
 * A signal is noticed only when the event loop runs, which work that never waits must let it do. undefined when it is not
 * time yet, since waiting for nothing costs too.
 */
export function breathe(): Promise<void> | undefined {
  const now = performance.now();
  if (now - lastBreath < BREATH_MS) return undefined;
  lastBreath = now;
  return new Promise((resolve) => setImmediate(resolve));
}
