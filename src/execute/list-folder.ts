// What is in a folder, by getdents64(2): as with files.ts, node:fs would cost a millisecond to load.

import { addressOf, cString, machine, systemCall } from "./libc.ts";

const AT_FDCWD = -100;
const O_DIRECTORY_CLOEXEC = { x64: 0o200000 | 0o2000000, arm64: 0o40000 | 0o2000000 };
const DT_UNKNOWN = 0;
const DT_DIR = 4;
/** struct linux_dirent64: ino (8 bytes), off (8), reclen (2), type (1), then the name with a NUL. */
const RECLEN = 16;
const TYPE = 18;
const NAME = 19;

export type Entry = {
  readonly name: string;
  /** Also when the filesystem does not say. */
  readonly isFolder: boolean;
};

/** The entries without `.` and `..`, in the order of their names' bytes; or the negative errno. */
export function listFolder(path: string): Entry[] | number {
  const name = cString(path);
  const fd = systemCall("openat", AT_FDCWD, name.address, O_DIRECTORY_CLOEXEC[machine], 0);
  if (fd < 0) return fd;
  const entries = listDescriptor(fd);
  systemCall("close", fd);
  return entries;
}

/** The same of an open folder, which is read to its end. */
function listDescriptor(fd: number): Entry[] | number {
  const entries: Entry[] = [];
  const bytes = new Uint8Array(32768);
  let got = 0;
  do {
    got = systemCall("getdents64", fd, addressOf(bytes), bytes.length);
    if (got > 0) addEntries(entries, bytes, got);
  } while (got > 0);
  return got < 0 ? got : entries.sort((one, other) => (one.name < other.name ? -1 : 1));
}

function addEntries(entries: Entry[], bytes: Uint8Array, length: number): void {
  const decoder = new TextDecoder();
  for (let at = 0; at < length; ) {
    const end = at + (bytes[at + RECLEN] as number) + (bytes[at + RECLEN + 1] as number) * 256;
    const name = decoder.decode(bytes.subarray(at + NAME, bytes.indexOf(0, at + NAME)));
    const type = bytes[at + TYPE];
    if (name !== "." && name !== "..") entries.push({ name, isFolder: type === DT_DIR || type === DT_UNKNOWN });
    at = end;
  }
}
