import { expect, test } from "bun:test";
import { flagValue } from "../../src/linux/flags.ts";
import { type MountOption, mountOptions } from "../../src/linux/mount-options.ts";

/** The table of the runtime-spec 1.3, config.md, "Linux mount options". */
const specified = `async atime bind defaults dev diratime dirsync exec idmap iversion lazytime loud mand noatime nodev
  nodiratime noexec noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev
  rdiratime relatime remount rexec ridmap rnoatime rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro
  rprivate rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared silent slave strictatime
  suid symfollow sync tmpcopyup unbindable`.split(/\s+/);

/** Not in the spec's table, and yet the counterpart of its rdev. */
const added = ["rnodev"];

test("every option of the spec is there, and no other", () => {
  expect(Object.keys(mountOptions).sort()).toEqual([...specified, ...added].sort());
});

/** What an option does, in short. */
function print(word: string): string {
  const option: MountOption = mountOptions[word] ?? {};
  const parts = [
    ...(option.attrSet ?? []).map((name) => `+${name.slice("MOUNT_ATTR_".length)}`),
    ...(option.attrClear ?? []).map((name) => `-${name.slice("MOUNT_ATTR_".length)}`),
    ...(option.legacySet ?? []).map((name) => `+${name}`),
    ...(option.legacyClear ?? []).map((name) => `-${name}`),
  ];
  if (option.recursive === true) parts.push("recursive");
  if (option.propagation !== undefined)
    parts.push(`propagation ${option.propagation.flag}`, ...(option.propagation.recursive ? ["recursive"] : []));
  for (const key of ["bind", "fsFlag", "superRo", "remount", "extension", "onlyLegacy"] as const)
    if (option[key] !== undefined) parts.push(`${key} ${option[key]}`);
  return `${word}: ${parts.join(" ")}`.trim();
}

test("what each does", () => {
  expect(Object.keys(mountOptions).map(print).join("\n")).toMatchInlineSnapshot(`
    "defaults:
    ro: +RDONLY +MS_RDONLY superRo true
    rw: -RDONLY -MS_RDONLY superRo false
    nosuid: +NOSUID +MS_NOSUID
    suid: -NOSUID -MS_NOSUID
    nodev: +NODEV +MS_NODEV
    dev: -NODEV -MS_NODEV
    noexec: +NOEXEC +MS_NOEXEC
    exec: -NOEXEC -MS_NOEXEC
    noatime: +NOATIME -_ATIME +MS_NOATIME
    atime: +RELATIME -_ATIME -MS_NOATIME
    relatime: +RELATIME -_ATIME +MS_RELATIME
    norelatime: +RELATIME -_ATIME -MS_RELATIME
    strictatime: +STRICTATIME -_ATIME +MS_STRICTATIME
    nostrictatime: +RELATIME -_ATIME -MS_STRICTATIME
    nodiratime: +NODIRATIME +MS_NODIRATIME
    diratime: -NODIRATIME -MS_NODIRATIME
    nosymfollow: +NOSYMFOLLOW +MS_NOSYMFOLLOW
    symfollow: -NOSYMFOLLOW -MS_NOSYMFOLLOW
    rro: +RDONLY recursive
    rrw: -RDONLY recursive
    rnosuid: +NOSUID recursive
    rsuid: -NOSUID recursive
    rnodev: +NODEV recursive
    rdev: -NODEV recursive
    rnoexec: +NOEXEC recursive
    rexec: -NOEXEC recursive
    rnodiratime: +NODIRATIME recursive
    rdiratime: -NODIRATIME recursive
    rnosymfollow: +NOSYMFOLLOW recursive
    rsymfollow: -NOSYMFOLLOW recursive
    rnoatime: +NOATIME -_ATIME recursive
    ratime: +RELATIME -_ATIME recursive
    rrelatime: +RELATIME -_ATIME recursive
    rnorelatime: +RELATIME -_ATIME recursive
    rstrictatime: +STRICTATIME -_ATIME recursive
    rnostrictatime: +RELATIME -_ATIME recursive
    private: +MS_PRIVATE propagation MS_PRIVATE
    rprivate: +MS_PRIVATE +MS_REC propagation MS_PRIVATE recursive
    slave: +MS_SLAVE propagation MS_SLAVE
    rslave: +MS_SLAVE +MS_REC propagation MS_SLAVE recursive
    shared: +MS_SHARED propagation MS_SHARED
    rshared: +MS_SHARED +MS_REC propagation MS_SHARED recursive
    unbindable: +MS_UNBINDABLE propagation MS_UNBINDABLE
    runbindable: +MS_UNBINDABLE +MS_REC propagation MS_UNBINDABLE recursive
    bind: +MS_BIND bind bind
    rbind: +MS_BIND +MS_REC bind rbind
    sync: +MS_SYNCHRONOUS fsFlag sync
    async: -MS_SYNCHRONOUS fsFlag async
    dirsync: +MS_DIRSYNC fsFlag dirsync
    mand: +MS_MANDLOCK fsFlag mand
    nomand: -MS_MANDLOCK fsFlag nomand
    lazytime: +MS_LAZYTIME fsFlag lazytime
    nolazytime: -MS_LAZYTIME fsFlag nolazytime
    silent: +MS_SILENT onlyLegacy true
    loud: -MS_SILENT onlyLegacy true
    iversion: +MS_I_VERSION onlyLegacy true
    noiversion: -MS_I_VERSION onlyLegacy true
    remount: +MS_REMOUNT remount true
    idmap: extension idmap
    ridmap: extension ridmap
    tmpcopyup: extension tmpcopyup"
  `);
});

const attributes = (names: MountOption["attrSet"] = []): number =>
  names.reduce((sum, name) => sum | flagValue("MOUNT_ATTR", name, "x64"), 0);

test("an access-time mode clears the whole field, and no option clears a part of it", () => {
  const field = flagValue("MOUNT_ATTR", "MOUNT_ATTR__ATIME", "x64");
  for (const [word, { attrSet, attrClear }] of Object.entries(mountOptions)) {
    expect([word, [0, field]]).toEqual([word, expect.arrayContaining([attributes(attrClear) & field])]);
    const setsMode = (attrSet ?? []).some((name) => /_(NO|REL|STRICT)ATIME$/.test(name));
    expect([word, setsMode]).toEqual([word, (attributes(attrClear) & field) !== 0]);
  }
});

test("an r option does to the mounts below what the plain one does to one", () => {
  for (const [word, option] of Object.entries(mountOptions)) {
    if (option.recursive !== true) continue;
    const plain = mountOptions[word.slice(1)] ?? {};
    expect([word, option.attrSet, option.attrClear]).toEqual([word, plain.attrSet, plain.attrClear]);
  }
});
