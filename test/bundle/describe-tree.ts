// All that there is to know of a folder's content, a line for each thing in it.

import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { closeFile, listAttributes, openPath, readAttribute } from "../../src/bundle/calls.ts";
import { sha256 } from "./make-image.ts";

export type Described = {
  /** A time is left out, as of folders that somebody else has put something into. */
  readonly times?: boolean;
};

/** Names are byte strings. Nothing is followed. */
export function describeTree(root: string, { times = true }: Described = {}): string[] {
  const lines: string[] = [];
  const inodes = new Map<bigint, string>();
  const visit = (path: Buffer, shown: string): void => {
    const status = lstatSync(path, { bigint: true });
    const first = status.isDirectory() ? undefined : inodes.get(status.ino);
    if (!status.isDirectory() && first === undefined) inodes.set(status.ino, shown);
    const what = status.isFile()
      ? `file ${status.size} ${sha256(readFileSync(path))}`
      : status.isSymbolicLink()
        ? `link to ${readlinkSync(path, { encoding: "latin1" })}`
        : status.isDirectory()
          ? "folder"
          : `node ${(status.mode & 0o170000n).toString(8)} ${status.rdev}`;
    const mode = (status.mode & 0o7777n).toString(8);
    lines.push(
      [
        shown,
        what,
        mode,
        `${status.uid}:${status.gid}`,
        ...(times ? [`${status.mtimeNs}`] : []),
        ...(first === undefined ? [] : [`= ${first}`]),
        ...attributesOf(path),
      ].join(" "),
    );
    if (!status.isDirectory()) return;
    const names = readdirSync(path, { encoding: "buffer" }).map((name) => name.toString("latin1"));
    for (const name of names.sort()) visit(Buffer.concat([path, Buffer.from(`/${name}`, "latin1")]), `${shown}/${name}`);
  };
  visit(Buffer.from(root), ".");
  return lines;
}

function attributesOf(path: Buffer): string[] {
  const text = path.toString("latin1");
  const folder = openPath(text.slice(0, text.lastIndexOf("/")) || "/", "place");
  const name = text.slice(text.lastIndexOf("/") + 1);
  const bytes = new Uint8Array(65536);
  const length = listAttributes(folder, name, bytes);
  const names = length <= 0 ? [] : Buffer.from(bytes.buffer, 0, length).toString("latin1").split("\0").slice(0, -1);
  const found = names.sort().map((attribute) => {
    const size = readAttribute(folder, name, attribute, bytes);
    return `${attribute}=${Buffer.from(bytes.buffer, 0, Math.max(0, size)).toString("hex")}`;
  });
  closeFile(folder);
  return found;
}
