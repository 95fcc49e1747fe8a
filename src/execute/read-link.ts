// Where a symbolic link points, such as those below /proc/PID.

import { addressOf, cString, systemCall } from "./libc.ts";

const AT_FDCWD = -100;
const target = new Uint8Array(4096);

/** undefined when it cannot be read. */
export function readLink(path: string): string | undefined {
  const name = cString(path);
  const length = systemCall("readlinkat", AT_FDCWD, name.address, addressOf(target), target.length);
  return length < 0 ? undefined : new TextDecoder().decode(target.subarray(0, length));
}
