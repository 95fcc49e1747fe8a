// Paths of this process and files inside a container's root, which are read without following a link out of it.

import { readDescriptor } from "./files.ts";
import { addressOf, cString, machine, systemCall } from "./libc.ts";
import { modeOf, statusOf } from "./status.ts";

const pathBytes = new Uint8Array(4096);

/** The working folder; undefined when it is gone, or out of reach. */
export function currentFolder(): string | undefined {
  const length = systemCall("getcwd", addressOf(pathBytes), pathBytes.length);
  const text = length > 1 ? new TextDecoder().decode(pathBytes.subarray(0, length - 1)) : "";
  return text.startsWith("/") ? text : undefined;
}

const AT_FDCWD = -100;
const O_PATH_DIRECTORY_CLOEXEC = { x64: 0o10000000 | 0o200000 | 0o2000000, arm64: 0o10000000 | 0o40000 | 0o2000000 };
const O_PATH_CLOEXEC = 0o10000000 | 0o2000000;
const O_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const RESOLVE_IN_ROOT_NO_MAGICLINKS = 0x10 | 0x2;
const EAGAIN = 11;
const OPEN_TRIES = 128;
const SMALL_FILE_BYTES = 1024 * 1024;
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;

/** The text of a regular file at `path` inside `root` (openat2(2), RESOLVE_IN_ROOT); undefined when it is none. */
export function readInRoot(root: string, path: string): string | undefined {
  const folder = openRoot(root);
  if (folder < 0) return undefined;
  const text = readInOpenRoot(folder, path);
  systemCall("close", folder);
  return text;
}

/** A descriptor for placeInRoot, or the negative errno. */
export function openRoot(root: string): number {
  const name = cString(root);
  return systemCall("openat", AT_FDCWD, name.address, O_PATH_DIRECTORY_CLOEXEC[machine], 0);
}

/**
 * The same by the root's descriptor. It is looked at before it is opened: a FIFO would never end, and to open a device that
 * an image has brought may already do something, as with a watchdog.
 */
export function readInOpenRoot(root: number, path: string): string | undefined {
  const place = placeInRoot(root, path);
  if (place < 0) return undefined;
  const text = isRegular(place) ? readPlace(place) : undefined;
  systemCall("close", place);
  return typeof text === "string" ? text : undefined;
}

/** A descriptor of whatever is at `path` inside a root that is open (O_PATH, open(2)), or the negative errno. */
export function placeInRoot(root: number, path: string): number {
  const name = cString(path);
  const how = new Uint8Array(new BigUint64Array([BigInt(O_PATH_CLOEXEC), 0n, BigInt(RESOLVE_IN_ROOT_NO_MAGICLINKS)]).buffer);
  let place = -EAGAIN;
  // A `..` cannot be trusted while anything on the machine is renamed or mounted; the next try may do (openat2(2)).
  for (let tries = 0; place === -EAGAIN && tries < OPEN_TRIES; tries++)
    place = systemCall("openat2", root, name.address, addressOf(how), how.length);
  return place;
}

function readPlace(place: number): string | number {
  const itself = cString(`/proc/self/fd/${place}`);
  const fd = systemCall("openat", AT_FDCWD, itself.address, O_NONBLOCK_CLOEXEC, 0);
  if (fd < 0) return fd;
  const text = readDescriptor(fd, SMALL_FILE_BYTES);
  systemCall("close", fd);
  return text;
}

function isRegular(fd: number): boolean {
  const status = statusOf(fd);
  return status !== undefined && (modeOf(status) & S_IFMT) === S_IFREG;
}
