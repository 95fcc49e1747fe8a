// Room for one more file in a folder that is to hold so many and no more.

import { cString, systemCall } from "./libc.ts";
import { listFolder } from "./list-folder.ts";
import { sizeAt } from "./real-path.ts";

type Room = {
  /** How the names of those that count begin. */
  readonly prefix: string;
  readonly most: number;
  /** How many go at once, since looking at all takes longer than the rest. */
  readonly atOnce: number;
  /** Smaller ones, in bytes, go first. */
  readonly small?: number;
};

/** Where there is none for `name`, removes those that were used longest ago. `folder` is open, and at `path`. Best effort. */
export function makeRoom(folder: number, path: string, name: string, { prefix, most, atOnce, small = 0 }: Room): void {
  if (systemCall("faccessat2", folder, cString(name).address, 0, 0) === 0) return;
  const entries = listFolder(path);
  if (typeof entries === "number") return;
  const files: { readonly name: string; readonly isSmall: boolean; readonly used: number }[] = [];
  for (const { name } of entries) {
    const size = name.startsWith(prefix) ? sizeAt(`${path}/${name}`) : undefined;
    if (size !== undefined) files.push({ name, isSmall: size.bytes < small, used: size.used });
  }
  if (files.length < most) return;
  files.sort((one, other) => Number(other.isSmall) - Number(one.isSmall) || one.used - other.used);
  for (const { name } of files.slice(0, files.length - most + atOnce)) systemCall("unlinkat", folder, cString(name).address, 0);
}
