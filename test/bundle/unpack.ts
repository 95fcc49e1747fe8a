// A place for tests to unpack in, inside a folder whose other content must stay as it is.

import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { closeFile, openPath } from "../../src/bundle/calls.ts";
import { Layer } from "../../src/bundle/layer.ts";
import { TarReader } from "../../src/bundle/read-tar.ts";
import { Tree } from "../../src/bundle/tree.ts";
import { type TestEntry, tarOf } from "./make-tar.ts";

export class UnpackPlace implements Disposable {
  readonly folder = mkdtempSync(`${tmpdir()}/box-bundle-test-`);
  readonly path = `${this.folder}/inside/root`;
  readonly leftOut: string[] = [];
  readonly #root: number;
  readonly #trash: number;
  readonly tree: Tree;

  constructor(asRoot = process.geteuid?.() === 0) {
    chmodSync(this.folder, 0o755);
    mkdirSync(this.path, { recursive: true });
    mkdirSync(`${this.folder}/trash`);
    this.#root = openPath(this.path, "place");
    this.#trash = openPath(`${this.folder}/trash`, "place");
    const leaveOut = (why: string, place: string): void => void this.leftOut.push(`${why}: ${place}`);
    this.tree = new Tree({ root: this.#root, trash: this.#trash, asRoot, leaveOut });
  }

  /** The bytes come in chunks of that size. */
  archive(bytes: Uint8Array, chunk = 4096): void {
    feed(new TarReader(this.tree, "archive"), bytes, chunk);
  }

  layer(entries: readonly TestEntry[], chunk = 4096): void {
    feed(new TarReader(new Layer(this.tree, this.#root), "layer"), tarOf(entries), chunk);
  }

  [Symbol.dispose](): void {
    this.tree[Symbol.dispose]();
    closeFile(this.#root);
    closeFile(this.#trash);
    rmSync(this.folder, { recursive: true });
  }
}

/** Every chunk in memory of its own that is overwritten afterwards, as a buffer that is read into again would be. */
function feed(reader: TarReader, bytes: Uint8Array, size: number): void {
  for (let at = 0; at < bytes.length; at += size) {
    const chunk = bytes.slice(at, at + size);
    reader.push(chunk);
    chunk.fill(0xaa);
  }
  reader.finish();
}
