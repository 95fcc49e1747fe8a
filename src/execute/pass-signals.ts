// Signals that came for box while it has something else to do than to wait for them: on to the container's init.

import { addressOf, systemCall } from "./libc.ts";

const SIGCHLD = 17;
const every = new Uint8Array(8).fill(0xff);
const noTime = new Uint8Array(16);

/** Box blocks all signals, so they wait until they are asked for (rt_sigtimedwait(2)). */
export function passSignals(pid: number): void {
  for (;;) {
    const signal = pendingSignal();
    if (signal <= 0) return;
    if (signal !== SIGCHLD) systemCall("kill", pid, signal);
  }
}

/** Takes one of those that wait; negative when there is none. */
export const pendingSignal = (): number => systemCall("rt_sigtimedwait", addressOf(every), 0, addressOf(noTime), every.length);
