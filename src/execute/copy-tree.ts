// A folder's contents copied into another one, both open, for mounts that begin with a copy (src/plan/copy-up.ts). The
// source is an image's, so nothing in it is followed: each name is opened below its folder's descriptor, without links.
// Owners, modes and links are kept; devices, sockets and FIFOs are left out, as with runc.

import { BoxError } from "../errors.ts";
import { errnoName } from "../linux/errno.ts";
import { addressOf, cString, machine, systemCall } from "./libc.ts";
import { listDescriptor } from "./list-folder.ts";
import { modeOf, ownerOf, statusOf } from "./status.ts";

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;
const S_IFLNK = 0o120000;
const O_PATH_NOFOLLOW = { x64: 0o10000000 | 0o400000 | 0o2000000, arm64: 0o10000000 | 0o100000 | 0o2000000 };
const O_FOLDER = { x64: 0o200000 | 0o400000 | 0o2000000, arm64: 0o40000 | 0o100000 | 0o2000000 };
const O_READ = { x64: 0o4000 | 0o400000 | 0o2000000, arm64: 0o4000 | 0o100000 | 0o2000000 };
const O_MAKE = { x64: 0o1 | 0o100 | 0o200 | 0o400000 | 0o2000000, arm64: 0o1 | 0o100 | 0o200 | 0o100000 | 0o2000000 };
const AT_SYMLINK_NOFOLLOW = 0x100;
const ELOOP = 40;
/** Folders below each other; an image with more is one to break box. */
const DEPTH_MAX = 128;

/**
 * Copies what is in the folder `from` (may be O_PATH) into `to`, and with `itself` the folder's owner and mode. Throws a
 * BoxError that names the entry.
 */
export function copyTree(from: number, to: number, origin: string, itself: boolean): void {
  copyFolder(from, to, origin, "", 0);
  const status = statusOf(from);
  if (!itself || status === undefined) return;
  const fail = failing(origin, ".");
  const target = fail(openBelow(to, ".", O_FOLDER[machine]));
  fail(systemCall("fchown", target, ownerOf(status), groupOf(status)));
  fail(systemCall("fchmod", target, modeOf(status) & 0o7777));
  systemCall("close", target);
}

function copyFolder(from: number, to: number, origin: string, path: string, depth: number): void {
  const opened = openBelow(from, ".", O_FOLDER[machine]);
  const target = openBelow(to, ".", O_FOLDER[machine]);
  const fail = failing(origin, path === "" ? "." : path);
  const entries = listDescriptor(fail(opened));
  if (depth > DEPTH_MAX) fail(-ELOOP);
  if (typeof entries === "number") fail(entries);
  else for (const { name } of entries) copyEntry(opened, fail(target), name, origin, path === "" ? name : `${path}/${name}`, depth);
  systemCall("close", opened);
  systemCall("close", target);
}

function copyEntry(from: number, to: number, name: string, origin: string, path: string, depth: number): void {
  const fail = failing(origin, path);
  const at = fail(openBelow(from, name, O_PATH_NOFOLLOW[machine]));
  const status = statusOf(at);
  const mode = status === undefined ? 0 : modeOf(status);
  const type = mode & S_IFMT;
  const own = (): void => {
    const text = cString(name);
    if (status !== undefined) fail(systemCall("fchownat", to, text.address, ownerOf(status), groupOf(status), AT_SYMLINK_NOFOLLOW));
  };
  if (type === S_IFDIR) {
    const text = cString(name);
    fail(systemCall("mkdirat", to, text.address, 0o700));
    const target = fail(openBelow(to, name, O_FOLDER[machine]));
    copyFolder(at, target, origin, path, depth + 1);
    own();
    fail(systemCall("fchmod", target, mode & 0o7777));
    systemCall("close", target);
  } else if (type === S_IFREG) {
    const target = copyFile(from, to, name, fail);
    own();
    fail(systemCall("fchmod", target, mode & 0o7777));
    systemCall("close", target);
  } else if (type === S_IFLNK) {
    copyLink(at, to, name, fail);
    own();
  }
  systemCall("close", at);
}

type Fail = (result: number) => number;

const failing =
  (origin: string, path: string): Fail =>
  (result) => {
    if (result >= 0) return result;
    throw new BoxError({ origin, what: "cannot copy", object: path, errno: errnoName(-result) });
  };

function openBelow(folder: number, name: string, flags: number, mode = 0): number {
  const text = cString(name);
  return systemCall("openat", folder, text.address, flags, mode);
}

const chunk = new Uint8Array(65536);

function copyFile(from: number, to: number, name: string, fail: Fail): number {
  const source = fail(openBelow(from, name, O_READ[machine]));
  const target = fail(openBelow(to, name, O_MAKE[machine], 0o600));
  for (;;) {
    const got = fail(systemCall("read", source, addressOf(chunk), chunk.length));
    if (got === 0) break;
    for (let written = 0; written < got; ) written += fail(systemCall("write", target, addressOf(chunk) + written, got - written));
  }
  systemCall("close", source);
  return target;
}

function copyLink(at: number, to: number, name: string, fail: Fail): void {
  const bytes = new Uint8Array(4097);
  const empty = cString("");
  fail(systemCall("readlinkat", at, empty.address, addressOf(bytes), bytes.length - 1));
  const text = cString(name);
  fail(systemCall("symlinkat", addressOf(bytes), to, text.address));
}

/** stx_gid, at byte 24. */
const groupOf = (status: Uint16Array): number => (status[12] as number) + (status[13] as number) * 0x1_0000;
