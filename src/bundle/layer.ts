// One layer of an image, put over those below it. Names with `.wh.` in front remove what lower layers have (OCI image
// specification, layer.md, "Whiteouts"), and never what this layer brings itself, wherever in the archive they stand.

import { BoxError } from "../errors.ts";
import { flags } from "../linux/flags.ts";
import { closeFile, done, errnos, openFolder, openHere, someNames, statusHere } from "./calls.ts";
import { type Entry, type EntrySink, shown } from "./entry.ts";
import { partsOf } from "./parts.ts";
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
    const parts = partsOf(entry.path);
    const name = parts.at(-1) ?? "";
    if (!name.startsWith(WHITEOUT)) {
      this.#remember(parts);
      return this.#tree.begin(entry);
    }
    const folder = parts.slice(0, -1);
    if (name === OPAQUE) this.#emptyLower(folder);
    else if (!name.startsWith(OWN)) this.#removeLower(folder, name.slice(WHITEOUT.length), entry.path);
    return false;
  }

  write(bytes: Uint8Array, offset: number): void {
    this.#tree.write(bytes, offset);
  }

  end(): void {
    this.#tree.end();
  }

  #remember(parts: readonly string[]): void {
    for (let length = parts.length; length > 0; length--) {
      const path = parts.slice(0, length).join("/");
      if (this.#brought.has(path)) return;
      this.#brought.add(path);
    }
  }

  #removeLower(folder: readonly string[], name: string, path: string): void {
    if (name === "" || name === "." || name === "..") throw new BoxError({ what: `the whiteout ${shown(path)} names nothing` });
    const parts = [...folder, name];
    if (this.#brought.has(parts.join("/"))) this.#emptyLower(parts);
    else this.#tree.remove(parts);
  }

  /** A folder keeps what this layer has brought. One that is none, or is not there, has nothing in it. */
  #emptyLower(parts: readonly string[]): void {
    for (const name of this.#namesIn(parts)) {
      const child = [...parts, name];
      if (!this.#brought.has(child.join("/"))) this.#tree.remove(child);
      else this.#emptyLower(child);
    }
  }

  #namesIn(parts: readonly string[]): string[] {
    const path = parts.join("/");
    const above = openFolder(this.#root, parts.slice(0, -1).join("/"));
    if (above === errnos.ENOENT || above === errnos.ENOTDIR) return [];
    done(above, "open the folder", path);
    try {
      const name = parts.at(-1) ?? ".";
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
