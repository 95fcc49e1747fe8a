// What tells a file from any other that could be in its place (src/front/boot.ts).

import { identityOffsets } from "../front/boot.ts";
import { addressOf, cString, systemCall } from "./libc.ts";

const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;

/** The words of statx(2) that the front compares. Throws a plain Error when there is no such file. */
export function identityOf(path: string): Uint8Array {
  const found = findIdentity(path);
  if (found === undefined) throw new Error(`${path} cannot be looked at`);
  return found;
}

/** The same; undefined when there is no such file. */
export const findIdentity = (path: string): Uint8Array | undefined => identity(AT_FDCWD, path, 0);

/** The same of an open file. */
export const identityOfOpen = (file: number): Uint8Array | undefined => identity(file, "", AT_EMPTY_PATH);

function identity(folder: number, path: string, flags: number): Uint8Array | undefined {
  const statx = new Uint8Array(256);
  if (systemCall("statx", folder, cString(path).address, flags, STATX_BASIC_STATS, addressOf(statx)) < 0) return undefined;
  const words = new Uint8Array(identityOffsets.length * 8);
  for (const [index, offset] of identityOffsets.entries()) words.set(statx.subarray(offset, offset + 8), index * 8);
  return words;
}
