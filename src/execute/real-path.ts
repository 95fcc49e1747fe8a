// Where a path really leads, and whose that is. By a descriptor, so that both are said of the same file.

import { addressOf, cString, systemCall } from "./libc.ts";
import { modeOf, ownerOf, statusOf } from "./status.ts";

const AT_FDCWD = -100;
/** O_PATH | O_CLOEXEC */
const O_PATH_CLOEXEC = 0o12000000;
const ENAMETOOLONG = 36;
const EIO = 5;
const pathBytes = new Uint8Array(4096);

export type RealFile = {
  /** Absolute, and without links on the way. */
  readonly path: string;
  readonly uid: number;
  /** Type and permissions, as in stat(2). */
  readonly mode: number;
};

/** The negative errno when there is nothing to be found there. */
export function realFile(path: string): RealFile | number {
  const name = cString(path);
  const fd = systemCall("openat", AT_FDCWD, name.address, O_PATH_CLOEXEC, 0);
  if (fd < 0) return fd;
  const link = cString(`/proc/self/fd/${fd}`);
  const length = systemCall("readlinkat", AT_FDCWD, link.address, addressOf(pathBytes), pathBytes.length);
  const status = statusOf(fd);
  systemCall("close", fd);
  if (length < 0) return length;
  if (length === pathBytes.length) return -ENAMETOOLONG;
  if (status === undefined) return -EIO;
  return { path: new TextDecoder().decode(pathBytes.subarray(0, length)), uid: ownerOf(status), mode: modeOf(status) };
}
