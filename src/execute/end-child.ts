// The end of a child of box's own that has not been waited for: until then its number can be nobody else's.

import { addressOf, systemCall } from "./libc.ts";

const SIGKILL = 9;
const P_PID = 1;
const WEXITED_WNOHANG = 4 | 1;
const TRIES = 200;
const siginfo = new Int32Array(32);

/** Kills it and waits for it, but not for ever: one that is frozen dies when it thaws, and is then left to whoever adopts it. */
export function endChild(pid: number): void {
  const bytes = new Uint8Array(siginfo.buffer);
  systemCall("kill", pid, SIGKILL);
  for (let tries = 0; tries < TRIES; tries++) {
    siginfo.fill(0);
    // si_pid, at byte 16, stays 0 when it has not ended yet.
    if (systemCall("waitid", P_PID, pid, addressOf(bytes), WEXITED_WNOHANG, 0) < 0 || siginfo[4] !== 0) return;
    Bun.sleepSync(1);
  }
}
