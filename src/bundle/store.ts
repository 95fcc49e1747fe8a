// Where an image's files are looked up by their paths: a folder, or an uncompressed tar archive whose files stay where
// they are in it.

import { BoxError } from "../errors.ts";
import { type Blob, chunksOf } from "./blob.ts";
import { closeFile, done, errnos, openFile, statusHere } from "./calls.ts";
import { byteString, type Entry, type EntrySink } from "./entry.ts";
import { TarReader } from "./read-tar.ts";
import type { Watch } from "./watch.ts";

export type Store = Disposable & {
  /** undefined when there is no such file. */
  open(path: string): Blob | undefined;
};

export class FolderStore implements Store {
  readonly #root: number;
  readonly #open: number[] = [];

  /** `root` is an open folder. Links in it lead nowhere but to other places in it. */
  constructor(root: number) {
    this.#root = root;
  }

  open(path: string): Blob | undefined {
    const fd = openFile(this.#root, byteString(path));
    if (fd === errnos.ENOENT || fd === errnos.ENOTDIR) return undefined;
    this.#open.push(done(fd, "open", byteString(path)));
    const status = statusHere(fd, "");
    if (typeof status === "number") return void done(status, "look at", byteString(path));
    return { fd, name: path, part: { offset: 0, size: status.size } };
  }

  [Symbol.dispose](): void {
    for (const fd of this.#open) closeFile(fd);
  }
}

type Place = { readonly offset: number; readonly size: number } | { readonly target: string };

/** Folders and links in an archive are few steps apart. */
const MOST_LINKS = 8;
const MOST_FILES = 100_000;

export class TarStore implements Store {
  readonly #fd: number;
  readonly #places: ReadonlyMap<string, Place>;

  private constructor(fd: number, places: ReadonlyMap<string, Place>) {
    this.#fd = fd;
    this.#places = places;
  }

  /** undefined when the archive has something in it that no image's has: it is one of a root then. Reads headers alone. */
  static read(blob: Blob, watch: Watch): TarStore | undefined {
    const index = new Index();
    const reader = new TarReader(index, blob.name);
    let at = 0;
    const skip = (): number => {
      const useless = index.isForeign ? Number.POSITIVE_INFINITY : reader.leaveOut();
      at += useless;
      return useless;
    };
    // Where an entry's bytes begin is what has been read of the archive before them.
    for (const chunk of chunksOf(blob, watch, skip)) {
      for (let done = 0; done < chunk.length && !index.isForeign; ) {
        const block = chunk.subarray(done, done + 512);
        done += block.length;
        index.at = at + done;
        reader.push(block);
      }
      at += chunk.length;
    }
    if (index.isForeign) return undefined;
    reader.finish();
    return new TarStore(blob.fd, index.places);
  }

  open(path: string): Blob | undefined {
    let name = path;
    for (let links = 0; links < MOST_LINKS; links++) {
      const place = this.#places.get(name);
      if (place === undefined) return undefined;
      if ("offset" in place) return { fd: this.#fd, name: path, part: place };
      name = place.target;
    }
    throw new BoxError({ what: `${path} is a link to a link, and so on` });
  }

  [Symbol.dispose](): void {}
}

/** Notes where files are. Relative paths are made whole by their words alone. */
class Index implements EntrySink {
  readonly places = new Map<string, Place>();
  /** How much of the archive has been read with the header at hand. */
  at = 0;
  isForeign = false;

  begin(entry: Entry): boolean {
    const name = wholePath("", entry.path);
    if (!mayBeOfImage(name, entry) || this.places.size >= MOST_FILES) this.isForeign = true;
    else if (entry.kind === "file") this.places.set(name, { offset: this.at, size: entry.size });
    else if (entry.kind === "hardlink") this.places.set(name, { target: wholePath("", entry.target) });
    else if (entry.kind === "symlink") this.places.set(name, { target: wholePath(name.slice(0, name.lastIndexOf("/") + 1), entry.target) });
    return false;
  }

  write(): void {}
  end(): void {}
}

/** A root has folders with other names, and soon. */
function mayBeOfImage(name: string, { kind, hasHoles }: Entry): boolean {
  // A file with holes does not lie in the archive as it is.
  if (kind === "character" || kind === "block" || kind === "fifo" || hasHoles) return false;
  const [top = "", ...below] = name.split("/");
  return (kind !== "folder" && below.length === 0) || name === "" || top === "blobs" || /^[0-9a-f]{64}$/.test(top);
}

function wholePath(folder: string, path: string): string {
  const parts: string[] = [];
  for (const part of `${path.startsWith("/") ? "" : folder}${path}`.split("/"))
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  return parts.join("/");
}
