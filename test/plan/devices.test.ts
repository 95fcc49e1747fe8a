import { expect, test } from "bun:test";
import type { Mount } from "../../src/config/spec.ts";
import { calls, planWith, section } from "./plan-for.ts";

test("nodes and links", () => {
  expect(calls(planWith({}), "init: devices")).toMatchInlineSnapshot(`
    "openat2(root, "dev", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → /dev   (again on EAGAIN)
    mknodat(/dev, "null", 020666, makedev(1, 3))
    mknodat(/dev, "random", 020666, makedev(1, 8))
    mknodat(/dev, "full", 020666, makedev(1, 7))
    mknodat(/dev, "tty", 020666, makedev(5, 0))
    mknodat(/dev, "zero", 020666, makedev(1, 5))
    mknodat(/dev, "urandom", 020666, makedev(1, 9))
    symlinkat("/proc/self/fd", /dev, "fd")
    symlinkat("/proc/self/fd/0", /dev, "stdin")
    symlinkat("/proc/self/fd/1", /dev, "stdout")
    symlinkat("/proc/self/fd/2", /dev, "stderr")
    faccessat2(AT_FDCWD, "/proc/kcore", F_OK, 0)
    symlinkat("pts/ptmx", /dev, "ptmx")
    close(/dev)"
  `);
});

test("no process in a user namespace may make nodes, so the host's are bound", () => {
  expect(calls(planWith({ facts: { inUserNamespace: true } }), "init: devices")).not.toContain("makedev(1");
  expect(calls(planWith({ facts: { inUserNamespace: true } }), "init: devices")).toContain('open_tree(AT_FDCWD, "/dev/null"');
});

test("in a user namespace devices are bound at once", () => {
  const ids = [{ containerID: 0, hostID: 0, size: 1 }];
  const plan = planWith({ linux: { namespaces: [{ type: "mount" }, { type: "user" }], uidMappings: ids, gidMappings: ids } });
  expect(calls(plan, "init: devices").split("\n").slice(0, 8).join("\n")).toMatchInlineSnapshot(`
    "openat2(root, "dev", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → /dev   (again on EAGAIN)
    mknodat(/dev, "null", 0100666, makedev(0, 0))
    openat(/dev, "null", O_PATH|O_NOFOLLOW|O_CLOEXEC, 0) → place of /dev/null
    open_tree(AT_FDCWD, "/dev/null", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC) → /dev/null
    move_mount(/dev/null, "", place of /dev/null, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    close(place of /dev/null)
    close(/dev/null)
    mknodat(/dev, "random", 0100666, makedev(0, 0))"
  `);
});

test("another /dev/ptmx gives way to the container's own", () => {
  expect(section(planWith({}), "init: devices").split("\n").slice(-8).join("\n")).toMatchInlineSnapshot(`
    "symlinkat("pts/ptmx", /dev, "ptmx")
            mounts: link /dev/ptmx to pts/ptmx
        [EEXIST] unlinkat(/dev, "ptmx", 0)
                mounts: remove the /dev/ptmx that is there
            [done] symlinkat("pts/ptmx", /dev, "ptmx")
                    mounts: link /dev/ptmx to pts/ptmx
    close(/dev)
            mounts: done with it"
  `);
});

test("a /dev bound from elsewhere is used as it is", () => {
  const devBound = (mount: Partial<Mount>): string => {
    const plan = planWith({ mounts: [{ destination: "/dev/", source: "/dev", ...mount }] });
    return plan.child.some(({ title }) => title === "devices") ? "made" : "left alone";
  };
  expect([devBound({ type: "bind" }), devBound({ options: ["rbind"] }), devBound({ type: "devtmpfs" })]).toEqual([
    "left alone",
    "left alone",
    "made",
  ]);
});

test("without a mount on /dev the root's own folder is filled, before the root is read-only", () => {
  const plan = planWith({ mounts: [] });
  const titles = plan.child.map(({ title }) => title);
  expect(titles.indexOf("devices")).toBeLessThan(titles.indexOf("enter the root"));
  expect(calls(plan, "init: enter the root").split("\n")[0]).toBe(
    'mount_setattr(root, "", AT_EMPTY_PATH, {attr_set: MOUNT_ATTR_RDONLY, attr_clr: 0}, 32)',
  );
});
