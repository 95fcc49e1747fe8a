// The *at calls that unpacking makes: a folder's descriptor and one name in it, as a byte string. A name with a slash never
// gets here; whole paths go through openAt, which the kernel keeps inside the folder (openat2(2)). What fails is thrown
// with the place that it was for.

import { BoxError } from "../errors.ts";
import { addressOf, machine, systemCall } from "../execute/libc.ts";
import { errnoName } from "../linux/errno-name.ts";
import { flags } from "../linux/flags.ts";
import type { CallName } from "../linux/syscalls.ts";
import { shown } from "./entry.ts";

const { O, AT, RESOLVE } = flags;
const O_DIRECTORY = O.O_DIRECTORY[machine];
const O_NOFOLLOW = O.O_NOFOLLOW[machine];

/** PATH_MAX with its NUL. */
const LONGEST = 4096;
/** Two strings at a time, as a rename or a link has them. Large enough to stay where they are in memory. */
const first = new Uint8Array(LONGEST);
const second = new Uint8Array(LONGEST);
const ENAMETOOLONG = 36;

/** The address of a byte string; 0 when the kernel would not take it. Good until the next one in the same buffer. */
function put(text: string, buffer = first): number {
  if (text.length >= LONGEST) return 0;
  for (let at = 0; at < text.length; at++) buffer[at] = text.charCodeAt(at);
  buffer[text.length] = 0;
  return addressOf(buffer);
}

/** A call whose second argument is `name`, as with all *at calls. */
function callAt(call: CallName, folder: number, name: string, third = 0, fourth = 0, fifth = 0): number {
  const address = put(name);
  return address === 0 ? -ENAMETOOLONG : systemCall(call, folder, address, third, fourth, fifth);
}

export const errnos = {
  EPERM: -1,
  ENOENT: -2,
  EINTR: -4,
  EAGAIN: -11,
  EEXIST: -17,
  ENOTDIR: -20,
  EISDIR: -21,
  EINVAL: -22,
  ENOTEMPTY: -39,
  ELOOP: -40,
  EOPNOTSUPP: -95,
} as const;

/** Passes a result on, or throws what could not be done: `cannot make`, `etc/passwd`. */
export function done(result: number, what: string, place: string): number {
  if (result >= 0) return result;
  throw new BoxError({ what: `cannot ${what}`, object: shown(place), errno: errnoName(-result) });
}

const OPEN_TRIES = 128;
const how = new Uint8Array(24);
const howWords = new Uint32Array(how.buffer);

/** Opens a path below `folder`; a symbolic link on the way leads to where it would inside a container with that root. */
function openInRoot(folder: number, path: string, openFlags: number): number {
  howWords[0] = openFlags;
  howWords[4] = RESOLVE.RESOLVE_IN_ROOT | RESOLVE.RESOLVE_NO_MAGICLINKS;
  for (let tries = 1; ; tries++) {
    const fd = callAt("openat2", folder, path, addressOf(how), how.length);
    // A `..` in a link cannot be trusted while anything on the machine is renamed; the next try may do (openat2(2)).
    if (fd !== errnos.EAGAIN || tries === OPEN_TRIES) return fd;
  }
}

/** The descriptor of a folder below `root`, to be used as a place only. */
export const openFolder = (root: number, path: string): number =>
  openInRoot(root, path === "" ? "." : path, O.O_PATH | O_DIRECTORY | O.O_CLOEXEC);

/**
 * A regular file below `root` to read from; anything else is as if it were not there. It is looked at before it is opened,
 * since to open a device that an archive has brought may already do something, as with a watchdog.
 */
export function openFile(root: number, path: string): number {
  const place = openInRoot(root, path, O.O_PATH | O.O_CLOEXEC);
  if (place < 0) return place;
  const status = statusHere(place, "");
  const isFile = typeof status === "object" && status.type === flags.S_IF.S_IFREG;
  const fd = isFile ? openPath(`/proc/self/fd/${place}`, "read") : errnos.ENOENT;
  closeFile(place);
  return fd;
}

/** What is in `folder` under `name`, never what a link there leads to. */
export const openHere = (folder: number, name: string, more: "list" | "read" | "place"): number =>
  callAt(
    "openat",
    folder,
    name,
    O_NOFOLLOW | O.O_CLOEXEC | (more === "list" ? O_DIRECTORY : more === "place" ? O.O_PATH | O_DIRECTORY : O.O_NONBLOCK | O.O_NOCTTY),
    0,
  );

const AT_FDCWD = -100;

/** A path of the caller's, with whatever links are in it. */
export const openPath = (path: string, more: "read" | "place"): number =>
  callAt("openat", AT_FDCWD, path, O.O_CLOEXEC | (more === "place" ? O.O_PATH | O_DIRECTORY : O.O_NONBLOCK | O.O_NOCTTY), 0);

export const createFile = (folder: number, name: string, mode: number): number =>
  callAt("openat", folder, name, O.O_CREAT | O.O_EXCL | O.O_WRONLY | O_NOFOLLOW | O.O_CLOEXEC, mode);

export const makeFolder = (folder: number, name: string): number => callAt("mkdirat", folder, name, 0o700);

/** `type` holds the kind of file too; `device` is what makedev(3) makes. */
export const makeNode = (folder: number, name: string, type: number, device: number): number =>
  callAt("mknodat", folder, name, type, device);

/** As the kernel has it: 12 bits of the major number above 8 of the minor one, whose other bits are above those. */
export const deviceNumber = (major: number, minor: number): number => ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;

export function makeSymlink(folder: number, name: string, target: string): number {
  const [to, at] = [put(target, second), put(name)];
  return to === 0 || at === 0 ? -ENAMETOOLONG : systemCall("symlinkat", to, folder, at);
}

/** Never to where a symbolic link leads: to the link itself. */
export function makeLink(fromFolder: number, from: string, folder: number, name: string): number {
  const [old, at] = [put(from, second), put(name)];
  return old === 0 || at === 0 ? -ENAMETOOLONG : systemCall("linkat", fromFolder, old, folder, at, 0);
}

export function rename(fromFolder: number, from: string, folder: number, name: string): number {
  const [old, at] = [put(from, second), put(name)];
  return old === 0 || at === 0 ? -ENAMETOOLONG : systemCall("renameat2", fromFolder, old, folder, at, 0);
}

export const removeFile = (folder: number, name: string): number => callAt("unlinkat", folder, name, 0);
export const removeFolder = (folder: number, name: string): number => callAt("unlinkat", folder, name, AT.AT_REMOVEDIR);

export const setOwner = (folder: number, name: string, uid: number, gid: number): number =>
  callAt("fchownat", folder, name, uid, gid, AT.AT_SYMLINK_NOFOLLOW);

/** Not for symbolic links, whose target it would be. */
export const setMode = (folder: number, name: string, mode: number): number => callAt("fchmodat", folder, name, mode);

const times = new Uint8Array(32);
const timesWords = new BigInt64Array(times.buffer);

/** Of reading and of writing; the empty name is the open file `folder` itself. */
export function setTime(folder: number, name: string, seconds: number, nanoseconds: number): number {
  timesWords[0] = timesWords[2] = BigInt(seconds);
  timesWords[1] = timesWords[3] = BigInt(nanoseconds);
  const flag = name === "" ? AT.AT_EMPTY_PATH : AT.AT_SYMLINK_NOFOLLOW;
  return callAt("utimensat", folder, name, addressOf(times), flag);
}

/** Of whatever is in the folder under that name, a link itself; there is no such call by descriptor before Linux 6.13. */
const attributePlace = (folder: number, name: string): number => put(`/proc/self/fd/${folder}/${name}`);

const noValue = new Uint8Array(1);

export function setAttribute(folder: number, name: string, attribute: string, value: Uint8Array): number {
  const [at, key] = [attributePlace(folder, name), put(attribute, second)];
  const bytes = value.length === 0 ? noValue : value;
  return at === 0 || key === 0 ? -ENAMETOOLONG : systemCall("lsetxattr", at, key, addressOf(bytes), value.length, 0);
}

export function listAttributes(folder: number, name: string, into: Uint8Array): number {
  const at = attributePlace(folder, name);
  return at === 0 ? -ENAMETOOLONG : systemCall("llistxattr", at, addressOf(into), into.length);
}

export function readAttribute(folder: number, name: string, attribute: string, into: Uint8Array): number {
  const [at, key] = [attributePlace(folder, name), put(attribute, second)];
  return at === 0 || key === 0 ? -ENAMETOOLONG : systemCall("lgetxattr", at, key, addressOf(into), into.length);
}

/** The kernel's limit is a page less. */
const target = new Uint8Array(4096);

/** Where a link leads to, as it says. */
export function readTarget(folder: number, name: string, place: string): string {
  const length = done(callAt("readlinkat", folder, name, addressOf(target), target.length), "read the link", place);
  return Buffer.from(target.buffer, 0, length).toString("latin1");
}

const statx = new Uint8Array(256);
const halves = new Uint16Array(statx.buffer);
const words = new Uint32Array(statx.buffer);
const wide = new BigUint64Array(statx.buffer);
const STATX_BASIC_STATS = 0x7ff;

export type Status = {
  readonly type: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  readonly size: number;
  /** Together, what tells files apart. */
  readonly device: string;
  readonly inode: bigint;
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly major: number;
  readonly minor: number;
};

/** Of what is in the folder under that name, a link itself; the empty name is the open file. Negative: the errno. */
export function statusHere(folder: number, name: string): Status | number {
  const flag = AT.AT_SYMLINK_NOFOLLOW | (name === "" ? AT.AT_EMPTY_PATH : 0);
  const failed = callAt("statx", folder, name, flag, STATX_BASIC_STATS, addressOf(statx));
  if (failed < 0) return failed;
  const mode = halves[14] as number;
  return {
    type: mode & flags.S_IF.S_IFMT,
    mode: mode & 0o7777,
    links: words[4] as number,
    uid: words[5] as number,
    gid: words[6] as number,
    inode: wide[4] as bigint,
    size: Number(wide[5]),
    seconds: Number(BigInt.asIntN(64, wide[14] as bigint)),
    nanoseconds: words[30] as number,
    major: words[32] as number,
    minor: words[33] as number,
    device: `${words[34]}:${words[35]}`,
  };
}

export const closeFile = (fd: number): number => systemCall("close", fd);

const listing = new Uint8Array(32768);

/** Names in an open folder from where it was read to, without `.` and `..`; none at the end. Throws at an error. */
export function someNames(fd: number, place: string): string[] {
  for (;;) {
    const got = done(systemCall("getdents64", fd, addressOf(listing), listing.length), "list", place);
    const names: string[] = [];
    for (let at = 0; at < got; at += (listing[at + 16] as number) + (listing[at + 17] as number) * 256) {
      const end = listing.indexOf(0, at + 19);
      const name = Buffer.from(listing.buffer, at + 19, end - at - 19).toString("latin1");
      if (name !== "." && name !== "..") names.push(name);
    }
    if (names.length > 0 || got === 0) return names;
  }
}

/** Back to a folder's first name. */
export const rewind = (fd: number): number => systemCall("lseek", fd, 0, 0);
