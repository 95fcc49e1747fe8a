// One layer of an image, put over those below it. Names with `.wh.` in front remove what lower layers have (OCI image
// specification, layer.md, "Whiteouts"), and never what this layer brings itself, wherever in the archive they stand.

import { BoxError } from "../errors.ts";
import { flags } from "../linux/flags.ts";
import { closeFile, done, errnos, openFolder, openHere, someNames, statusHere } from "./calls.ts";
import { type Entry, type EntrySink, shown } from "./entry.ts";
import { folderOf, innerPath, nameOf } from "./inner-path.ts";
import type { Tree } from "./tree.ts";

const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";
/** Other such names are AUFS's own. */
const OWN = ".wh..wh.";

export class Layer implements EntrySink {
  readonly #tree: Tree;
  readonly #root: number;
  /** Paths that this layer has brought, with all that lead to them. */
  readonly #brought = new Set<string>();

  /** `root` is the tree's open root. */
  constructor(tree: Tree, root: number) {
    this.#tree = tree;
    this.#root = root;
  }

  begin(entry: Entry): boolean {
    const path = innerPath(entry.path);
    const name = nameOf(path);
    if (!name.startsWith(WHITEOUT)) {
      this.#remember(path);
      return this.#tree.begin(entry);
    }
    if (name === OPAQUE) this.#emptyLower(folderOf(path));
    else if (!name.startsWith(OWN)) this.#removeLower(folderOf(path), name.slice(WHITEOUT.length), path);
    return false;
  }

  write(bytes: Uint8Array, offset: number): void {
    this.#tree.write(bytes, offset);
  }

  end(): void {
    this.#tree.end();
  }

  #remember(path: string): void {
    for (let part = path; part !== "" && !this.#brought.has(part); part = folderOf(part)) this.#brought.add(part);
  }

  #removeLower(folder: string, name: string, whiteout: string): void {
    if (name === "" || name === "." || name === "..") throw new BoxError({ what: `the whiteout ${shown(whiteout)} names nothing` });
    const path = inFolder(folder, name);
    if (this.#brought.has(path)) this.#emptyLower(path);
    else this.#tree.remove(path);
  }

  /** A folder keeps what this layer has brought. One that is none, or is not there, has nothing in it. */
  #emptyLower(folder: string): void {
    for (const name of this.#namesIn(folder)) {
      const path = inFolder(folder, name);
      if (!this.#brought.has(path)) this.#tree.remove(path);
      else this.#emptyLower(path);
    }
  }

  #namesIn(path: string): string[] {
    const above = openFolder(this.#root, folderOf(path));
    if (above === errnos.ENOENT || above === errnos.ENOTDIR) return [];
    done(above, "open the folder", path);
    try {
      const name = nameOf(path) || ".";
      const status = statusHere(above, name);
      if (typeof status === "number" || status.type !== flags.S_IF.S_IFDIR) return [];
      const fd = done(openHere(above, name, "list"), "open the folder", path);
      try {
        const all: string[] = [];
        for (let names = someNames(fd, path); names.length > 0; names = someNames(fd, path)) all.push(...names);
        return all;
      } finally {
        closeFile(fd);
      }
    } finally {
      closeFile(above);
    }
  }
}

const inFolder = (folder: string, name: string): string => (folder === "" ? name : `${folder}/${name}`);
