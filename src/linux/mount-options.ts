// Mount options of the runtime-spec (config.md, "Linux mount options"), in the terms of the new mount API: attributes
// of the mount, its propagation, flags of the filesystem. A word that is not here belongs to the filesystem.
// Plain literals on purpose: helpers called at import make every start 0.04 ms slower (measured).

import type { Flag } from "./flags.ts";

export type MountOption = {
  readonly attrSet?: readonly Attr[];
  readonly attrClear?: readonly Attr[];
  /** Also on the mounts below (the spec's r… options). */
  readonly recursive?: true;
  readonly propagation?: { readonly flag: Legacy; readonly recursive: boolean };
  readonly bind?: "bind" | "rbind";
  /** A flag of the filesystem itself, for FSCONFIG_SET_FLAG. */
  readonly fsFlag?: string;
  /** For a new filesystem (not a bind mount) the flag `ro` of the filesystem itself too, as mount(2) does. */
  readonly superRo?: boolean;
  /** What mount(2) is told for the same, where it knows a flag. */
  readonly legacySet?: readonly Legacy[];
  readonly legacyClear?: readonly Legacy[];
  /** A new filesystem that sets such a flag takes mount(2); where it is clear, nothing is to be done. */
  readonly onlyLegacy?: true;
  readonly remount?: true;
  /** Needs more than a flag; not every version of box does it. */
  readonly extension?: "idmap" | "ridmap" | "tmpcopyup";
};

type Attr = Flag<"MOUNT_ATTR">;
type Legacy = Flag<"MS">;

export const mountOptions: Readonly<Record<string, MountOption>> = {
  defaults: {},
  ro: { attrSet: ["MOUNT_ATTR_RDONLY"], legacySet: ["MS_RDONLY"], superRo: true },
  rw: { attrClear: ["MOUNT_ATTR_RDONLY"], legacyClear: ["MS_RDONLY"], superRo: false },
  nosuid: { attrSet: ["MOUNT_ATTR_NOSUID"], legacySet: ["MS_NOSUID"] },
  suid: { attrClear: ["MOUNT_ATTR_NOSUID"], legacyClear: ["MS_NOSUID"] },
  nodev: { attrSet: ["MOUNT_ATTR_NODEV"], legacySet: ["MS_NODEV"] },
  dev: { attrClear: ["MOUNT_ATTR_NODEV"], legacyClear: ["MS_NODEV"] },
  noexec: { attrSet: ["MOUNT_ATTR_NOEXEC"], legacySet: ["MS_NOEXEC"] },
  exec: { attrClear: ["MOUNT_ATTR_NOEXEC"], legacyClear: ["MS_NOEXEC"] },
  // A mode replaces the whole field _ATIME, else mount_setattr(2) gives EINVAL.
  // Without the named mode the kernel's default holds, and that is relatime: so norelatime changes nothing, as with
  // mount(8) and mount(2).
  noatime: { attrSet: ["MOUNT_ATTR_NOATIME"], attrClear: ["MOUNT_ATTR__ATIME"], legacySet: ["MS_NOATIME"] },
  atime: { attrSet: ["MOUNT_ATTR_RELATIME"], attrClear: ["MOUNT_ATTR__ATIME"], legacyClear: ["MS_NOATIME"] },
  relatime: { attrSet: ["MOUNT_ATTR_RELATIME"], attrClear: ["MOUNT_ATTR__ATIME"], legacySet: ["MS_RELATIME"] },
  norelatime: { attrSet: ["MOUNT_ATTR_RELATIME"], attrClear: ["MOUNT_ATTR__ATIME"], legacyClear: ["MS_RELATIME"] },
  strictatime: { attrSet: ["MOUNT_ATTR_STRICTATIME"], attrClear: ["MOUNT_ATTR__ATIME"], legacySet: ["MS_STRICTATIME"] },
  nostrictatime: { attrSet: ["MOUNT_ATTR_RELATIME"], attrClear: ["MOUNT_ATTR__ATIME"], legacyClear: ["MS_STRICTATIME"] },
  nodiratime: { attrSet: ["MOUNT_ATTR_NODIRATIME"], legacySet: ["MS_NODIRATIME"] },
  diratime: { attrClear: ["MOUNT_ATTR_NODIRATIME"], legacyClear: ["MS_NODIRATIME"] },
  nosymfollow: { attrSet: ["MOUNT_ATTR_NOSYMFOLLOW"], legacySet: ["MS_NOSYMFOLLOW"] },
  symfollow: { attrClear: ["MOUNT_ATTR_NOSYMFOLLOW"], legacyClear: ["MS_NOSYMFOLLOW"] },
  // mount(2) has no recursion for these: its flags would reach one mount only, so none are given.
  rro: { attrSet: ["MOUNT_ATTR_RDONLY"], recursive: true },
  rrw: { attrClear: ["MOUNT_ATTR_RDONLY"], recursive: true },
  rnosuid: { attrSet: ["MOUNT_ATTR_NOSUID"], recursive: true },
  rsuid: { attrClear: ["MOUNT_ATTR_NOSUID"], recursive: true },
  rnodev: { attrSet: ["MOUNT_ATTR_NODEV"], recursive: true },
  rdev: { attrClear: ["MOUNT_ATTR_NODEV"], recursive: true },
  rnoexec: { attrSet: ["MOUNT_ATTR_NOEXEC"], recursive: true },
  rexec: { attrClear: ["MOUNT_ATTR_NOEXEC"], recursive: true },
  rnodiratime: { attrSet: ["MOUNT_ATTR_NODIRATIME"], recursive: true },
  rdiratime: { attrClear: ["MOUNT_ATTR_NODIRATIME"], recursive: true },
  rnosymfollow: { attrSet: ["MOUNT_ATTR_NOSYMFOLLOW"], recursive: true },
  rsymfollow: { attrClear: ["MOUNT_ATTR_NOSYMFOLLOW"], recursive: true },
  rnoatime: { attrSet: ["MOUNT_ATTR_NOATIME"], attrClear: ["MOUNT_ATTR__ATIME"], recursive: true },
  ratime: { attrSet: ["MOUNT_ATTR_RELATIME"], attrClear: ["MOUNT_ATTR__ATIME"], recursive: true },
  rrelatime: { attrSet: ["MOUNT_ATTR_RELATIME"], attrClear: ["MOUNT_ATTR__ATIME"], recursive: true },
  rnorelatime: { attrSet: ["MOUNT_ATTR_RELATIME"], attrClear: ["MOUNT_ATTR__ATIME"], recursive: true },
  rstrictatime: { attrSet: ["MOUNT_ATTR_STRICTATIME"], attrClear: ["MOUNT_ATTR__ATIME"], recursive: true },
  rnostrictatime: { attrSet: ["MOUNT_ATTR_RELATIME"], attrClear: ["MOUNT_ATTR__ATIME"], recursive: true },
  private: { propagation: { flag: "MS_PRIVATE", recursive: false }, legacySet: ["MS_PRIVATE"] },
  rprivate: { propagation: { flag: "MS_PRIVATE", recursive: true }, legacySet: ["MS_PRIVATE", "MS_REC"] },
  slave: { propagation: { flag: "MS_SLAVE", recursive: false }, legacySet: ["MS_SLAVE"] },
  rslave: { propagation: { flag: "MS_SLAVE", recursive: true }, legacySet: ["MS_SLAVE", "MS_REC"] },
  shared: { propagation: { flag: "MS_SHARED", recursive: false }, legacySet: ["MS_SHARED"] },
  rshared: { propagation: { flag: "MS_SHARED", recursive: true }, legacySet: ["MS_SHARED", "MS_REC"] },
  unbindable: { propagation: { flag: "MS_UNBINDABLE", recursive: false }, legacySet: ["MS_UNBINDABLE"] },
  runbindable: { propagation: { flag: "MS_UNBINDABLE", recursive: true }, legacySet: ["MS_UNBINDABLE", "MS_REC"] },
  bind: { bind: "bind", legacySet: ["MS_BIND"] },
  rbind: { bind: "rbind", legacySet: ["MS_BIND", "MS_REC"] },
  sync: { fsFlag: "sync", legacySet: ["MS_SYNCHRONOUS"] },
  async: { fsFlag: "async", legacyClear: ["MS_SYNCHRONOUS"] },
  dirsync: { fsFlag: "dirsync", legacySet: ["MS_DIRSYNC"] },
  mand: { fsFlag: "mand", legacySet: ["MS_MANDLOCK"] },
  nomand: { fsFlag: "nomand", legacyClear: ["MS_MANDLOCK"] },
  lazytime: { fsFlag: "lazytime", legacySet: ["MS_LAZYTIME"] },
  nolazytime: { fsFlag: "nolazytime", legacyClear: ["MS_LAZYTIME"] },
  // fsconfig has no word for these four ("Unknown parameter", EINVAL; seen on 6.18), only mount(2) has flags.
  silent: { legacySet: ["MS_SILENT"], onlyLegacy: true },
  loud: { legacyClear: ["MS_SILENT"], onlyLegacy: true },
  iversion: { legacySet: ["MS_I_VERSION"], onlyLegacy: true },
  noiversion: { legacyClear: ["MS_I_VERSION"], onlyLegacy: true },
  remount: { remount: true, legacySet: ["MS_REMOUNT"] },
  idmap: { extension: "idmap" },
  ridmap: { extension: "ridmap" },
  tmpcopyup: { extension: "tmpcopyup" },
};
