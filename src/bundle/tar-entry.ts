// One entry's fields out of its header and of those in front of it. The `tar` package reads a header's numbers and type;
// names and extended attributes are read here, since it decodes them as UTF-8, which not all of them are.

import type { Header } from "tar/header";
import { BoxError } from "../errors.ts";
import { type Attribute, type Entry, type EntryKind, shown } from "./entry.ts";
import { type PaxRecords, paxNumber, paxText, readPaxTime } from "./pax.ts";

export const BLOCK = 512;

/** What the headers in front of an entry's own say about it. */
export type Before = { readonly pax: PaxRecords; readonly name: string | undefined; readonly target: string | undefined };

/** Types that are entries, by the letter in the header. */
const kinds: Readonly<Record<string, EntryKind>> = {
  "0": "file",
  "7": "file",
  S: "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "character",
  "4": "block",
  "5": "folder",
  D: "folder",
  "6": "fifo",
};

/** Its size is left to who knows of holes. `what` names the archive in messages. */
export function entryOf(block: Uint8Array, header: Header, { pax, name, target }: Before, what: string): Entry {
  const path = paxText(pax, "GNU.sparse.name") ?? paxText(pax, "path") ?? name ?? nameIn(block);
  const kind = kinds[header.typeKey];
  if (kind === undefined)
    throw new BoxError({ what: `${what}: ${shown(path)} is of a type that box does not know: ${JSON.stringify(header.typeKey)}` });
  const isLink = kind === "hardlink" || kind === "symlink";
  const entry: Entry = {
    path,
    kind,
    mode: (header.mode ?? 0) & 0o7777,
    uid: paxNumber(pax, "uid") ?? header.uid ?? 0,
    gid: paxNumber(pax, "gid") ?? header.gid ?? 0,
    ...timeOf(header, pax),
    size: 0,
    hasHoles: false,
    target: isLink ? (paxText(pax, "linkpath") ?? target ?? textIn(block, 157, 100)) : "",
    major: header.devmaj,
    minor: header.devmin,
    attributes: pax.length === 0 ? noAttributes : attributesIn(pax),
  };
  // Else the kernel would see another name than whoever looks at the entry here.
  if (path.includes("\0") || entry.target.includes("\0"))
    throw new BoxError({ what: `${what}: the name of ${shown(path.replace(/\0.*/s, ""))}… holds a NUL byte` });
  return entry;
}

/**
 * How many bytes follow in the archive. None for links, devices and FIFOs, whatever their size says, as Go's archive/tar
 * has it, which writes most images.
 */
export function storedBytes(block: Uint8Array, header: Header, { pax }: Before, what: string): number {
  if (kinds[header.typeKey] !== "file" && header.typeKey !== "D") return 0;
  const size = paxNumber(pax, "size") ?? header.size ?? (block[124] === 0 ? 0 : undefined);
  if (size === undefined || !Number.isSafeInteger(size)) throw new BoxError({ what: `${what} is broken: an entry's size is no number` });
  return size;
}

/** Up to the first NUL, as a byte string. */
export function textIn(bytes: Uint8Array, at = 0, length = bytes.length): string {
  const nul = bytes.indexOf(0, at);
  const end = nul < 0 || nul > at + length ? at + length : nul;
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, end - at).toString("latin1");
}

/** The field `name`, and before it `prefix` where the header is POSIX's: its magic ends in a NUL, GNU's in a space. */
function nameIn(block: Uint8Array): string {
  const name = textIn(block, 0, 100);
  const isPosix = block[345] !== 0 && block[262] === 0 && textIn(block, 257, 6) === "ustar";
  return isPosix ? `${textIn(block, 345, 155)}/${name}` : name;
}

function timeOf(header: Header, pax: PaxRecords): { seconds: number; nanoseconds: number } {
  const own = header.mtime?.getTime() ?? 0;
  return readPaxTime(paxText(pax, "mtime")) ?? { seconds: Number.isFinite(own) ? Math.floor(own / 1000) : 0, nanoseconds: 0 };
}

const ATTRIBUTE = "SCHILY.xattr.";
const noAttributes: readonly Attribute[] = [];

/** The last of each name. */
function attributesIn(pax: PaxRecords): readonly Attribute[] {
  const found = new Map<string, Attribute>();
  for (const { key, value } of pax) if (key.startsWith(ATTRIBUTE)) found.set(key, { name: key.slice(ATTRIBUTE.length), value });
  return [...found.values()];
}
