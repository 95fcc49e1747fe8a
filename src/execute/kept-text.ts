// Texts that box keeps beside programs, in the same folder of root's alone (kept-folder.ts).

import { readDescriptor } from "./files.ts";
import { isOwn, makeKeptFolder, openKeptFolder, replaceKept } from "./kept-folder.ts";
import { cString, machine, systemCall } from "./libc.ts";
import { statusOf } from "./status.ts";

const O_READ = { x64: 0o4000 | 0o400000 | 0o2000000, arm64: 0o4000 | 0o100000 | 0o2000000 };
const S_IFREG = 0o100000;
const BYTES_MAX = 128 * 1024;

/** undefined where there is none, or one that others could have written. */
export function readKeptText(stateRoot: string, name: string): string | undefined {
  const folder = openKeptFolder(stateRoot);
  if (folder < 0) return undefined;
  const path = cString(name);
  const file = systemCall("openat", folder, path.address, O_READ[machine], 0);
  systemCall("close", folder);
  if (file < 0) return undefined;
  const text = isOwn(statusOf(file), S_IFREG) ? readDescriptor(file, BYTES_MAX) : undefined;
  systemCall("close", file);
  return typeof text === "string" ? text : undefined;
}

/** Best effort. */
export function keepText(stateRoot: string, name: string, text: string): void {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > BYTES_MAX) return;
  const folder = makeKeptFolder(stateRoot);
  if (folder < 0) return;
  replaceKept(folder, name, bytes);
  systemCall("close", folder);
}
