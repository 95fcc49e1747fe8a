// Where a path really leads, and whose that is. By a descriptor, so that both are said of the same file.

import { addressOf, cString, systemCall } from "./libc.ts";
import { modeOf, ownerOf, statusOf } from "./status.ts";

const AT_FDCWD = -100;
/** O_PATH | O_CLOEXEC */
const O_PATH_CLOEXEC = 0o12000000;
const AT_SYMLINK_NOFOLLOW = 0x100;
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const STATX_BASIC_STATS = 0x7ff;
const STATX_BYTES = 256;
const ENAMETOOLONG = 36;
const EIO = 5;
const pathBytes = new Uint8Array(4096);
const statx = new Uint8Array(STATX_BYTES);
const words = new Uint16Array(statx.buffer);
const numbers = new DataView(statx.buffer);
const decoder = new TextDecoder();

export type Owned = {
  readonly uid: number;
  /** Type and permissions, as in stat(2). */
  readonly mode: number;
};

/** `path` is absolute, and without links on the way. */
export type RealFile = Owned & { readonly path: string };

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
  return { path: decoder.decode(pathBytes.subarray(0, length)), uid: ownerOf(status), mode: modeOf(status) };
}

/** Whether it is a pipe, a terminal or the like, which can be read once only. */
export function isOnce(path: string): boolean {
  const file = realFile(path);
  return typeof file !== "number" && (file.mode & S_IFMT) !== S_IFREG;
}

/** How large a file is, below 4 GiB, and when it was written or read (to a day), in seconds; undefined when there is none. */
export function sizeAt(path: string): { readonly bytes: number; readonly used: number } | undefined {
  const name = cString(path);
  const failed = systemCall("statx", AT_FDCWD, name.address, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, addressOf(statx));
  if (failed < 0) return undefined;
  // stx_size at byte 40, stx_atime's seconds at 64 and nanoseconds at 72.
  return { bytes: numbers.getUint32(40, true), used: numbers.getUint32(64, true) + numbers.getUint32(72, true) / 1e9 };
}

/** Whose a real path is; the negative errno when there is nothing. */
export function ownerAt(path: string): Owned | number {
  const name = cString(path);
  const failed = systemCall("statx", AT_FDCWD, name.address, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, addressOf(statx));
  return failed < 0 ? failed : { uid: ownerOf(words), mode: modeOf(words) };
}
