// The options of one mount, sorted by what carries them out: attributes of the mount, its propagation, the filesystem.

import type { Flag } from "../linux/flags.ts";
import { type MountOption, mountOptions } from "../linux/mount-options.ts";
import type { Attributes } from "./attributes.ts";

/** A mount's options, sorted by what they do. */
export type SortedOptions = {
  readonly attributes: Attributes;
  /** Those of the options with an r in front (`rro`), which hold for the mounts below a bind mount too. */
  readonly attributesBelow: Attributes;
  readonly propagation: readonly { flag: Flag<"MS">; recursive: boolean }[];
  readonly bind: "bind" | "rbind" | undefined;
  /** Read-only as a filesystem, not only as a mount: such as a disk that cannot be written. */
  readonly readOnlyFilesystem: boolean;
  /** The owners of a bind mount's files are mapped, with r also on the mounts below it. */
  readonly mapped: "idmap" | "ridmap" | undefined;
  /** A tmpfs begins with a copy of what it covers. */
  readonly copyUp: boolean;
  /** Of a new filesystem, and known to mount(2) alone. */
  readonly oldFlags: readonly Flag<"MS">[];
  /** For the filesystem itself: `size=64k`, `newinstance`, `sync`. */
  readonly data: readonly string[];
};

/** Whether the runtime-spec knows the word; any other is the filesystem's. */
export const isMountOption = (word: string): boolean => Object.hasOwn(mountOptions, word);

type Changes = { readonly set: Attribute[]; readonly clear: Attribute[] };
type Attribute = Flag<"MOUNT_ATTR">;

export function sortOptions(options: readonly string[]): SortedOptions {
  const here: Changes = { set: [], clear: [] };
  const below: Changes = { set: [], clear: [] };
  const propagation: { flag: Flag<"MS">; recursive: boolean }[] = [];
  const oldFlags: Flag<"MS">[] = [];
  const data: string[] = [];
  let bind: "bind" | "rbind" | undefined;
  let readOnlyFilesystem = false;
  let copyUp = false;
  let mapped: "idmap" | "ridmap" | undefined;
  for (const word of options) {
    if (!isMountOption(word)) {
      data.push(word);
      continue;
    }
    const option = mountOptions[word] as MountOption;
    addOption(option.recursive === true ? below : here, option);
    if (option.propagation !== undefined) propagation.push(option.propagation);
    if (option.bind !== undefined) bind = option.bind;
    if (option.superRo !== undefined) readOnlyFilesystem = option.superRo;
    if (option.extension === "tmpcopyup") copyUp = true;
    else if (option.extension !== undefined) mapped = option.extension;
    if (option.fsFlag !== undefined) data.push(option.fsFlag);
    if (option.onlyLegacy === true) changeOldFlags(oldFlags, option);
  }
  return {
    attributes: { ...here, reach: "this" },
    attributesBelow: { ...below, reach: "below" },
    propagation,
    bind,
    readOnlyFilesystem,
    copyUp,
    mapped,
    oldFlags,
    data,
  };
}

/** The later of two contradicting options wins, as with mount(8): also of two modes of access times, which share one field. */
function addOption({ set, clear }: Changes, { attrSet = [], attrClear = [] }: MountOption): void {
  const setsMode = attrClear.includes("MOUNT_ATTR__ATIME");
  keep(set, (name) => !attrClear.includes(name) && !(setsMode && accessTimeModes.has(name)));
  keep(clear, (name) => !attrSet.includes(name));
  for (const name of attrSet) if (!set.includes(name)) set.push(name);
  for (const name of attrClear) if (!clear.includes(name)) clear.push(name);
}

function changeOldFlags(flags: Flag<"MS">[], { legacySet = [], legacyClear = [] }: MountOption): void {
  for (const name of legacySet) if (!flags.includes(name)) flags.push(name);
  for (const name of legacyClear) if (flags.includes(name)) flags.splice(flags.indexOf(name), 1);
}

export const accessTimeModes: ReadonlySet<Attribute> = new Set(["MOUNT_ATTR_RELATIME", "MOUNT_ATTR_NOATIME", "MOUNT_ATTR_STRICTATIME"]);

function keep(list: Attribute[], wanted: (name: Attribute) => boolean): void {
  list.splice(0, list.length, ...list.filter(wanted));
}

/** For a new filesystem, which has no mounts below it: both kinds of attributes as one. */
export function attributesTogether({ attributes, attributesBelow }: SortedOptions): Changes {
  const all: Changes = { set: [...attributes.set], clear: [...attributes.clear] };
  addOption(all, { attrSet: attributesBelow.set, attrClear: attributesBelow.clear });
  return all;
}
