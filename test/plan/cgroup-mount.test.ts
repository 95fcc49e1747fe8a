import { describe, expect, test } from "bun:test";
import type { Namespace } from "../../src/config/spec.ts";
import { type Changes, calls, cgroupLayouts, planWith } from "./plan-for.ts";

const own: Namespace[] = [{ type: "mount" }, { type: "cgroup" }];
const hosts: Namespace[] = [{ type: "mount" }];

const callsOn = (cgroups: keyof typeof cgroupLayouts, namespaces: Namespace[], options: string[], changes: Changes = {}): string =>
  calls(
    planWith({
      ...changes,
      mounts: [{ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options }],
      linux: { namespaces },
      facts: { cgroups: cgroupLayouts[cgroups], ...changes.facts },
    }),
    "init: mounts",
  );

describe("on pure v2", () => {
  test("in a cgroup namespace a new mount shows the container's own cgroup", () => {
    expect(callsOn("v2", own, ["nosuid", "ro"])).toMatchInlineSnapshot(`
    "fsopen("cgroup2", FSOPEN_CLOEXEC) → mount context
    fsconfig(mount context, FSCONFIG_SET_STRING, "source", "cgroup", 0)
    fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
    fsmount(mount context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID|MOUNT_ATTR_RDONLY) → /sys/fs/cgroup
    close(mount context)
    openat2(root, "sys/fs/cgroup", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → place of /sys/fs/cgroup   (again on EAGAIN)
    move_mount(/sys/fs/cgroup, "", place of /sys/fs/cgroup, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    close(place of /sys/fs/cgroup)
    close(/sys/fs/cgroup)"
  `);
  });
  test("without one its cgroup is bound, with the same options", () => {
    expect(callsOn("v2", hosts, ["nosuid", "ro"])).toMatchInlineSnapshot(`
    "open_tree(AT_FDCWD, "/sys/fs/cgroup/user.slice/web", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC) → /sys/fs/cgroup
    openat2(root, "sys/fs/cgroup", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → place of /sys/fs/cgroup   (again on EAGAIN)
    move_mount(/sys/fs/cgroup, "", place of /sys/fs/cgroup, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    mount_setattr(/sys/fs/cgroup, "", AT_EMPTY_PATH, {attr_set: MOUNT_ATTR_NOSUID|MOUNT_ATTR_RDONLY, attr_clr: 0}, 32)
    close(place of /sys/fs/cgroup)
    close(/sys/fs/cgroup)"
  `);
  });
});

describe("on v1", () => {
  test("in a cgroup namespace", () => {
    expect(callsOn("v1", own, ["ro", "relatime"])).toMatchInlineSnapshot(`
    "fsopen("tmpfs", FSOPEN_CLOEXEC) → mount context
    fsconfig(mount context, FSCONFIG_SET_STRING, "source", "tmpfs", 0)
    fsconfig(mount context, FSCONFIG_SET_STRING, "mode", "755", 0)
    fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
    fsmount(mount context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID|MOUNT_ATTR_NODEV|MOUNT_ATTR_NOEXEC) → /sys/fs/cgroup
    close(mount context)
    openat2(root, "sys/fs/cgroup", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → place of /sys/fs/cgroup   (again on EAGAIN)
    move_mount(/sys/fs/cgroup, "", place of /sys/fs/cgroup, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    mkdirat(/sys/fs/cgroup, "devices", 0755)
    openat(/sys/fs/cgroup, "devices", O_PATH|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC, 0) → place of /sys/fs/cgroup/devices
    fsopen("cgroup", FSOPEN_CLOEXEC) → mount context
    fsconfig(mount context, FSCONFIG_SET_STRING, "source", "cgroup", 0)
    fsconfig(mount context, FSCONFIG_SET_FLAG, "devices", NULL, 0)
    fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
    fsmount(mount context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID|MOUNT_ATTR_NODEV|MOUNT_ATTR_NOEXEC|MOUNT_ATTR_RDONLY|MOUNT_ATTR_RELATIME) → /sys/fs/cgroup/devices
    close(mount context)
    move_mount(/sys/fs/cgroup/devices, "", place of /sys/fs/cgroup/devices, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    mount_setattr(/sys/fs/cgroup, "", AT_EMPTY_PATH, {attr_set: MOUNT_ATTR_RDONLY|MOUNT_ATTR_RELATIME, attr_clr: MOUNT_ATTR__ATIME}, 32)
    close(place of /sys/fs/cgroup)
    close(/sys/fs/cgroup)"
  `);
  });
  test("without one the container's cgroup is bound", () => {
    expect(callsOn("v1", hosts, ["ro"])).toMatchInlineSnapshot(`
    "fsopen("tmpfs", FSOPEN_CLOEXEC) → mount context
    fsconfig(mount context, FSCONFIG_SET_STRING, "source", "tmpfs", 0)
    fsconfig(mount context, FSCONFIG_SET_STRING, "mode", "755", 0)
    fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
    fsmount(mount context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID|MOUNT_ATTR_NODEV|MOUNT_ATTR_NOEXEC) → /sys/fs/cgroup
    close(mount context)
    openat2(root, "sys/fs/cgroup", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → place of /sys/fs/cgroup   (again on EAGAIN)
    move_mount(/sys/fs/cgroup, "", place of /sys/fs/cgroup, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    mkdirat(/sys/fs/cgroup, "devices", 0755)
    openat(/sys/fs/cgroup, "devices", O_PATH|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC, 0) → place of /sys/fs/cgroup/devices
    open_tree(AT_FDCWD, "/sys/fs/cgroup/devices/web", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC) → /sys/fs/cgroup/devices
    move_mount(/sys/fs/cgroup/devices, "", place of /sys/fs/cgroup/devices, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    mount_setattr(/sys/fs/cgroup/devices, "", AT_EMPTY_PATH, {attr_set: MOUNT_ATTR_NOSUID|MOUNT_ATTR_NODEV|MOUNT_ATTR_NOEXEC|MOUNT_ATTR_RDONLY, attr_clr: 0}, 32)
    mount_setattr(/sys/fs/cgroup, "", AT_EMPTY_PATH, {attr_set: MOUNT_ATTR_RDONLY, attr_clr: 0}, 32)
    close(place of /sys/fs/cgroup)
    close(/sys/fs/cgroup)"
  `);
  });
});

test("on v1 beside v2: controllers that are mounted together, a hierarchy by name", () => {
  expect(callsOn("hybrid", own, [])).toMatchInlineSnapshot(`
    "fsopen("tmpfs", FSOPEN_CLOEXEC) → mount context
    fsconfig(mount context, FSCONFIG_SET_STRING, "source", "tmpfs", 0)
    fsconfig(mount context, FSCONFIG_SET_STRING, "mode", "755", 0)
    fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
    fsmount(mount context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID|MOUNT_ATTR_NODEV|MOUNT_ATTR_NOEXEC) → /sys/fs/cgroup
    close(mount context)
    openat2(root, "sys/fs/cgroup", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → place of /sys/fs/cgroup   (again on EAGAIN)
    move_mount(/sys/fs/cgroup, "", place of /sys/fs/cgroup, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    mkdirat(/sys/fs/cgroup, "cpu,cpuacct", 0755)
    openat(/sys/fs/cgroup, "cpu,cpuacct", O_PATH|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC, 0) → place of /sys/fs/cgroup/cpu,cpuacct
    fsopen("cgroup", FSOPEN_CLOEXEC) → mount context
    fsconfig(mount context, FSCONFIG_SET_STRING, "source", "cgroup", 0)
    fsconfig(mount context, FSCONFIG_SET_FLAG, "cpu", NULL, 0)
    fsconfig(mount context, FSCONFIG_SET_FLAG, "cpuacct", NULL, 0)
    fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
    fsmount(mount context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID|MOUNT_ATTR_NODEV|MOUNT_ATTR_NOEXEC) → /sys/fs/cgroup/cpu,cpuacct
    close(mount context)
    move_mount(/sys/fs/cgroup/cpu,cpuacct, "", place of /sys/fs/cgroup/cpu,cpuacct, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    symlinkat("cpu,cpuacct", /sys/fs/cgroup, "cpu")
    symlinkat("cpu,cpuacct", /sys/fs/cgroup, "cpuacct")
    mkdirat(/sys/fs/cgroup, "cpuset", 0755)
    openat(/sys/fs/cgroup, "cpuset", O_PATH|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC, 0) → place of /sys/fs/cgroup/cpuset
    fsopen("cgroup", FSOPEN_CLOEXEC) → mount context
    fsconfig(mount context, FSCONFIG_SET_STRING, "source", "cgroup", 0)
    fsconfig(mount context, FSCONFIG_SET_FLAG, "cpuset", NULL, 0)
    fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
    fsmount(mount context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID|MOUNT_ATTR_NODEV|MOUNT_ATTR_NOEXEC) → /sys/fs/cgroup/cpuset
    close(mount context)
    move_mount(/sys/fs/cgroup/cpuset, "", place of /sys/fs/cgroup/cpuset, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    mkdirat(/sys/fs/cgroup, "systemd", 0755)
    openat(/sys/fs/cgroup, "systemd", O_PATH|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC, 0) → place of /sys/fs/cgroup/systemd
    fsopen("cgroup", FSOPEN_CLOEXEC) → mount context
    fsconfig(mount context, FSCONFIG_SET_STRING, "source", "cgroup", 0)
    fsconfig(mount context, FSCONFIG_SET_FLAG, "none", NULL, 0)
    fsconfig(mount context, FSCONFIG_SET_STRING, "name", "systemd", 0)
    fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
    fsmount(mount context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID|MOUNT_ATTR_NODEV|MOUNT_ATTR_NOEXEC) → /sys/fs/cgroup/systemd
    close(mount context)
    move_mount(/sys/fs/cgroup/systemd, "", place of /sys/fs/cgroup/systemd, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    close(place of /sys/fs/cgroup)
    close(/sys/fs/cgroup)"
  `);
});

test("where this user may make no cgroup there is nothing to show", () => {
  expect(callsOn("v1", hosts, [], { facts: { cgroups: { ...cgroupLayouts.v1, writable: false } } })).toMatchInlineSnapshot(`
    "fsopen("tmpfs", FSOPEN_CLOEXEC) → mount context
    fsconfig(mount context, FSCONFIG_SET_STRING, "source", "tmpfs", 0)
    fsconfig(mount context, FSCONFIG_SET_STRING, "mode", "755", 0)
    fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
    fsmount(mount context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID|MOUNT_ATTR_NODEV|MOUNT_ATTR_NOEXEC) → /sys/fs/cgroup
    close(mount context)
    openat2(root, "sys/fs/cgroup", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → place of /sys/fs/cgroup   (again on EAGAIN)
    move_mount(/sys/fs/cgroup, "", place of /sys/fs/cgroup, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    close(place of /sys/fs/cgroup)
    close(/sys/fs/cgroup)"
  `);
});

test("without any cgroups of the host it is a filesystem like others", () => {
  expect(callsOn("none", own, ["ro"])).toMatchInlineSnapshot(`
    "fsopen("cgroup", FSOPEN_CLOEXEC) → mount context
    fsconfig(mount context, FSCONFIG_SET_STRING, "source", "cgroup", 0)
    fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
    fsmount(mount context, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY) → /sys/fs/cgroup
    close(mount context)
    openat2(root, "sys/fs/cgroup", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → place of /sys/fs/cgroup   (again on EAGAIN)
    move_mount(/sys/fs/cgroup, "", place of /sys/fs/cgroup, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    close(place of /sys/fs/cgroup)
    close(/sys/fs/cgroup)"
  `);
});
