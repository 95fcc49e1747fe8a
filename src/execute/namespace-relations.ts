// How namespaces stand to each other (ioctl_ns(2)): the user namespace that owns one, the parent of a pid or user
// namespace, and who made a user namespace. Found on the way are namespaces that no process is in.

import { flags } from "../linux/flags.ts";
import { filesystemMagic } from "../linux/magic.ts";
import type { NamespaceType } from "../linux/namespace-types.ts";
import { addressOf, cString, systemCall } from "./libc.ts";
import { inodeOf, statusOf } from "./status.ts";

export type Relations = {
  readonly type: NamespaceType;
  /** The user namespace that owns it; of a user namespace that is its parent. undefined where the kernel does not tell. */
  readonly owner: number | undefined;
  /** Of pid and user namespaces alone. undefined for the first one, and beyond box's own user namespace. */
  readonly parent: number | undefined;
  /** Who made it, in box's user namespace; of user namespaces alone. */
  readonly makerUid: number | undefined;
};

const { NS_GET_USERNS, NS_GET_PARENT, NS_GET_NSTYPE, NS_GET_OWNER_UID } = flags.IOCTL;
const AT_FDCWD = -100;
const O_CLOEXEC = 0o2000000;
const O_PATH_CLOEXEC = 0o10000000 | O_CLOEXEC;

/** What NS_GET_NSTYPE answers. */
const typeByFlag = new Map<number, NamespaceType>([
  [flags.CLONE.CLONE_NEWCGROUP, "cgroup"],
  [flags.CLONE.CLONE_NEWIPC, "ipc"],
  [flags.CLONE.CLONE_NEWNS, "mnt"],
  [flags.CLONE.CLONE_NEWNET, "net"],
  [flags.CLONE.CLONE_NEWPID, "pid"],
  [flags.CLONE.CLONE_NEWTIME, "time"],
  [flags.CLONE.CLONE_NEWUSER, "user"],
  [flags.CLONE.CLONE_NEWUTS, "uts"],
]);

/**
 * Adds to `known`, by inode, the namespace `id` and all above it. Nothing is added when `path` does not lead to it any more:
 * it is opened as what it is only after that is certain, since opening a device, say, could do something.
 */
export function addRelations(known: Map<number, Relations>, path: string, id: number): void {
  if (known.has(id)) return;
  const name = cString(path);
  const place = systemCall("openat", AT_FDCWD, name.address, O_PATH_CLOEXEC, 0);
  if (place < 0) return;
  if (isNamespace(place)) {
    const again = cString(`/proc/self/fd/${place}`);
    const fd = systemCall("openat", AT_FDCWD, again.address, O_CLOEXEC, 0);
    if (fd >= 0 && inodeAt(fd) === id) addOpen(known, fd, id);
    if (fd >= 0) systemCall("close", fd);
  }
  systemCall("close", place);
}

const statfs = new Uint8Array(120);

/** The kernel writes f_type first (statfs(2)). */
function isNamespace(fd: number): boolean {
  return systemCall("fstatfs", fd, addressOf(statfs)) === 0 && new Uint32Array(statfs.buffer)[0] === filesystemMagic.NSFS_MAGIC;
}

function inodeAt(fd: number): number {
  const status = statusOf(fd);
  return status === undefined ? 0 : inodeOf(status);
}

function addOpen(known: Map<number, Relations>, fd: number, id: number): void {
  const type = typeByFlag.get(systemCall("ioctl", fd, NS_GET_NSTYPE));
  if (type === undefined) return;
  const owner = follow(known, systemCall("ioctl", fd, NS_GET_USERNS));
  const parent = type === "pid" || type === "user" ? follow(known, systemCall("ioctl", fd, NS_GET_PARENT)) : undefined;
  known.set(id, { type, owner, parent, makerUid: type === "user" ? makerOf(fd) : undefined });
}

/** Of a namespace that was opened by an ioctl, or the errno of one that was refused. There are at most 32 levels of them. */
function follow(known: Map<number, Relations>, fd: number): number | undefined {
  if (fd < 0) return undefined;
  const id = inodeAt(fd);
  if (!known.has(id)) addOpen(known, fd, id);
  systemCall("close", fd);
  return id;
}

const uid = new Uint32Array(2);

const makerOf = (fd: number): number | undefined =>
  systemCall("ioctl", fd, NS_GET_OWNER_UID, addressOf(new Uint8Array(uid.buffer))) < 0 ? undefined : uid[0];
