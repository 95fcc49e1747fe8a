import { expect, test } from "bun:test";
import type { Flag } from "../../src/linux/flags.ts";
import { remountBits } from "../../src/plan/attributes.ts";
import { sortOptions } from "../../src/plan/sort-options.ts";
import { planWith, section } from "./plan-for.ts";

/** Flags of mount(2) by their numbers, for what statfs(2) says is there. */
const ms = {
  ro: 1,
  nosuid: 2,
  nodev: 4,
  noexec: 8,
  remount: 0x20,
  nosymfollow: 0x100,
  noatime: 0x400,
  nodiratime: 0x800,
  bind: 0x1000,
  relatime: 0x200000,
  strictatime: 0x1000000,
};
const words = (bits: number): string =>
  Object.entries(ms)
    .filter(([, bit]) => (bits & bit) !== 0)
    .map(([word]) => word)
    .join(",");

test("what a remount keeps and adds", () => {
  const cases = [
    "ro",
    "rw",
    "nosuid,nodev",
    "exec",
    "noatime",
    "relatime",
    "strictatime",
    "nodiratime",
    "diratime",
    "noatime,nodiratime",
    "nosymfollow",
  ];
  const lines = cases.map((options) => {
    const { keep, add } = remountBits(sortOptions(options.split(",")).attributes);
    return `${options}: keeps ${words(keep)}; adds ${words(add)}`;
  });
  expect(lines.join("\n")).toMatchInlineSnapshot(`
    "ro: keeps nosuid,nodev,noexec; adds ro,remount,bind
    rw: keeps nosuid,nodev,noexec; adds remount,bind
    nosuid,nodev: keeps ro,noexec; adds nosuid,nodev,remount,bind
    exec: keeps ro,nosuid,nodev; adds remount,bind
    noatime: keeps ro,nosuid,nodev,noexec,nodiratime; adds remount,noatime,bind
    relatime: keeps ro,nosuid,nodev,noexec,nodiratime; adds remount,bind,relatime
    strictatime: keeps ro,nosuid,nodev,noexec,nodiratime; adds remount,bind,strictatime
    nodiratime: keeps ro,nosuid,nodev,noexec,noatime; adds remount,nodiratime,bind,relatime
    diratime: keeps ro,nosuid,nodev,noexec,noatime; adds remount,bind,relatime
    noatime,nodiratime: keeps ro,nosuid,nodev,noexec; adds remount,noatime,nodiratime,bind
    nosymfollow: keeps ro,nosuid,nodev,noexec; adds remount,nosymfollow,bind"
  `);
});

test("no flag that is there is lost, whatever is set", () => {
  const lockable: Flag<"MOUNT_ATTR">[] = ["MOUNT_ATTR_RDONLY", "MOUNT_ATTR_NOSUID", "MOUNT_ATTR_NODEV", "MOUNT_ATTR_NOEXEC"];
  for (const name of lockable) {
    const { keep, add } = remountBits({ set: [name], clear: [] });
    expect((keep | add) & 0xf).toBe(0xf);
  }
});

const bind = (...options: string[]) => [{ destination: "/data", type: "bind", source: "/srv/data", options }];

test("with mount_setattr one call does it", () => {
  const lines = section(planWith({ mounts: bind("bind", "ro", "noatime") }), "init: mounts").split("\n");
  expect(lines.filter((line) => /^mount_setattr|^fstatfs|mount\("/.test(line))).toEqual([
    'mount_setattr(/data, "", AT_EMPTY_PATH, {attr_set: MOUNT_ATTR_RDONLY|MOUNT_ATTR_NOATIME, attr_clr: MOUNT_ATTR__ATIME}, 32)',
  ]);
});

const older = { mountSetattr: false };

test("on an older kernel it is a remount, of a folder or of a file", () => {
  const lines = section(planWith({ mounts: bind("bind", "ro"), facts: older }), "init: mounts").split("\n");
  const start = lines.findIndex((line) => line.startsWith("fstatfs"));
  expect(
    lines
      .slice(
        start,
        lines.findIndex((line, index) => index > start && line.startsWith("close")),
      )
      .join("\n"),
  ).toMatchInlineSnapshot(`
    "fstatfs(/data, &statfs)
            mounts[0]: see which flags the mount has
    compute (flags of the mount) & 0xe → flags to remount with
            mounts[0]: keep what does not change
    compute flags to remount with + 4129 → flags to remount with
            mounts[0]: add what does
    compute (flags of the mount) & 0x2000
            mounts[0]: has it nosymfollow?
        [if 8192] compute flags to remount with + 256 → flags to remount with
                mounts[0]: keep nosymfollow
    fchdir(/data)
            mounts[0]: stand in the mount
        [done] mount("none", ".", NULL, flags to remount with, NULL)
                mounts[0]: set the options of /data, on a kernel before 5.12
        [ENOTDIR] dup3(/data, 900, O_CLOEXEC)
                mounts[0]: give the mount a known number
        [ENOTDIR] mount("none", "/proc/self/fd/900", NULL, flags to remount with, NULL)
                mounts[0]: set the options of /data, on a kernel before 5.12
        [ENOTDIR] close(900)
                mounts[0]: done with it"
  `);
});

test("on an older kernel propagation is set in the same way", () => {
  const lines = section(planWith({ mounts: bind("rbind", "rslave"), facts: older }), "init: mounts").split("\n");
  expect(lines.filter((line) => line.includes("mount(")).join("\n")).toMatchInlineSnapshot(`
    "move_mount(/data, "", place of /data, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
        [done] mount("none", ".", NULL, MS_SLAVE|MS_REC, NULL)
        [ENOTDIR] mount("none", "/proc/self/fd/900", NULL, MS_SLAVE|MS_REC, NULL)"
  `);
});

test("options for the mounts below have no older way", () => {
  const lines = section(planWith({ mounts: bind("rbind", "rro"), facts: older }), "init: mounts").split("\n");
  expect(lines.filter((line) => /mount_setattr|mount\("/.test(line))).toEqual([
    'mount_setattr(/data, "", AT_EMPTY_PATH|AT_RECURSIVE, {attr_set: MOUNT_ATTR_RDONLY, attr_clr: 0}, 32)',
  ]);
});

test("read-only paths make do with the path itself there", () => {
  const lines = section(
    planWith({ linux: { maskedPaths: [], readonlyPaths: ["/proc/sys"] }, facts: older }),
    "init: masked and read-only paths",
  ).split("\n");
  expect(lines.filter((line) => /mount_setattr|mount\("/.test(line)).length).toBe(2);
});
