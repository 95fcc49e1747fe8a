// What depends on a text and on this executable alone, and takes longer to find out than to read: kept beside programs, in the same
// folder of root's alone (kept-folder.ts).

import { readDescriptor } from "./files.ts";
import { isOwn, makeKeptFolder, openKept, replaceKept } from "./kept-folder.ts";
import { ownPart } from "./kept-place.ts";
import { systemCall } from "./libc.ts";
import { statusOf } from "./status.ts";

const S_IFREG = 0o100000;
const BYTES_MAX = 128 * 1024;

/** What `make` gives for the text `from`, which is data. From the file of that name, if it was kept there for the same text. */
export function keptValue<Value>(stateRoot: string, name: string, from: string, make: () => Value | undefined): Value | undefined {
  // Where the text ends its length says.
  const key = `${ownPart()}\0${from.length}\0${from}`;
  const text = readKept(stateRoot, name);
  const known = text?.startsWith(key) === true ? parsed<Value>(text.slice(key.length)) : undefined;
  if (known !== undefined) return known;
  const made = make();
  if (made !== undefined) keep(stateRoot, name, `${key}${JSON.stringify(made)}`);
  return made;
}

/** undefined where it is torn. */
function parsed<Value>(json: string): Value | undefined {
  try {
    return JSON.parse(json) as Value;
  } catch {
    return undefined;
  }
}

/** undefined where there is none, or one that others could have written. */
function readKept(stateRoot: string, name: string): string | undefined {
  const file = openKept(stateRoot, name);
  if (file < 0) return undefined;
  const text = isOwn(statusOf(file), S_IFREG) ? readDescriptor(file, BYTES_MAX) : undefined;
  systemCall("close", file);
  return typeof text === "string" ? text : undefined;
}

/** Best effort. */
function keep(stateRoot: string, name: string, text: string): void {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > BYTES_MAX) return;
  const folder = makeKeptFolder(stateRoot);
  if (folder < 0) return;
  replaceKept(folder, name, bytes);
  systemCall("close", folder);
}
