// Small files read and written with plain system calls. node:fs costs a millisecond to load, a sixth of a start.

import type { HostReader } from "../host/read-facts.ts";
import { danglingLinks } from "./dangling-links.ts";
import { addressOf, cString, systemCall } from "./libc.ts";
import { waitToRead } from "./poll.ts";

const AT_FDCWD = -100;
const O_CLOEXEC = 0o2000000;
const O_NONBLOCK = 0o4000;
const W_OK = 2;
const X_OK = 1;

const decoder = new TextDecoder();
/** One read of this size takes any file of /proc and almost any configuration. */
const firstRead = new Uint8Array(65536);

const MAXIMUM = 16 * 1024 * 1024;

/** The text of a file, or the negative errno. Not for files that never end: at most `maximum` bytes are read. */
export function readText(path: string, maximum = MAXIMUM): string | number {
  const bytes = readWhole(path, maximum);
  return typeof bytes === "number" ? bytes : decoder.decode(bytes);
}

/** The same of a file that the caller has named: of a pipe all that is written to it, whenever that is. */
export function readGiven(path: string, maximum = MAXIMUM): string | number {
  const bytes = readWhole(path, maximum, waitToRead);
  return typeof bytes === "number" ? bytes : decoder.decode(bytes);
}

/** A file's bytes, or the negative errno. */
export function readBytes(path: string): Uint8Array | number {
  const bytes = readWhole(path, MAXIMUM);
  return typeof bytes === "number" ? bytes : bytes.slice();
}

/** Good until the next read. */
function readWhole(path: string, maximum: number, wait?: (fd: number) => void): Uint8Array | number {
  const name = cString(path);
  const fd = systemCall("openat", AT_FDCWD, name.address, O_CLOEXEC | O_NONBLOCK, 0);
  if (fd < 0) return fd;
  wait?.(fd);
  const bytes = bytesOf(fd, maximum, wait);
  systemCall("close", fd);
  return bytes;
}

/** Whether something is there, as far as this process may see. */
export function exists(path: string): boolean {
  const name = cString(path);
  return systemCall("faccessat2", AT_FDCWD, name.address, 0, 0) === 0;
}

const EFBIG = 27;
const EAGAIN = 11;

/** Reads to the end of a descriptor of the caller's, as readGiven does. */
export function readGivenDescriptor(fd: number, maximum: number): string | number {
  const bytes = bytesOf(fd, maximum, waitToRead);
  return typeof bytes === "number" ? bytes : decoder.decode(bytes);
}

/** Reads to the end of a descriptor. */
export function readDescriptor(fd: number, maximum: number): string | number {
  const bytes = bytesOf(fd, maximum);
  return typeof bytes === "number" ? bytes : decoder.decode(bytes);
}

function bytesOf(fd: number, maximum: number, wait?: (fd: number) => void): Uint8Array | number {
  let buffer = firstRead;
  let length = 0;
  for (;;) {
    const got = systemCall("read", fd, addressOf(buffer) + length, buffer.length - length);
    if (got === -EAGAIN && wait !== undefined) {
      wait(fd);
      continue;
    }
    if (got < 0) return got;
    if (got === 0) return buffer.subarray(0, length);
    length += got;
    if (length > maximum) return -EFBIG;
    if (length === buffer.length) {
      const larger = new Uint8Array(buffer.length * 4);
      larger.set(buffer);
      buffer = larger;
    }
  }
}

/** The most that readAgain reads. */
export const SMALL_FILE_BYTES = 4096;
const smallRead = new Uint8Array(SMALL_FILE_BYTES);

/**
 * The text of an open, small file of /proc or /sys from its beginning, or the negative errno. For a cgroup's event file
 * this is what arms the next poll(2) of the same descriptor.
 */
export function readAgain(fd: number): string | number {
  const got = systemCall("pread64", fd, addressOf(smallRead), smallRead.length, 0);
  return got < 0 ? got : decoder.decode(smallRead.subarray(0, got));
}

const statfsBytes = new Uint8Array(120);

export const hostReader: HostReader = {
  read(path) {
    const text = readText(path);
    return typeof text === "string" ? text : undefined;
  },
  filesystem(path) {
    const name = cString(path);
    if (systemCall("statfs", name.address, addressOf(statfsBytes)) < 0) return undefined;
    return new Uint32Array(statfsBytes.buffer)[0];
  },
  mayWrite(path) {
    const name = cString(path);
    return systemCall("faccessat2", AT_FDCWD, name.address, W_OK, 0) === 0;
  },
  mayExecute(path) {
    const name = cString(path);
    return systemCall("faccessat2", AT_FDCWD, name.address, X_OK, 0) === 0;
  },
  danglingLinks(question) {
    const [root = "", ...paths] = question.split("\n");
    const found = danglingLinks(root, paths);
    return found === undefined ? undefined : JSON.stringify(found);
  },
};
