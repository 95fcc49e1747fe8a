// A small text written with one plain write, such as a value for a file of a cgroup.

import { addressOf, cString, systemCall } from "./libc.ts";

const AT_FDCWD = -100;
const O_WRONLY_CLOEXEC = 1 | 0o2000000;

/** Writes into a file that is there. Returns 0, or the negative errno. */
export function writeText(path: string, text: string): number {
  const name = cString(path);
  const fd = systemCall("openat", AT_FDCWD, name.address, O_WRONLY_CLOEXEC, 0);
  if (fd < 0) return fd;
  const bytes = new TextEncoder().encode(text);
  const written = systemCall("write", fd, addressOf(bytes), bytes.length);
  systemCall("close", fd);
  return Math.min(written, 0);
}
