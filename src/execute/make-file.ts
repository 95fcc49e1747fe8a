// A file made with a text in it, or with another one than it had.

import { addressOf, cString, systemCall } from "./libc.ts";

const AT_FDCWD = -100;
/** O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC */
const O_MAKE = 1 | 0o100 | 0o1000 | 0o400 | 0o2000000;

/** Returns 0, or the negative errno. */
export function makeFile(path: string, text: string): number {
  const name = cString(path);
  const fd = systemCall("openat", AT_FDCWD, name.address, O_MAKE, 0o644);
  if (fd < 0) return fd;
  const bytes = new TextEncoder().encode(text);
  let done = 0;
  let failed = 0;
  while (done < bytes.length && failed === 0) {
    const written = systemCall("write", fd, addressOf(bytes) + done, bytes.length - done);
    if (written < 0) failed = written;
    else done += written;
  }
  systemCall("close", fd);
  return failed;
}
