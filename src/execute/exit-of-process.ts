// How a process ended, from the kernel by a pidfd that was opened before: for a container whose end nobody noted.

import { type ExitStatus, exited, killed } from "./exit-status.ts";
import { addressOf, systemCall } from "./libc.ts";
import { POLLHUP, waitFor } from "./poll.ts";

/** _IOWR(0xff, 11, struct pidfd_info) with the struct's first size, of Linux 6.13; how it ended is there since 6.15. */
const PIDFD_GET_INFO = 0xc040_ff0b;
const PIDFD_INFO_BYTES = 64;
const PIDFD_INFO_EXIT = 8n;
const EXIT_CODE = 60;
const PATIENCE_MS = 10_000;

/** What the process of `pidfd` ended with, from the kernel, which tells once somebody has waited for it; undefined: it does not. */
export function exitOfProcess(pidfd: number): Pick<ExitStatus, "exitCode" | "signal"> | undefined {
  const info = new Uint8Array(PIDFD_INFO_BYTES);
  const view = new DataView(info.buffer);
  const asked = (): boolean => {
    view.setBigUint64(0, PIDFD_INFO_EXIT, true);
    return systemCall("ioctl", pidfd, PIDFD_GET_INFO, addressOf(info)) === 0 && (view.getBigUint64(0, true) & PIDFD_INFO_EXIT) !== 0n;
  };
  if (!asked()) {
    waitFor([{ fd: pidfd, events: POLLHUP }], PATIENCE_MS);
    if (!asked()) return undefined;
  }
  const status = view.getInt32(EXIT_CODE, true);
  return (status & 0x7f) === 0 ? exited((status >> 8) & 0xff) : killed(status & 0x7f);
}
