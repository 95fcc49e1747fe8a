// A small text written with one plain write, such as a value for a file of a cgroup or a line of a log.

import { addressOf, cString, systemCall } from "./libc.ts";

const AT_FDCWD = -100;
const O_WRONLY_CLOEXEC = 1 | 0o2000000;
const O_CREAT_APPEND_NOCTTY = 0o100 | 0o2000 | 0o400;

/** Writes into a file that is there. Returns 0, or the negative errno. */
export const writeText = (path: string, text: string): number => write(path, O_WRONLY_CLOEXEC, text);

/** Adds to the end of a file, which is made if it is missing. Returns 0, or the negative errno. */
export const appendText = (path: string, text: string): number => write(path, O_WRONLY_CLOEXEC | O_CREAT_APPEND_NOCTTY, text);

function write(path: string, flags: number, text: string): number {
  const name = cString(path);
  const fd = systemCall("openat", AT_FDCWD, name.address, flags, 0o644);
  if (fd < 0) return fd;
  const bytes = new TextEncoder().encode(text);
  const written = systemCall("write", fd, addressOf(bytes), bytes.length);
  systemCall("close", fd);
  return written < 0 ? written : 0;
}
