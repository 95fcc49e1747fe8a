import { expect, test } from "bun:test";
import { calls, planWith, section } from "./plan-for.ts";

const only = { maskedPaths: ["/proc/keys"], readonlyPaths: ["/proc/sys"] };
const paths = (linux: { maskedPaths: string[]; readonlyPaths: string[] }): string =>
  section(planWith({ linux }), "init: masked and read-only paths");

test("a masked path: a folder, a file, or nothing", () => {
  expect(paths({ ...only, readonlyPaths: [] })).toMatchInlineSnapshot(`
    "openat2(root, "proc/keys", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → masked path   (again on EAGAIN)
            linux.maskedPaths[0]: look for the folder /proc/keys
        [done] open_tree(empty folder, "", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_EMPTY_PATH) → cover
                linux.maskedPaths[0]: copy the empty folder as a mount
        [done] move_mount(cover, "", masked path, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
                linux.maskedPaths[0]: mask /proc/keys
        [ENOTDIR] openat2(root, "proc/keys", {flags: O_PATH|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → masked path   (again on EAGAIN)
                linux.maskedPaths[0]: look for the file /proc/keys
            [done] open_tree(the host's /dev/null, "", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_EMPTY_PATH) → cover
                    linux.maskedPaths[0]: copy /dev/null as a mount
            [done] move_mount(cover, "", masked path, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
                    linux.maskedPaths[0]: mask /proc/keys"
  `);
});

test("a read-only path, or nothing", () => {
  expect(
    paths({ ...only, maskedPaths: [] })
      .split("\n")
      .filter((line) => !line.includes("ENOSYS") && !/^ +linux/.test(line))
      .join("\n"),
  ).toMatchInlineSnapshot(`
    "openat2(root, "proc/sys", {flags: O_PATH|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → read-only path   (again on EAGAIN)
        [done] open_tree(read-only path, "", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_EMPTY_PATH|AT_RECURSIVE) → copy
        [done] move_mount(copy, "", read-only path, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
        [done] mount_setattr(copy, "", AT_EMPTY_PATH|AT_RECURSIVE, {attr_set: MOUNT_ATTR_RDONLY, attr_clr: 0}, 32)"
  `);
});

test("the null device is verified, and an empty folder made, before the root is laid over them", () => {
  expect(
    calls(planWith({ linux: only }), "init: root")
      .split("\n")
      .slice(3)
      .join("\n"),
  ).toMatchInlineSnapshot(`
    "openat(AT_FDCWD, "/dev/null", O_PATH|O_NOFOLLOW|O_CLOEXEC, 0) → the host's /dev/null
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

test("each path once, however it is written, and none that is masked is made read-only", () => {
  const origins = (linux: { maskedPaths: string[]; readonlyPaths: string[] }): string[] => [
    ...new Set(paths(linux).match(/linux\.\w+\[\d+\]/g)),
  ];
  expect(
    origins({
      maskedPaths: ["/proc/keys", "/proc//keys/", "/proc/acpi", "/proc/x/../keys", "/proc/acpi/below"],
      readonlyPaths: ["/proc/sys", "/proc/./sys", "/proc/acpi", "/proc/sys/kernel"],
    }),
  ).toEqual(["linux.readonlyPaths[0]", "linux.readonlyPaths[3]", "linux.maskedPaths[0]", "linux.maskedPaths[2]", "linux.maskedPaths[4]"]);
});

test("without masks neither is needed", () =>
  expect(calls(planWith({ linux: { ...only, maskedPaths: [] } }), "init: root")).not.toContain("/dev/null"));

for (const list of ["maskedPaths", "readonlyPaths"] as const)
  test(`the root itself in ${list} is refused, not passed over`, () => {
    for (const path of ["/", "/proc/.."])
      expect(() => paths({ maskedPaths: [], readonlyPaths: [], [list]: [path] })).toThrow(
        expect.objectContaining({
          facts: expect.objectContaining({
            faults: [expect.objectContaining({ path: `linux.${list}[0]`, expected: "a path below /", got: JSON.stringify(path) })],
          }),
        }),
      );
  });
