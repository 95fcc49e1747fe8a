// Lines to stdout that must arrive at once and whole, by a program that has to notice when nobody reads them any more:
// Bun ignores SIGPIPE, and console.log says nothing.

import { BoxError } from "../errors.ts";
import { errnoName } from "../linux/errno-name.ts";
import { addressOf, systemCall } from "./libc.ts";
import { POLLOUT, waitFor } from "./poll.ts";

export const STDOUT = 1;
export const STDERR = 2;

const EINTR = 4;
const EAGAIN = 11;
const EPIPE = 32;
const LONG_MS = 60_000;

/** Whether there is still somebody to read more. Throws a BoxError when the line cannot be written for another reason. */
export const writeLine = (line: string): boolean => writeOut(`${line}\n`);

/** The same for a text that is no line. */
export const writeOut = (text: string): boolean => writeBytes(STDOUT, new TextEncoder().encode(text));

/** The same for bytes to stdout or stderr. */
export function writeBytes(fd: number, bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; ) {
    const written = systemCall("write", fd, addressOf(bytes) + at, bytes.length - at);
    if (written === -EPIPE) return false;
    // A pipe that its reader made non-blocking.
    if (written === -EAGAIN) waitFor([{ fd, events: POLLOUT }], LONG_MS);
    else if (written < 0 && written !== -EINTR)
      throw new BoxError({ what: `cannot write to ${fd === STDOUT ? "stdout" : "stderr"}`, errno: errnoName(-written), exitCode: 1 });
    at += Math.max(0, written);
  }
  return true;
}
