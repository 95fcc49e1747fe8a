// Mount options of the runtime-spec (config.md, "Linux mount options"), in the terms of the new mount API: attributes
// of the mount, its propagation, flags of the filesystem. A word that is not here belongs to the filesystem.

import type { Flag } from "./flags.ts";

export type MountOption = {
  readonly attrSet?: readonly Flag<"MOUNT_ATTR">[];
  readonly attrClear?: readonly Flag<"MOUNT_ATTR">[];
  /** Also on the mounts below (the spec's r… options). */
  readonly recursive?: true;
  readonly propagation?: { readonly flag: Flag<"MS">; readonly recursive: boolean };
  readonly bind?: "bind" | "rbind";
  /** A flag of the filesystem itself, for fsconfig. */
  readonly fsFlag?: string;
  /** Needs more than a flag; not every version of box does it. */
  readonly extension?: "idmap" | "ridmap" | "tmpcopyup" | "remount";
};

type Attr = Flag<"MOUNT_ATTR">;
const set = (...attrSet: Attr[]): MountOption => ({ attrSet });
const clear = (...attrClear: Attr[]): MountOption => ({ attrClear });
/** An access-time mode replaces the whole field (mount_setattr(2)). */
const atime = (mode: Attr): MountOption => ({ attrSet: [mode], attrClear: ["MOUNT_ATTR__ATIME"] });
const recursively = (option: MountOption): MountOption => ({ ...option, recursive: true });
const propagation = (flag: Flag<"MS">, recursive: boolean): MountOption => ({ propagation: { flag, recursive } });

export const mountOptions: Readonly<Record<string, MountOption>> = {
  defaults: {},
  ro: set("MOUNT_ATTR_RDONLY"),
  rw: clear("MOUNT_ATTR_RDONLY"),
  nosuid: set("MOUNT_ATTR_NOSUID"),
  suid: clear("MOUNT_ATTR_NOSUID"),
  nodev: set("MOUNT_ATTR_NODEV"),
  dev: clear("MOUNT_ATTR_NODEV"),
  noexec: set("MOUNT_ATTR_NOEXEC"),
  exec: clear("MOUNT_ATTR_NOEXEC"),
  noatime: atime("MOUNT_ATTR_NOATIME"),
  relatime: atime("MOUNT_ATTR_RELATIME"),
  strictatime: atime("MOUNT_ATTR_STRICTATIME"),
  atime: atime("MOUNT_ATTR_RELATIME"),
  norelatime: atime("MOUNT_ATTR_STRICTATIME"),
  nostrictatime: atime("MOUNT_ATTR_RELATIME"),
  nodiratime: set("MOUNT_ATTR_NODIRATIME"),
  diratime: clear("MOUNT_ATTR_NODIRATIME"),
  nosymfollow: set("MOUNT_ATTR_NOSYMFOLLOW"),
  symfollow: clear("MOUNT_ATTR_NOSYMFOLLOW"),
  rro: recursively(set("MOUNT_ATTR_RDONLY")),
  rrw: recursively(clear("MOUNT_ATTR_RDONLY")),
  rnosuid: recursively(set("MOUNT_ATTR_NOSUID")),
  rsuid: recursively(clear("MOUNT_ATTR_NOSUID")),
  rnodev: recursively(set("MOUNT_ATTR_NODEV")),
  rdev: recursively(clear("MOUNT_ATTR_NODEV")),
  rnoexec: recursively(set("MOUNT_ATTR_NOEXEC")),
  rexec: recursively(clear("MOUNT_ATTR_NOEXEC")),
  rnoatime: recursively(atime("MOUNT_ATTR_NOATIME")),
  rrelatime: recursively(atime("MOUNT_ATTR_RELATIME")),
  rstrictatime: recursively(atime("MOUNT_ATTR_STRICTATIME")),
  ratime: recursively(atime("MOUNT_ATTR_RELATIME")),
  rnorelatime: recursively(atime("MOUNT_ATTR_STRICTATIME")),
  rnostrictatime: recursively(atime("MOUNT_ATTR_RELATIME")),
  rnodiratime: recursively(set("MOUNT_ATTR_NODIRATIME")),
  rdiratime: recursively(clear("MOUNT_ATTR_NODIRATIME")),
  rnosymfollow: recursively(set("MOUNT_ATTR_NOSYMFOLLOW")),
  rsymfollow: recursively(clear("MOUNT_ATTR_NOSYMFOLLOW")),
  private: propagation("MS_PRIVATE", false),
  rprivate: propagation("MS_PRIVATE", true),
  slave: propagation("MS_SLAVE", false),
  rslave: propagation("MS_SLAVE", true),
  shared: propagation("MS_SHARED", false),
  rshared: propagation("MS_SHARED", true),
  unbindable: propagation("MS_UNBINDABLE", false),
  runbindable: propagation("MS_UNBINDABLE", true),
  bind: { bind: "bind" },
  rbind: { bind: "rbind" },
  sync: { fsFlag: "sync" },
  async: { fsFlag: "async" },
  dirsync: { fsFlag: "dirsync" },
  mand: { fsFlag: "mand" },
  nomand: { fsFlag: "nomand" },
  lazytime: { fsFlag: "lazytime" },
  nolazytime: { fsFlag: "nolazytime" },
  iversion: { fsFlag: "iversion" },
  noiversion: { fsFlag: "noiversion" },
  silent: { fsFlag: "silent" },
  loud: { fsFlag: "loud" },
  remount: { extension: "remount" },
  idmap: { extension: "idmap" },
  ridmap: { extension: "ridmap" },
  tmpcopyup: { extension: "tmpcopyup" },
};
