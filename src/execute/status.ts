// What the kernel says of an open file: whose it is, and who else may write it.

import { addressOf, cString, systemCall } from "./libc.ts";

const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;

/** The struct that statx(2) fills, as 16-bit words: nlink at 8, uid at 10, mode at 14, inode at 16, size at 20. undefined when it fails. */
export function statusOf(fd: number): Uint16Array | undefined {
  const statx = new Uint8Array(256);
  const empty = cString("");
  return systemCall("statx", fd, empty.address, AT_EMPTY_PATH, STATX_BASIC_STATS, addressOf(statx)) < 0
    ? undefined
    : new Uint16Array(statx.buffer);
}

export const ownerOf = (status: Uint16Array): number => (status[10] as number) + (status[11] as number) * 0x1_0000;
export const modeOf = (status: Uint16Array): number => status[14] as number;
/** Of namespaces, whose inodes have 32 bits. */
export const inodeOf = (status: Uint16Array): number => (status[16] as number) + (status[17] as number) * 0x1_0000;
