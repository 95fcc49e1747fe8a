// What tells a file from any other that could be in its place (src/front/boot.ts).

import { identityOffsets } from "../front/boot.ts";
import { addressOf, cString, systemCall } from "./libc.ts";

const AT_FDCWD = -100;
const STATX_BASIC_STATS = 0x7ff;

/** The words of statx(2) that the front compares. Throws a plain Error when there is no such file. */
export function identityOf(path: string): Uint8Array {
  const statx = new Uint8Array(256);
  const failed = systemCall("statx", AT_FDCWD, cString(path).address, 0, STATX_BASIC_STATS, addressOf(statx));
  if (failed < 0) throw new Error(`${path}: errno ${-failed}`);
  const identity = new Uint8Array(identityOffsets.length * 8);
  for (const [index, offset] of identityOffsets.entries()) identity.set(statx.subarray(offset, offset + 8), index * 8);
  return identity;
}
