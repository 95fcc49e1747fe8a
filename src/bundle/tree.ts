// The root that is being made. Every entry is put where its path leads inside that root and nowhere else: the folder it
// belongs in is opened by openat2 with RESOLVE_IN_ROOT, and what is done there is done by that descriptor and one name,
// never through a link. So nothing outside changes, whatever an archive says, in whichever order.

import { BoxError } from "../errors.ts";
import { addressOf, systemCall } from "../execute/libc.ts";
import { flags } from "../linux/flags.ts";
import {
  closeFile,
  createFile,
  deviceNumber,
  done,
  errnos,
  makeFolder,
  makeLink,
  makeNode,
  makeSymlink,
  openFolder,
  openHere,
  readTarget,
  removeFile,
  setAttribute,
  setMode,
  setOwner,
  setTime,
  statusHere,
} from "./calls.ts";
import { type Entry, type EntrySink, shown } from "./entry.ts";
import { folderOf, innerPath, nameOf } from "./inner-path.ts";
import { removeTree } from "./remove-tree.ts";

const { S_IFDIR, S_IFLNK, S_IFCHR, S_IFBLK, S_IFIFO } = flags.S_IF;

/** What is given to a folder at the end, since it changes while there is still something put into it. */
type FolderEnd = { readonly mode: number; readonly time: { readonly seconds: number; readonly nanoseconds: number } | undefined };
/** As many as the kernel follows (path_resolution(7)). */
const MOST_LINKS = 40;
/** Of folders that no entry is about. */
const usualFolder: FolderEnd = { mode: 0o755, time: undefined };

export type TreeOptions = {
  /** The open root, empty at first. */
  readonly root: number;
  /** Another open folder of the same filesystem, for what is being removed. */
  readonly trash: number;
  /** Without root's rights everything belongs to the user, and some things cannot be. */
  readonly asRoot: boolean;
  /** Told of what is left out. */
  readonly leaveOut: (why: "device" | "attribute" | "overlay mark", place: string) => void;
};

export class Tree implements EntrySink {
  readonly #options: TreeOptions;
  readonly #folders = new Map<string, FolderEnd>([["", usualFolder]]);
  /** The folder of the last entry: an archive has a folder's entries together. */
  #open: { path: string; fd: number } | undefined;
  #file: { fd: number; end: number; entry: Entry; folder: number; name: string } | undefined;

  constructor(options: TreeOptions) {
    this.#options = options;
  }

  begin(entry: Entry): boolean {
    const path = innerPath(entry.path);
    if (path === "") return this.#beginRoot(entry);
    const folder = this.folderAt(folderOf(path));
    const name = nameOf(path);
    if (entry.kind === "file") return this.#beginFile(entry, folder, name);
    if (entry.kind === "folder") this.#putFolder(entry, folder, name, path);
    else if (entry.kind === "hardlink") this.#putLink(entry, folder, name);
    else if (entry.kind === "symlink") {
      this.#make(folder, name, path, () => makeSymlink(folder, name, entry.target));
      this.#finish(entry, folder, name);
    } else this.#putNode(entry, folder, name);
    return false;
  }

  write(bytes: Uint8Array, offset: number): void {
    const file = this.#openFile();
    for (let at = 0; at < bytes.length; ) {
      const written = systemCall("pwrite64", file.fd, addressOf(bytes) + at, bytes.length - at, offset + at);
      if (written !== errnos.EINTR) at += done(written, "write", file.entry.path);
    }
    file.end = offset + bytes.length;
  }

  end(): void {
    const { fd, end, entry, folder, name } = this.#openFile();
    if (end < entry.size) done(systemCall("ftruncate", fd, entry.size), "write", entry.path);
    this.#giveOwnerAndAttributes(entry, folder, name);
    // Whoever opens a file with a mode gets it, but a change of owner takes set-id bits away.
    if (needsMode(this.#modeOf(entry), entry)) done(systemCall("fchmod", fd, this.#modeOf(entry)), "set the mode of", entry.path);
    done(setTime(fd, "", entry.seconds, entry.nanoseconds), "set the time of", entry.path);
    closeFile(fd);
    this.#file = undefined;
  }

  /** Removes what is at this path, if it is there. */
  remove(path: string): void {
    const folder = openFolder(this.#options.root, folderOf(path));
    if (folder === errnos.ENOENT || folder === errnos.ENOTDIR) return;
    done(folder, "open the folder", folderOf(path));
    this.#removeAt(folder, nameOf(path));
    closeFile(folder);
  }

  /** Folders get their modes and times; nothing may be put into the root after that. */
  finish(): void {
    this.#forget();
    // Children before parents, which may be closed to their own owner.
    for (const [path, { mode, time }] of [...this.#folders].sort(([one], [other]) => (one < other ? 1 : -1))) {
      const name = nameOf(path) || ".";
      const folder = openFolder(this.#options.root, folderOf(path));
      // It was removed or replaced by a later layer.
      if (folder === errnos.ENOENT || folder === errnos.ENOTDIR) continue;
      done(folder, "open the folder", path);
      const status = statusHere(folder, name);
      if (typeof status === "object" && status.type === S_IFDIR) {
        done(setMode(folder, name, mode), "set the mode of", path);
        if (time !== undefined) done(setTime(folder, name, time.seconds, time.nanoseconds), "set the time of", path);
      }
      closeFile(folder);
    }
  }

  [Symbol.dispose](): void {
    this.#forget();
    if (this.#file !== undefined) closeFile(this.#file.fd);
    this.#file = undefined;
  }

  /** The folder at this path, made with all that leads to it if it is not there. It stays open until the next call. */
  folderAt(path: string): number {
    if (this.#open?.path === path) return this.#open.fd;
    this.#forget();
    let fd = openFolder(this.#options.root, path);
    if (fd === errnos.ENOENT) {
      const above = this.folderAt(folderOf(path));
      const made = makeFolder(above, nameOf(path));
      if (made === errnos.EEXIST) {
        // A link that leads to nothing, such as var/run of an image whose run a container would bring.
        this.#forget();
        this.#makeTarget(path);
        fd = openFolder(this.#options.root, path);
      } else {
        done(made, "make the folder", path);
        this.#folders.set(path, usualFolder);
        fd = openHere(above, nameOf(path), "place");
        this.#forget();
      }
    }
    this.#open = { path, fd: done(fd, "open the folder", path) };
    return fd;
  }

  /** Makes the folder that the links of a path lead to inside the root, with all that leads there. */
  #makeTarget(path: string): void {
    const { root } = this.#options;
    const left = path.split("/");
    const real: string[] = [];
    for (let links = 0; left.length > 0; ) {
      const name = left.shift() as string;
      if (name === "..") real.pop();
      if (name === "" || name === "." || name === "..") continue;
      const above = done(openFolder(root, real.join("/")), "open the folder", path);
      try {
        const there = statusHere(above, name);
        if (typeof there === "object" && there.type === S_IFLNK) {
          if (++links > MOST_LINKS) done(errnos.ELOOP, "open the folder", path);
          const target = readTarget(above, name, path);
          if (target.startsWith("/")) real.length = 0;
          left.unshift(...target.split("/"));
          continue;
        }
        real.push(name);
        if (there === errnos.ENOENT) {
          done(makeFolder(above, name), "make the folder", path);
          this.#folders.set(real.join("/"), usualFolder);
        }
      } finally {
        closeFile(above);
      }
    }
  }

  #forget(): void {
    if (this.#open !== undefined) closeFile(this.#open.fd);
    this.#open = undefined;
  }

  #openFile() {
    if (this.#file === undefined) throw new Error("tree: no file was begun");
    return this.#file;
  }

  #beginRoot(entry: Entry): boolean {
    if (entry.kind !== "folder") throw new BoxError({ what: "the root itself is no folder" });
    this.#giveOwnerAndAttributes(entry, this.#options.root, ".");
    this.#folders.set("", endOf({ ...entry, mode: this.#modeOf(entry) }));
    return false;
  }

  #beginFile(entry: Entry, folder: number, name: string): boolean {
    const fd = this.#make(folder, name, entry.path, () => createFile(folder, name, this.#modeOf(entry) & 0o777));
    this.#file = { fd, end: 0, entry, folder, name };
    return true;
  }

  #putFolder(entry: Entry, folder: number, name: string, path: string): void {
    const made = makeFolder(folder, name);
    if (made === errnos.EEXIST) {
      const there = statusHere(folder, name);
      if (typeof there === "number") done(there, "look at", path);
      else if (there.type !== S_IFDIR) this.#make(folder, name, path, () => makeFolder(folder, name));
    } else done(made, "make the folder", path);
    this.#giveOwnerAndAttributes(entry, folder, name);
    this.#folders.set(path, endOf({ ...entry, mode: this.#modeOf(entry) }));
  }

  #putLink(entry: Entry, folder: number, name: string): void {
    const target = innerPath(entry.target);
    const from = nameOf(target);
    if (from === "") throw new BoxError({ what: `${shown(entry.path)} is a hard link to nothing` });
    const fromFolder = done(openFolder(this.#options.root, folderOf(target)), "open the folder", folderOf(target));
    try {
      if (!isSame(fromFolder, from, folder, name)) this.#make(folder, name, entry.path, () => makeLink(fromFolder, from, folder, name));
    } finally {
      closeFile(fromFolder);
    }
  }

  #putNode(entry: Entry, folder: number, name: string): void {
    const type = entry.kind === "fifo" ? S_IFIFO : entry.kind === "block" ? S_IFBLK : S_IFCHR;
    const number = entry.kind === "fifo" ? 0 : deviceNumber(entry.major, entry.minor);
    this.#removeAt(folder, name);
    const failed = makeNode(folder, name, type | (this.#modeOf(entry) & 0o777), number);
    // So it is for users, and for root of a user namespace.
    if (failed === errnos.EPERM && entry.kind !== "fifo") return this.#options.leaveOut("device", entry.path);
    done(failed, "make", entry.path);
    this.#finish(entry, folder, name);
  }

  /** Does it, once more in place of what is there. */
  #make(folder: number, name: string, place: string, make: () => number): number {
    let result = make();
    if (result === errnos.EEXIST) {
      this.#removeAt(folder, name);
      result = make();
    }
    return done(result, "make", place);
  }

  #removeAt(folder: number, name: string): void {
    if (removeFile(folder, name) === 0) return;
    removeTree(folder, name, this.#options.trash);
    // It may have been the open one, or above it: what is put there would be lost.
    if (this.#open?.fd !== folder) this.#forget();
  }

  #finish(entry: Entry, folder: number, name: string): void {
    this.#giveOwnerAndAttributes(entry, folder, name);
    if (entry.kind !== "symlink" && needsMode(this.#modeOf(entry), entry))
      done(setMode(folder, name, this.#modeOf(entry)), "set the mode of", entry.path);
    done(setTime(folder, name, entry.seconds, entry.nanoseconds), "set the time of", entry.path);
  }

  /** Without root's rights the owner is the user, and programs do not get the user's rights by their mode. */
  #modeOf({ mode }: Entry): number {
    return this.#options.asRoot ? mode : mode & 0o1777;
  }

  #giveOwnerAndAttributes(entry: Entry, folder: number, name: string): void {
    const { asRoot, leaveOut } = this.#options;
    if (asRoot && (entry.uid !== 0 || entry.gid !== 0 || entry.kind === "folder"))
      done(setOwner(folder, name, entry.uid, entry.gid), "set the owner of", entry.path);
    for (const { name: attribute, value } of entry.attributes) {
      // They would act as soon as the root is a layer of an overlay.
      if (/^(trusted|user)\.overlay\./.test(attribute)) leaveOut("overlay mark", entry.path);
      else if (!this.#setAttribute(folder, name, attribute, value, entry.path)) leaveOut("attribute", entry.path);
    }
  }

  #setAttribute(folder: number, name: string, attribute: string, value: Uint8Array, place: string): boolean {
    const failed = setAttribute(folder, name, attribute, value);
    if (failed === errnos.EPERM || failed === errnos.EOPNOTSUPP) return false;
    return done(failed, `set ${shown(attribute)} of`, place) === 0;
  }
}

const endOf = ({ mode, seconds, nanoseconds }: Entry): FolderEnd => ({ mode, time: { seconds, nanoseconds } });

/** Whether the mode that something was made with is not yet its own. */
const needsMode = (mode: number, entry: Entry): boolean => (mode & 0o7000) !== 0 || entry.attributes.length > 0;

/** A link to itself, which must not be removed to be made. */
function isSame(oneFolder: number, one: string, otherFolder: number, other: string): boolean {
  const here = statusHere(oneFolder, one);
  const there = statusHere(otherFolder, other);
  return typeof here === "object" && typeof there === "object" && here.inode === there.inode && here.device === there.device;
}
