import { describe, expect, test } from "bun:test";
import { propagationFlag } from "../../src/plan/root.ts";
import { calls, planWith } from "./plan-for.ts";

const bare = { maskedPaths: [], readonlyPaths: [] };

test("a root is copied, laid over its folder, entered, and the host's tree let go", () => {
  const plan = planWith({ spec: { root: { path: "rootfs" } }, linux: bare });
  expect(`${calls(plan, "init: root")}\n${calls(plan, "init: enter the root")}`).toMatchInlineSnapshot(`
    "mount("none", "/", NULL, MS_REC|MS_SLAVE, NULL)
    openat(AT_FDCWD, "/srv/web/rootfs", O_PATH|O_DIRECTORY|O_CLOEXEC, 0) → root folder
    open_tree(root folder, "", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_EMPTY_PATH|AT_RECURSIVE) → root
    move_mount(root, "", root folder, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    fchdir(root)
    pivot_root(".", ".")
    umount2(".", MNT_DETACH)
    chdir("/")
    close(root)"
  `);
});

test("read-only is its last change", () => {
  expect(
    calls(planWith({ spec: { root: { path: "/srv/root", readonly: true } }, linux: bare }), "init: enter the root")
      .split("\n")
      .slice(0, 3)
      .join("\n"),
  ).toMatchInlineSnapshot(`
    "mount_setattr(root, "", AT_EMPTY_PATH, {attr_set: MOUNT_ATTR_RDONLY, attr_clr: 0}, 32)
    fchdir(root)
    pivot_root(".", ".")"
  `);
});

describe("propagation", () => {
  function propagates(word: string, before: string, after: string): void {
    test(word, () => {
      const plan = planWith({ linux: { ...bare, rootfsPropagation: word }, mounts: [] });
      const changes = (heading: string): string =>
        calls(plan, heading)
          .split("\n")
          .filter((line) => line.includes("propagation"))
          .join("\n");
      expect([changes("init: root"), changes("init: enter the root")]).toEqual([before, after]);
    });
  }
  const change = (flag: string, recursive: string): string =>
    `mount_setattr(root, "", AT_EMPTY_PATH${recursive}, {propagation: ${flag}}, 32)`;
  propagates("private", change("MS_PRIVATE", ""), "");
  propagates("rprivate", change("MS_PRIVATE", "|AT_RECURSIVE"), "");
  propagates("slave", "", "");
  propagates("rslave", "", "");
  propagates("shared", "", change("MS_SHARED", ""));
  propagates("rshared", "", change("MS_SHARED", "|AT_RECURSIVE"));
  propagates("unbindable", "", change("MS_UNBINDABLE", ""));
  propagates("runbindable", "", change("MS_UNBINDABLE", "|AT_RECURSIVE"));

  test("words", () =>
    expect([propagationFlag(""), propagationFlag("r"), propagationFlag("rslave")]).toEqual([
      undefined,
      undefined,
      { flag: "MS_SLAVE", recursive: true },
    ]));
});
