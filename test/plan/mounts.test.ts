import { describe, expect, test } from "bun:test";
import type { Mount } from "../../src/config/spec.ts";
import { faultLines } from "../config/print-faults.ts";
import { calls, planWith, section } from "./plan-for.ts";

const callsFor = (...mounts: Mount[]): string => calls(planWith({ mounts }), "init: mounts");
const refused = (mount: Mount): string[] => faultLines(() => planWith({ mounts: [mount] }));

describe("a bind mount", () => {
  test("of a folder or a file, read-only", () => {
    expect(
      section(
        planWith({ mounts: [{ destination: "/etc/hosts", type: "bind", source: "/srv/hosts", options: ["bind", "ro", "noatime"] }] }),
        "init: mounts",
      ),
    ).toMatchInlineSnapshot(`
    "open_tree(AT_FDCWD, "/srv/hosts", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC) → /etc/hosts
            mounts[0]: bind /srv/hosts to /etc/hosts
    statx(/etc/hosts, "", AT_EMPTY_PATH, STATX_TYPE, &statx)
            mounts[0]: see whether the source is a folder
    compute (mode of /srv/hosts) & 0xf000
            mounts[0]: is the source a folder?
        [done] openat2(root, "etc/hosts", {flags: O_PATH|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → place of /etc/hosts   (again on EAGAIN)
                mounts[0]: open /etc/hosts in the container's root
            [ENOENT] mkdirat(root, "etc", 0755)
                    mounts[0]: make the folder /etc in the container's root
            [ENOENT] openat2(root, "etc", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → /etc   (again on EAGAIN)
                    mounts[0]: open /etc in the container's root
            [ENOENT] mknodat(/etc, "hosts", 0100644, makedev(0, 0))
                    mounts[0]: make the file /etc/hosts to mount on
            [ENOENT] openat2(root, "etc/hosts", {flags: O_PATH|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → place of /etc/hosts   (again on EAGAIN)
                    mounts[0]: open /etc/hosts in the container's root
        [if 16384] openat2(root, "etc/hosts", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → place of /etc/hosts   (again on EAGAIN)
                mounts[0]: open /etc/hosts in the container's root
            [ENOENT] mkdirat(root, "etc", 0755)
                    mounts[0]: make the folder /etc in the container's root
            [ENOENT] openat2(root, "etc", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → /etc   (again on EAGAIN)
                    mounts[0]: open /etc in the container's root
            [ENOENT] mkdirat(/etc, "hosts", 0755)
                    mounts[0]: make the folder /etc/hosts in the container's root
            [ENOENT] openat2(root, "etc/hosts", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → place of /etc/hosts   (again on EAGAIN)
                    mounts[0]: open /etc/hosts in the container's root
    move_mount(/etc/hosts, "", place of /etc/hosts, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
            mounts[0]: bind /srv/hosts to /etc/hosts
    mount_setattr(/etc/hosts, "", AT_EMPTY_PATH, {attr_set: MOUNT_ATTR_RDONLY|MOUNT_ATTR_NOATIME, attr_clr: MOUNT_ATTR__ATIME}, 32)
            mounts[0]: set the options of /etc/hosts
    close(place of /etc/hosts)
            mounts[0]: done with it
    close(/etc/hosts)
            mounts[0]: done with it"
  `);
  });
  test("of all mounts below", () => {
    expect(callsFor({ destination: "/data", source: "/srv/data", options: ["rbind", "rro", "rslave"] })).toMatchInlineSnapshot(`
    "open_tree(AT_FDCWD, "/srv/data", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_RECURSIVE) → /data
    statx(/data, "", AT_EMPTY_PATH, STATX_TYPE, &statx)
    compute (mode of /srv/data) & 0xf000
    move_mount(/data, "", place of /data, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    mount_setattr(/data, "", AT_EMPTY_PATH|AT_RECURSIVE, {attr_set: MOUNT_ATTR_RDONLY, attr_clr: 0}, 32)
    mount_setattr(/data, "", AT_EMPTY_PATH|AT_RECURSIVE, {propagation: MS_SLAVE}, 32)
    close(place of /data)
    close(/data)"
  `);
  });
  test("of type none, with a source in the bundle", () => {
    expect(callsFor({ destination: "/data", type: "none", source: "some/data", options: ["bind"] })).toMatchInlineSnapshot(`
    "open_tree(AT_FDCWD, "/srv/web/some/data", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC) → /data
    statx(/data, "", AT_EMPTY_PATH, STATX_TYPE, &statx)
    compute (mode of some/data) & 0xf000
    move_mount(/data, "", place of /data, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    close(place of /data)
    close(/data)"
  `);
  });
  test("that stays a peer of the host's is copied before the mounts are cut off", () => {
    const mounts = [{ destination: "/data", type: "bind", source: "/srv/data", options: ["rbind", "rshared"] }];
    const plan = planWith({ mounts, linux: { rootfsPropagation: "shared" } });
    expect(calls(plan, "init: root").split("\n").slice(0, 2).join("\n")).toMatchInlineSnapshot(`
      "open_tree(AT_FDCWD, "/srv/data", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_RECURSIVE) → /data
      mount("none", "/", NULL, MS_REC|MS_SLAVE, NULL)"
    `);
    expect(calls(plan, "init: mounts")).not.toContain("open_tree");
    // As with runc, only under a root that is shared itself: else nothing that the container mounts reaches the host.
    expect(calls(planWith({ mounts }), "init: root")).toStartWith('mount("none", "/", NULL, MS_REC|MS_SLAVE, NULL)');
  });
  test("has no option that nothing knows", () =>
    expect(refused({ destination: "/data", type: "bind", source: "/srv", options: ["bind", "nosuidd", "size=5"] })).toEqual([
      'mounts[0].options[1]: expected an option of a bind mount, got "nosuidd", did you mean "nosuid"?',
      'mounts[0].options[2]: expected an option of a bind mount, got "size=5"',
    ]));
});

describe("a filesystem", () => {
  test("tmpfs takes over the mode that it covers, if there was a folder", () => {
    const lines = section(planWith({ mounts: [{ destination: "/run", type: "tmpfs", options: ["nosuid"] }] }), "init: mounts").split("\n");
    // What a step is, without its reason.
    expect(lines.filter((line) => !line.trimStart().startsWith("mounts[0]: ")).join("\n")).toMatchInlineSnapshot(`
    "fsopen("tmpfs", FSOPEN_CLOEXEC) → mount context
    fsconfig(mount context, FSCONFIG_SET_STRING, "source", "tmpfs", 0)
    fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
    fsmount(mount context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID) → /run
    close(mount context)
    openat2(root, "run", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → place of /run   (again on EAGAIN)
        [done] statx(place of /run, "", AT_EMPTY_PATH, STATX_MODE, &statx)
        [done] compute (mode of /run) & 0xfff → mode for /run
        [done] openat(/run, ".", O_RDONLY|O_DIRECTORY|O_CLOEXEC, 0) → /run opened
        [done] fchmod(/run opened, mode for /run)
        [done] close(/run opened)
        [ENOENT] mkdirat(root, "run", 0755)
        [ENOENT] openat2(root, "run", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → place of /run   (again on EAGAIN)
    move_mount(/run, "", place of /run, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    close(place of /run)
    close(/run)"
  `);
  });
  test("tmpfs with a mode of its own", () => {
    expect(
      callsFor({ destination: "/run", type: "tmpfs", source: "run", options: ["mode=700", "size=1m", "noexec"] }),
    ).toMatchInlineSnapshot(`
    "fsopen("tmpfs", FSOPEN_CLOEXEC) → mount context
    fsconfig(mount context, FSCONFIG_SET_STRING, "source", "run", 0)
    fsconfig(mount context, FSCONFIG_SET_STRING, "mode", "700", 0)
    fsconfig(mount context, FSCONFIG_SET_STRING, "size", "1m", 0)
    fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
    fsmount(mount context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOEXEC) → /run
    close(mount context)
    openat2(root, "run", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → place of /run   (again on EAGAIN)
    move_mount(/run, "", place of /run, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    close(place of /run)
    close(/run)"
  `);
  });
  test("tmpfs is made read-only when all in it is made", () => {
    const plan = planWith({ mounts: [{ destination: "/ro", type: "tmpfs", options: ["ro", "mode=755"] }] });
    expect(calls(plan, "init: mounts")).not.toContain("MOUNT_ATTR_RDONLY");
    expect(calls(plan, "init: masked and read-only paths").split("\n").slice(0, 2).join("\n")).toMatchInlineSnapshot(`
      "mount_setattr(/ro, "", AT_EMPTY_PATH, {attr_set: MOUNT_ATTR_RDONLY, attr_clr: 0}, 32)
      close(/ro)"
    `);
  });
  test("proc and sysfs follow no link", () => {
    expect(
      callsFor({ destination: "/proc", type: "proc", options: ["hidepid=2"] }, { destination: "/sys", type: "sysfs", options: ["ro"] }),
    ).toMatchInlineSnapshot(`
    "fsopen("proc", FSOPEN_CLOEXEC) → mount context
    fsconfig(mount context, FSCONFIG_SET_STRING, "source", "proc", 0)
    fsconfig(mount context, FSCONFIG_SET_STRING, "hidepid", "2", 0)
    fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
    fsmount(mount context, FSMOUNT_CLOEXEC, 0) → /proc
    close(mount context)
    openat2(root, "proc", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS}, 24) → place of /proc   (again on EAGAIN)
    move_mount(/proc, "", place of /proc, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    close(place of /proc)
    close(/proc)
    fsopen("sysfs", FSOPEN_CLOEXEC) → mount context
    fsconfig(mount context, FSCONFIG_SET_STRING, "source", "sysfs", 0)
    fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
    fsmount(mount context, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY) → /sys
    close(mount context)
    openat2(root, "sys", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS}, 24) → place of /sys   (again on EAGAIN)
    move_mount(/sys, "", place of /sys, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    close(place of /sys)
    close(/sys)"
  `);
  });
  test("of a disk that cannot be written", () => {
    expect(callsFor({ destination: "/disk", type: "ext4", source: "/dev/vdb", options: ["ro", "data=ordered"] })).toMatchInlineSnapshot(`
    "fsopen("ext4", FSOPEN_CLOEXEC) → mount context
    fsconfig(mount context, FSCONFIG_SET_STRING, "source", "/dev/vdb", 0)
    fsconfig(mount context, FSCONFIG_SET_STRING, "data", "ordered", 0)
    fsconfig(mount context, FSCONFIG_SET_FLAG, "ro", NULL, 0)
    fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
    fsmount(mount context, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY) → /disk
    close(mount context)
    openat2(root, "disk", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → place of /disk   (again on EAGAIN)
    move_mount(/disk, "", place of /disk, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    close(place of /disk)
    close(/disk)"
  `);
  });
  test("with a propagation of its own", () => {
    expect(
      callsFor({ destination: "/x", type: "tmpfs", options: ["mode=755", "rshared"] })
        .split("\n")
        .slice(-4)
        .join("\n"),
    ).toMatchInlineSnapshot(`
    "move_mount(/x, "", place of /x, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    mount_setattr(/x, "", AT_EMPTY_PATH|AT_RECURSIVE, {propagation: MS_SHARED}, 32)
    close(place of /x)
    close(/x)"
  `);
  });
});

test("a mount point that is missing is made a name at a time", () => {
  expect(
    section(planWith({ mounts: [{ destination: "/a/../b//c", type: "tmpfs", options: ["mode=755"] }] }), "init: mounts")
      .split("\n")
      .filter((line) => line.includes("b"))
      .join("\n"),
  ).toMatchInlineSnapshot(`
    "        mounts[0]: mount tmpfs on /b/c
            mounts[0]: mount tmpfs on /b/c
            mounts[0]: mount tmpfs on /b/c
            mounts[0]: mount tmpfs on /b/c
    fsmount(mount context, FSMOUNT_CLOEXEC, 0) → /b/c
            mounts[0]: mount tmpfs on /b/c
    openat2(root, "b/c", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → place of /b/c   (again on EAGAIN)
            mounts[0]: open /b/c in the container's root
        [ENOENT] mkdirat(root, "b", 0755)
                mounts[0]: make the folder /b in the container's root
        [ENOENT] openat2(root, "b", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → /b   (again on EAGAIN)
                mounts[0]: open /b in the container's root
        [ENOENT] mkdirat(/b, "c", 0755)
                mounts[0]: make the folder /b/c in the container's root
        [ENOENT] openat2(root, "b/c", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → place of /b/c   (again on EAGAIN)
                mounts[0]: open /b/c in the container's root
    move_mount(/b/c, "", place of /b/c, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
            mounts[0]: mount tmpfs on /b/c
    close(place of /b/c)
    close(/b/c)"
  `);
});

test("nothing is mounted over the root itself", () =>
  expect(refused({ destination: "/a/..", type: "tmpfs" })).toEqual(['mounts[0].destination: expected a path below /, got "/a/.."']));

test("a new filesystem is no remount, a bind mount may be called one", () => {
  expect(refused({ destination: "/a", type: "tmpfs", options: ["ro", "remount"] })).toEqual([
    'mounts[0].options[1]: "remount" goes with a bind mount only',
  ]);
  expect(refused({ destination: "/a", source: "/srv", options: ["bind", "remount", "ro"] })).toEqual([]);
});
