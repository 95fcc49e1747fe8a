// The folder below that of all states in which box keeps what makes further starts faster. Whoever could write there could
// make box do anything, so it is root's alone.

import { addressOf, cString, machine, systemCall } from "./libc.ts";
import { modeOf, ownerOf, statusOf } from "./status.ts";

const NAME = ".kept";
const AT_FDCWD = -100;
const O_FOLDER = { x64: 0o200000 | 0o400000 | 0o2000000, arm64: 0o40000 | 0o100000 | 0o2000000 };
const O_MAKE = { x64: 0o1 | 0o100 | 0o200 | 0o400000 | 0o2000000, arm64: 0o1 | 0o100 | 0o200 | 0o100000 | 0o2000000 };
const O_READ = { x64: 0o4000 | 0o400000 | 0o2000000, arm64: 0o4000 | 0o100000 | 0o2000000 };
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;

export const keptFolder = (stateRoot: string): string => `${stateRoot}/${NAME}`;

/** The folder, if it is root's alone; else a negative number. */
function openKeptFolder(stateRoot: string): number {
  const path = cString(keptFolder(stateRoot));
  const folder = systemCall("openat", AT_FDCWD, path.address, O_FOLDER[machine], 0);
  if (folder < 0) return folder;
  if (isOwn(statusOf(folder), S_IFDIR)) return folder;
  systemCall("close", folder);
  return -1;
}

/** A file in it, whoever's that is, to be read; else a negative number. */
export function openKept(stateRoot: string, name: string): number {
  const folder = openKeptFolder(stateRoot);
  if (folder < 0) return folder;
  const path = cString(name);
  const file = systemCall("openat", folder, path.address, O_READ[machine], 0);
  systemCall("close", folder);
  return file;
}

/** The folder, made if it is missing. */
export function makeKeptFolder(stateRoot: string): number {
  const path = cString(keptFolder(stateRoot));
  systemCall("mkdirat", AT_FDCWD, path.address, 0o700);
  return openKeptFolder(stateRoot);
}

/** Of that type, root's, and nobody else may read or write it. */
export const isOwn = (status: Uint16Array | undefined, type: number): boolean =>
  status !== undefined && ownerOf(status) === 0 && (modeOf(status) & (S_IFMT | 0o077)) === type;

/** Whole or not at all: under another name first, which is this process's own. False when it could not be written. */
export function replaceKept(folder: number, name: string, bytes: Uint8Array, before = `${process.pid}`): boolean {
  const made = cString(before);
  const place = cString(name);
  const file = systemCall("openat", folder, made.address, O_MAKE[machine], 0o600);
  if (file < 0) return false;
  const written = systemCall("write", file, addressOf(bytes), bytes.length);
  systemCall("close", file);
  const renamed = written === bytes.length ? systemCall("renameat2", folder, made.address, folder, place.address, 0) : -1;
  if (renamed < 0) systemCall("unlinkat", folder, made.address, 0);
  return renamed === 0;
}
