// What the kernel says of a namespace that is open: its type, its number, what is above it and whose it is (ioctl_nsfs(2)).

import { flagValue } from "../linux/flags.ts";
import { addressOf, cString, machine, systemCall } from "./libc.ts";
import { statusOf } from "./status.ts";

const AT_FDCWD = -100;
/** O_RDONLY | O_NONBLOCK | O_CLOEXEC: a FIFO under that name must not hold box up. */
const O_READ = 0o4000 | 0o2000000;

/** A descriptor, or the negative errno. As long as it is open the namespace lives, and no other one has its number. */
export function openNamespace(path: string): number {
  const name = cString(path);
  return systemCall("openat", AT_FDCWD, name.address, O_READ, 0);
}

const ask = (fd: number, question: "NS_GET_NSTYPE" | "NS_GET_PARENT" | "NS_GET_USERNS" | "NS_GET_OWNER_UID", pointer = 0): number =>
  systemCall("ioctl", fd, flagValue("IOCTL", question, machine), pointer);

/** The flag of clone(2) for its type; negative for what is no namespace. */
export const typeOf = (fd: number): number => ask(fd, "NS_GET_NSTYPE");

/** The number in `net:[4026531840]`, which has 32 bits. */
export function inodeOf(fd: number): number {
  const status = statusOf(fd);
  return status === undefined ? 0 : (status[16] as number) + (status[17] as number) * 0x1_0000;
}

/** A user namespace by its number; `owner` is the user id that made it, as box sees it. */
export type Level = { readonly inode: number; readonly owner: number };

/** A pid or user namespace and those above it, nearest first, as far up as box may see: to its own. */
export function levelsFrom(fd: number): Level[] {
  const out: Level[] = [];
  for (let at = fd; at >= 0; ) {
    out.push({ inode: inodeOf(at), owner: ownerOf(at) });
    const above = ask(at, "NS_GET_PARENT");
    if (at !== fd) systemCall("close", at);
    at = above;
  }
  return out;
}

function ownerOf(fd: number): number {
  const uid = new Uint32Array(1);
  return ask(fd, "NS_GET_OWNER_UID", addressOf(new Uint8Array(uid.buffer))) < 0 ? -1 : (uid[0] as number);
}

/** The user namespace that owns one of another type, and those above; none when it is not within box's own. */
export function ownersOf(fd: number): Level[] {
  const owner = ask(fd, "NS_GET_USERNS");
  if (owner < 0) return [];
  const levels = levelsFrom(owner);
  systemCall("close", owner);
  return levels;
}
