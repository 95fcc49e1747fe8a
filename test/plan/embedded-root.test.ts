import { expect, test } from "bun:test";
import { embeddedSpec } from "../../src/config/embedded-spec.ts";
import { calls, plainFacts, planOf, userFacts } from "./plan-for.ts";

const spec = (rootless?: { uid: number; gid: number }) =>
  embeddedSpec({ root: "/run/box/web/root", hostname: "web", terminal: false, term: undefined, rootless });

test("a copy-on-write view of the host's /, gone with the mount namespace", () => {
  expect(calls(planOf(spec(), plainFacts, true), "init: root")).toMatchInlineSnapshot(`
    "mount("none", "/", NULL, MS_REC|MS_SLAVE, NULL)
    openat(AT_FDCWD, "/run/box/web/root", O_PATH|O_DIRECTORY|O_CLOEXEC, 0) → folder of the layers
    fsopen("tmpfs", FSOPEN_CLOEXEC) → mount context
    fsconfig(mount context, FSCONFIG_SET_STRING, "source", "box", 0)
    fsconfig(mount context, FSCONFIG_SET_STRING, "mode", "755", 0)
    fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
    fsmount(mount context, FSMOUNT_CLOEXEC, 0) → layers
    close(mount context)
    move_mount(layers, "", folder of the layers, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    mkdirat(layers, "upper", 0755)
    mkdirat(layers, "work", 0700)
    fchdir(layers)
    fsopen("overlay", FSOPEN_CLOEXEC) → mount context
    fsconfig(mount context, FSCONFIG_SET_STRING, "source", "box", 0)
    fsconfig(mount context, FSCONFIG_SET_STRING, "lowerdir", "/", 0)
    fsconfig(mount context, FSCONFIG_SET_STRING, "upperdir", "upper", 0)
    fsconfig(mount context, FSCONFIG_SET_STRING, "workdir", "work", 0)
    fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
    fsmount(mount context, FSMOUNT_CLOEXEC, 0) → copy-on-write view
    close(mount context)
    openat(AT_FDCWD, "/run/box/web/root", O_PATH|O_DIRECTORY|O_CLOEXEC, 0) → folder of the layers
    move_mount(copy-on-write view, "", folder of the layers, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    openat(AT_FDCWD, "/run/box/web/root", O_PATH|O_DIRECTORY|O_CLOEXEC, 0) → root folder
    open_tree(root folder, "", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_EMPTY_PATH|AT_RECURSIVE) → root
    openat(AT_FDCWD, "/dev/null", O_PATH|O_NOFOLLOW|O_CLOEXEC, 0) → the host's /dev/null
    statx(the host's /dev/null, "", AT_EMPTY_PATH, STATX_TYPE, &statx)
    compute (mode of /dev/null) & 0xf000
    compute device number of /dev/null
    fsopen("tmpfs", FSOPEN_CLOEXEC) → context of the empty folder
    fsconfig(context of the empty folder, FSCONFIG_SET_STRING, "source", "tmpfs", 0)
    fsconfig(context of the empty folder, FSCONFIG_SET_STRING, "nr_inodes", "1", 0)
    fsconfig(context of the empty folder, FSCONFIG_SET_STRING, "mode", "755", 0)
    fsconfig(context of the empty folder, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
    fsmount(context of the empty folder, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY|MOUNT_ATTR_NOSUID|MOUNT_ATTR_NODEV|MOUNT_ATTR_NOEXEC) → empty folder
    move_mount(empty folder, "", root folder, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    move_mount(root, "", root folder, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)"
  `);
});

test("in a user namespace of its own it is the host's / itself, read-only with all below it", () => {
  const plan = planOf(spec({ uid: 1000, gid: 1000 }), { ...plainFacts, ...userFacts }, true);
  expect(calls(plan, "init: root").split("\n").slice(1, 5).join("\n")).toMatchInlineSnapshot(`
    "open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_RECURSIVE) → read-only view
    mount_setattr(read-only view, "", AT_EMPTY_PATH|AT_RECURSIVE, {attr_set: MOUNT_ATTR_RDONLY}, 32)
    openat(AT_FDCWD, "/run/box/web/root", O_PATH|O_DIRECTORY|O_CLOEXEC, 0) → folder of the view
    move_mount(read-only view, "", folder of the view, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)"
  `);
  expect(plan.notes).toContain("root: without root's rights the host's / is read-only here; only /tmp and /dev/shm take files");
});

test("its mount point is made in the state folder, and removed", () => {
  const lines = (heading: string): string =>
    calls(planOf(spec(), plainFacts, true), heading)
      .split("\n")
      .filter((line) => line.includes('"root"'))
      .join("\n");
  expect([lines("box: state, cgroups and the child"), lines("box: while the container runs")]).toEqual([
    'mkdirat(state folder, "root", 0755)',
    'unlinkat(state folder, "root", AT_REMOVEDIR)',
  ]);
});
