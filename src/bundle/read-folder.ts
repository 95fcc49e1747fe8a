// A folder as entries, in the way that an archive of it would have them. What is mounted below it stays out.

import { BoxError } from "../errors.ts";
import { addressOf, systemCall } from "../execute/libc.ts";
import { flags } from "../linux/flags.ts";
import { CHUNK_BYTES } from "./blob.ts";
import {
  closeFile,
  done,
  errnos,
  listAttributes,
  openHere,
  readAttribute,
  readTarget,
  type Status,
  someNames,
  statusHere,
} from "./calls.ts";
import type { Attribute, Entry, EntryKind, EntrySink } from "./entry.ts";
import { shown } from "./entry.ts";
import { breathe, type Watch } from "./watch.ts";

const { S_IF } = flags;
const kinds: Readonly<Record<number, EntryKind>> = {
  [S_IF.S_IFREG]: "file",
  [S_IF.S_IFDIR]: "folder",
  [S_IF.S_IFLNK]: "symlink",
  [S_IF.S_IFCHR]: "character",
  [S_IF.S_IFBLK]: "block",
  [S_IF.S_IFIFO]: "fifo",
};

const ENXIO = -6;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;

export type FolderReading = {
  readonly sink: EntrySink;
  readonly watch: Watch;
  /** How many bytes there may be. */
  readonly most: number;
  /** The folder that the copy is made in: in the source it would be copied into itself, again and again. */
  readonly copy: Pick<Status, "device" | "inode">;
  /** Told of sockets, which are nothing without the program that made them. */
  readonly leaveOut: (why: "socket", place: string) => void;
};

/** `fd` is open for reading. */
export async function readFolder(fd: number, name: string, reading: FolderReading): Promise<void> {
  await new FolderReader(name, reading).read(fd);
}

class FolderReader {
  readonly #name: string;
  readonly #reading: FolderReading;
  /** Files with several names, by device and inode: the first one's path. */
  readonly #linked = new Map<string, string>();
  readonly #buffer = new Uint8Array(CHUNK_BYTES);
  #total = 0;

  constructor(name: string, reading: FolderReading) {
    this.#name = name;
    this.#reading = reading;
  }

  async read(fd: number): Promise<void> {
    const status = statusOrThrow(fd, "", "");
    this.#reading.sink.begin(entryOf(".", "folder", status, "", attributesOf(fd, ".", ".")));
    await this.#children(fd, "", status.device);
  }

  async #children(fd: number, path: string, device: string): Promise<void> {
    // All names at once: entries that a folder gets meanwhile do not matter, but its descriptor is one for all levels.
    const names: string[] = [];
    for (let some = someNames(fd, path); some.length > 0; some = someNames(fd, path)) names.push(...some);
    for (const name of names.sort()) await this.#child(fd, name, path === "" ? name : `${path}/${name}`, device);
  }

  async #child(folder: number, name: string, path: string, device: string): Promise<void> {
    const { sink, watch, copy, leaveOut } = this.#reading;
    await breathe();
    watch.check();
    const status = statusOrThrow(folder, name, path);
    if (status.inode === copy.inode && status.device === copy.device)
      throw new BoxError({ what: `the bundle would be in ${this.#name} itself`, hint: "name a folder outside of it" });
    const kind = kinds[status.type];
    if (kind === undefined) return leaveOut("socket", path);
    const first = kind === "folder" || status.links === 1 ? undefined : this.#firstName(status, path);
    if (first !== undefined) return void sink.begin(entryOf(path, "hardlink", status, first, []));
    const target = kind === "symlink" ? readTarget(folder, name, path) : "";
    const wanted = sink.begin(entryOf(path, kind, status, target, attributesOf(folder, name, path)));
    if (kind === "file" && wanted) await this.#bytes(folder, name, path);
    // On another device something is mounted there.
    if (kind !== "folder" || status.device !== device) return;
    const fd = done(openHere(folder, name, "list"), "open the folder", path);
    try {
      await this.#children(fd, path, device);
    } finally {
      closeFile(fd);
    }
  }

  #firstName({ device, inode }: Status, path: string): string | undefined {
    const key = `${device}:${inode}`;
    const first = this.#linked.get(key);
    if (first === undefined) this.#linked.set(key, path);
    return first;
  }

  async #bytes(folder: number, name: string, path: string): Promise<void> {
    const { sink, watch, most } = this.#reading;
    const fd = done(openHere(folder, name, "read"), "open", path);
    try {
      for (let at = nextData(fd, 0, path); at >= 0; at = nextData(fd, at, path)) {
        const hole = done(systemCall("lseek", fd, at, SEEK_HOLE), "read", path);
        while (at < hole) {
          await breathe();
          watch.check();
          const got = done(systemCall("pread64", fd, addressOf(this.#buffer), Math.min(this.#buffer.length, hole - at), at), "read", path);
          if (got === 0) break;
          this.#total += got;
          if (this.#total > most)
            throw new BoxError({ what: `${this.#name} holds more than ${most} bytes`, hint: "--max-size allows more" });
          sink.write(this.#buffer.subarray(0, got), at);
          watch.passed(got);
          at += got;
        }
      }
      sink.end();
    } finally {
      closeFile(fd);
    }
  }
}

/** Where bytes begin from there on; negative when there is nothing but a hole up to the end. */
function nextData(fd: number, from: number, path: string): number {
  const at = systemCall("lseek", fd, from, SEEK_DATA);
  return at === ENXIO ? at : done(at, "read", path);
}

function statusOrThrow(folder: number, name: string, path: string): Status {
  const status = statusHere(folder, name);
  if (typeof status === "object") return status;
  done(status, "look at", path);
  throw new Error("statx: no status");
}

const entryOf = (path: string, kind: EntryKind, status: Status, target: string, attributes: readonly Attribute[]): Entry => ({
  path,
  kind,
  mode: status.mode,
  uid: status.uid,
  gid: status.gid,
  seconds: status.seconds,
  nanoseconds: status.nanoseconds,
  size: kind === "file" ? status.size : 0,
  hasHoles: true,
  target,
  major: status.major,
  minor: status.minor,
  attributes,
});

/** The kernel's limit for attributes. */
const small = new Uint8Array(65536);

/** None where the filesystem has none. */
function attributesOf(folder: number, name: string, path: string): Attribute[] {
  const length = listAttributes(folder, name, small);
  if (length === errnos.EOPNOTSUPP || length === 0) return [];
  const names = Buffer.from(small.buffer, 0, done(length, "list the attributes of", path))
    .toString("latin1")
    .split("\0")
    .filter((one) => one !== "");
  return names.map((attribute) => {
    const size = done(readAttribute(folder, name, attribute, small), `read ${shown(attribute)} of`, path);
    return { name: attribute, value: small.slice(0, size) };
  });
}
