// Where a bundle is made: a folder beside the one that it becomes, renamed at the end. So a bundle is there whole or not
// at all. The folder is locked while box lives; one that is not is the rest of a box that was killed, and used again.

import { BoxError } from "../errors.ts";
import { addressOf, systemCall } from "../execute/libc.ts";
import { errno } from "../linux/errno.ts";
import { flags } from "../linux/flags.ts";
import {
  closeFile,
  createFile,
  done,
  errnos,
  makeFolder,
  openHere,
  openPath,
  removeFolder,
  rename,
  rewind,
  type Status,
  someNames,
  statusHere,
} from "./calls.ts";
import { byteString, shown } from "./entry.ts";
import { removeTree } from "./remove-tree.ts";

const ROOT = "rootfs";
const IMAGE = "image";
const TRASH = "trash";
const MOST_TRIES = 16;

export class Workplace {
  readonly #above: number;
  /** Of the folder that the bundle becomes, and of the one that it is made in. */
  readonly #name: string;
  readonly #workName: string;
  readonly #fd: number;
  /** Open folders. */
  root = -1;
  trash = -1;

  /** `folder` is an absolute path. Throws a BoxError when there is something in the way. */
  constructor(folder: string) {
    const path = byteString(folder);
    this.#name = path.slice(path.lastIndexOf("/") + 1);
    if (this.#name === "" || this.#name === "." || this.#name === "..")
      throw new BoxError({ what: `cannot make a bundle of ${folder}`, hint: "name a folder that is not there yet" });
    this.#workName = `.${this.#name}.box-bundle`;
    const above = path.slice(0, path.lastIndexOf("/")) || "/";
    this.#above = done(openPath(above, "place"), "open the folder", above);
    refuseFull(this.#above, this.#name);
    this.#fd = takeFolder(this.#above, this.#workName);
    try {
      this.#prepare();
    } catch (error) {
      this.abandon();
      throw error;
    }
  }

  #prepare(): void {
    // A folder with set-gid would hand its group on to all that is made in it.
    done(systemCall("fchown", this.#fd, process.geteuid?.() ?? 0, process.getegid?.() ?? 0), "take over", this.#workName);
    done(systemCall("fchmod", this.#fd, 0o700), "close to others", this.#workName);
    this.trash = this.#makeAndOpen(TRASH);
    this.#newRoot();
  }

  #newRoot(): void {
    this.root = this.#makeAndOpen(ROOT);
  }

  #makeAndOpen(name: string): number {
    done(makeFolder(this.#fd, name), "make the folder", name);
    return done(openHere(this.#fd, name, "place"), "open the folder", name);
  }

  /** Tells the folder that the bundle is made in from all others. */
  get status(): Status {
    const status = statusHere(this.#fd, "");
    if (typeof status === "object") return status;
    done(status, "look at", this.#workName);
    throw new Error("statx: no status");
  }

  /** What is in the root by now turned out to be an image: puts it aside for a new root, and opens it. */
  putAside(): number {
    done(rename(this.#fd, ROOT, this.#fd, IMAGE), "put aside", ROOT);
    const image = this.root;
    this.#newRoot();
    return image;
  }

  /** Writes a file beside the root. */
  write(name: string, text: string): void {
    const fd = done(createFile(this.#fd, name, 0o644), "make", name);
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length; ) at += done(systemCall("write", fd, addressOf(bytes) + at, bytes.length - at), "write", name);
    done(closeFile(fd), "write", name);
  }

  /** The bundle is whole. */
  commit(): void {
    removeTree(this.#fd, IMAGE, this.trash);
    done(removeFolder(this.#fd, TRASH), "remove", TRASH);
    // It replaces an empty folder, and fails for any other.
    done(rename(this.#above, this.#workName, this.#above, this.#name), "make", this.#name);
  }

  abandon(): void {
    emptyFolder(this.#fd);
    done(removeFolder(this.#above, this.#workName), "remove", this.#workName);
  }
}

function refuseFull(above: number, name: string): void {
  const status = statusHere(above, name);
  if (status === errnos.ENOENT) return;
  if (typeof status === "number") return void done(status, "look at", name);
  if (status.type !== flags.S_IF.S_IFDIR) throw new BoxError({ what: `${shown(name)} exists already, and is no folder` });
  const fd = done(openHere(above, name, "list"), "open the folder", name);
  const isEmpty = someNames(fd, name).length === 0;
  closeFile(fd);
  if (!isEmpty) throw new BoxError({ what: `${shown(name)} exists already, and is not empty`, hint: "remove it, or name another folder" });
}

/** The descriptor of a folder that is empty and locked. */
function takeFolder(above: number, name: string): number {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const made = makeFolder(above, name);
    if (made !== errnos.EEXIST) done(made, "make the folder", name);
    const fd = openHere(above, name, "list");
    // It became a bundle meanwhile.
    if (fd === errnos.ENOENT) continue;
    done(fd, "open the folder", name);
    const status = statusHere(fd, "");
    if (typeof status === "number") return done(status, "look at", name);
    if (status.uid !== (process.geteuid?.() ?? 0))
      throw new BoxError({ what: `${shown(name)} belongs to another user`, hint: "remove it" });
    const locked = systemCall("flock", fd, flags.LOCK.LOCK_EX | flags.LOCK.LOCK_NB);
    if (locked === -errno.EAGAIN) throw new BoxError({ what: `another box is working in ${shown(name)}` });
    done(locked, "lock", name);
    const there = statusHere(above, name);
    if (typeof there === "object" && there.inode === status.inode && there.device === status.device) {
      emptyFolder(fd);
      return fd;
    }
    closeFile(fd);
  }
  throw new BoxError({ what: `others keep making and removing ${shown(name)}` });
}

/** A removal that was interrupted may have left its trash. */
function emptyFolder(fd: number): void {
  let count = 0;
  while (makeFolder(fd, `${TRASH}${++count}`) === errnos.EEXIST);
  const name = `${TRASH}${count}`;
  const trash = done(openHere(fd, name, "place"), "open the folder", name);
  try {
    for (let left = true; left; ) {
      rewind(fd);
      left = false;
      for (let names = someNames(fd, name); names.length > 0; names = someNames(fd, name))
        for (const other of names.filter((one) => one !== name)) {
          removeTree(fd, other, trash);
          left = true;
        }
    }
    done(removeFolder(fd, name), "remove", name);
  } finally {
    closeFile(trash);
  }
}
