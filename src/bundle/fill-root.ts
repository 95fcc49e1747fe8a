// From a source to a full root: what the source is, and the way for each kind. An archive that can be looked through is;
// of any other what comes out of it shows what it was.

import { BoxError } from "../errors.ts";
import { isTerminal } from "../execute/is-terminal.ts";
import { systemCall } from "../execute/libc.ts";
import { flags } from "../linux/flags.ts";
import type { Blob } from "./blob.ts";
import { done, openPath, statusHere } from "./calls.ts";
import { compressionOfFile } from "./content.ts";
import { byteString } from "./entry.ts";
import { type Choice, findImage, type Image } from "./image.ts";
import type { ImageConfig } from "./image-config.ts";
import { Layer } from "./layer.ts";
import type { Progress } from "./progress.ts";
import { readArchives } from "./read-archives.ts";
import { readFolder } from "./read-folder.ts";
import { FolderStore, TarStore } from "./store.ts";
import { Tree } from "./tree.ts";
import { quietWatch } from "./watch.ts";
import type { Workplace } from "./workplace.ts";

export type LeftOut = "device" | "attribute" | "overlay mark" | "socket";

export type Filling = {
  readonly place: Workplace;
  readonly choice: Choice;
  /** How many bytes there may be. */
  readonly most: number;
  readonly asRoot: boolean;
  readonly progress: Progress;
  readonly leaveOut: (why: LeftOut, place: string) => void;
};

export type Source = { readonly isFolder: true; readonly fd: number; readonly name: string } | ({ readonly isFolder: false } & Blob);

const STDIN = 0;
const SEEK_CUR = 1;

/** `-` is stdin. */
export function openSource(path: string): Source {
  const name = path === "-" ? "stdin" : path;
  const fd = path === "-" ? STDIN : done(openPath(byteString(path), "read"), "open", byteString(path));
  const status = statusHere(fd, "");
  if (typeof status === "number") throw new BoxError({ what: `cannot read ${name}` });
  if (isTerminal(fd))
    throw new BoxError({ what: `${name} is a terminal`, hint: "pipe an archive into it: docker export ID | box bundle - DIR" });
  const { S_IFDIR, S_IFREG } = flags.S_IF;
  if (status.type === S_IFDIR) return { isFolder: true, fd, name };
  if (status.type !== S_IFREG) return { isFolder: false, fd, name, part: undefined };
  const offset = done(systemCall("lseek", fd, 0, SEEK_CUR), "read", byteString(name));
  return { isFolder: false, fd, name, part: { offset, size: Math.max(0, status.size - offset) } };
}

/** Returns the image's configuration if it was one. */
export async function fillRoot(source: Source, filling: Filling): Promise<ImageConfig | undefined> {
  const config = source.isFolder ? await fromFolder(source, filling) : await fromArchive(source, filling);
  const { ref, platform } = filling.choice;
  if (config === undefined && (ref !== undefined || platform !== undefined))
    throw new BoxError({ origin: ref === undefined ? "--platform" : "--ref", what: `${source.name} is no image` });
  return config;
}

async function fromFolder({ fd, name }: Source, filling: Filling): Promise<ImageConfig | undefined> {
  using store = new FolderStore(fd);
  const image = findImage(store, filling.choice, quietWatch);
  if (image !== undefined) return await fromImage(image, filling);
  using tree = newTree(filling);
  filling.progress.begin(undefined);
  const { most, leaveOut, place } = filling;
  await readFolder(fd, name, { sink: tree, watch: filling.progress, most, copy: place.status, leaveOut });
  tree.finish();
  return undefined;
}

async function fromArchive(blob: Blob, filling: Filling): Promise<ImageConfig | undefined> {
  if (blob.part !== undefined && blob.part.size > 0 && compressionOfFile(blob) === undefined) {
    using store = TarStore.read(blob, quietWatch);
    const image = store === undefined ? undefined : findImage(store, filling.choice, quietWatch);
    if (image !== undefined) return await fromImage(image, filling);
  }
  filling.progress.begin(blob.part?.size);
  using tree = newTree(filling);
  await readArchives({ all: [{ blob }], most: filling.most }, () => tree, filling.progress);
  tree.finish();
  return await fromUnpacked(filling);
}

/** An image that came through a pipe or compressed: now its files are there. */
async function fromUnpacked(filling: Filling): Promise<ImageConfig | undefined> {
  {
    using store = new FolderStore(filling.place.root);
    if (findImage(store, filling.choice, quietWatch) === undefined) return undefined;
  }
  using store = new FolderStore(filling.place.putAside());
  const image = findImage(store, filling.choice, quietWatch);
  return image === undefined ? undefined : await fromImage(image, filling);
}

async function fromImage({ config, layers }: Image, filling: Filling): Promise<ImageConfig> {
  filling.progress.begin(layers.reduce((sum, { blob }) => sum + (blob.part?.size ?? 0), 0));
  using tree = newTree(filling);
  const all = layers.map(({ blob, digest, plain }) => ({ blob, digest, plainDigest: plain }));
  await readArchives({ all, most: filling.most }, () => new Layer(tree, filling.place.root), filling.progress);
  tree.finish();
  return config;
}

const newTree = ({ place, asRoot, leaveOut }: Filling): Tree => new Tree({ root: place.root, trash: place.trash, asRoot, leaveOut });
