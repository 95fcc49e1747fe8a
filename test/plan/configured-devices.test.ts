// linux.devices in plans: what is made, where, and what becomes of devices that cannot be.

import { describe, expect, test } from "bun:test";
import type { Device } from "../../src/config/spec.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { planWith, section } from "./plan-for.ts";

const withDevices = (devices: Device[], facts: Partial<HostFacts> = {}): Plan => planWith({ linux: { devices }, facts });

/** The calls for configured devices, with what happens on errors and after success. */
const made = (plan: Plan): string =>
  section(plan, "init: devices")
    .split("\n")
    .filter((_line, index, lines) => (lines[index + 1] ?? "").includes("linux.devices["))
    .join("\n");

describe("a device", () => {
  test("in /dev, with an owner and without", () => {
    const devices: Device[] = [
      { path: "/dev/fuse", type: "c", major: 10, minor: 229, fileMode: 0o20666, uid: 0, gid: 0 },
      { path: "/dev/tty9", type: "u", major: 4, minor: 9, fileMode: 0o620, uid: 3, gid: 5 },
    ];
    expect(made(withDevices(devices))).toMatchInlineSnapshot(`
      "mknodat(/dev, "fuse", 020666, makedev(10, 229))
          [EPERM] mknodat(/dev, "fuse", 0100666, makedev(0, 0))
          [EPERM] openat(/dev, "fuse", O_PATH|O_NOFOLLOW|O_CLOEXEC, 0) → place of /dev/fuse
          [EPERM] open_tree(AT_FDCWD, "/dev/fuse", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC) → /dev/fuse
          [EPERM] move_mount(/dev/fuse, "", place of /dev/fuse, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
          [EPERM] close(place of /dev/fuse)
          [EPERM] close(/dev/fuse)
      mknodat(/dev, "tty9", 020620, makedev(4, 9))
          [done] openat(/dev, "tty9", O_PATH|O_NOFOLLOW|O_CLOEXEC, 0) → /dev/tty9
          [done] statx(/dev/tty9, "", AT_EMPTY_PATH, STATX_TYPE, &statx)
          [done] compute (mode of /dev/tty9) & 0xf000
          [done] compute device number of /dev/tty9
          [done] fchownat(/dev/tty9, "", 3, 5, AT_EMPTY_PATH)
          [done] close(/dev/tty9)
          [EPERM] mknodat(/dev, "tty9", 0100666, makedev(0, 0))
          [EPERM] openat(/dev, "tty9", O_PATH|O_NOFOLLOW|O_CLOEXEC, 0) → place of /dev/tty9
          [EPERM] open_tree(AT_FDCWD, "/dev/tty9", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC) → /dev/tty9
          [EPERM] move_mount(/dev/tty9, "", place of /dev/tty9, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
          [EPERM] close(place of /dev/tty9)
          [EPERM] close(/dev/tty9)"
    `);
  });
  test("further below, a FIFO", () => {
    expect(made(withDevices([{ path: "/dev/a//./b/../pipe", type: "p", uid: 1 }]))).toMatchInlineSnapshot(`
      "openat2(root, "dev/a", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → /dev/a   (again on EAGAIN)
          [ENOENT] mkdirat(root, "dev", 0755)
          [ENOENT] openat2(root, "dev", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → /dev   (again on EAGAIN)
          [ENOENT] mkdirat(/dev, "a", 0755)
          [ENOENT] openat2(root, "dev/a", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → /dev/a   (again on EAGAIN)
      mknodat(/dev/a, "pipe", 010666, makedev(0, 0))
          [done] openat(/dev/a, "pipe", O_PATH|O_NOFOLLOW|O_CLOEXEC, 0) → /dev/a/pipe
          [done] statx(/dev/a/pipe, "", AT_EMPTY_PATH, STATX_TYPE, &statx)
          [done] compute (mode of /dev/a/pipe) & 0xf000
          [done] fchownat(/dev/a/pipe, "", 1, 0, AT_EMPTY_PATH)
          [done] close(/dev/a/pipe)
      close(/dev/a)"
    `);
  });
  test("in the root itself", () =>
    expect(made(withDevices([{ path: "/disk", type: "b", major: 8, minor: 1 }])).split("\n")[1]).toBe(
      'mknodat(/, "disk", 060666, makedev(8, 1))',
    ));
  test("takes the place of one that every container has", () => {
    const text = section(withDevices([{ path: "/dev/../dev/zero", type: "c", major: 1, minor: 7 }]), "init: devices");
    expect(text.match(/mknodat\(\/dev, "zero".*/g)).toEqual([
      'mknodat(/dev, "zero", 020666, makedev(1, 7))',
      'mknodat(/dev, "zero", 0100666, makedev(0, 0))',
    ]);
  });
});

describe("where no device can be made", () => {
  const devices: Device[] = [
    { path: "/dev/fuse", type: "c", major: 10, minor: 229, uid: 5 },
    { path: "/dev/pipe", type: "p" },
  ];
  const bound = `mknodat(/dev, "fuse", 0100666, makedev(0, 0))
openat(/dev, "fuse", O_PATH|O_NOFOLLOW|O_CLOEXEC, 0) → place of /dev/fuse
open_tree(AT_FDCWD, "/dev/fuse", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC) → /dev/fuse
move_mount(/dev/fuse, "", place of /dev/fuse, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
close(place of /dev/fuse)
close(/dev/fuse)`;
  test("in a user namespace the host's is bound", () =>
    expect(made(withDevices(devices, { inUserNamespace: true }))).toStartWith(`${bound}\nmknodat(/dev, "pipe", 010666, makedev(0, 0))`));
  test("and without CAP_MKNOD", () => expect(made(withDevices(devices, { boundingSet: [0, 21] }))).toStartWith(bound));
});

describe("what does not apply is noted", () => {
  test("/dev/ptmx", () =>
    expect(withDevices([{ path: "/dev/ptmx", type: "c", major: 5, minor: 2 }]).notes).toContain(
      "linux.devices[0] does not apply: /dev/ptmx is always that of the container's own /dev/pts",
    ));
  test("a /dev from elsewhere", () => {
    const mounts = [{ destination: "/dev", type: "bind", source: "/dev" }];
    expect(planWith({ mounts, linux: { devices: [{ path: "/dev/p", type: "p" }] } }).notes).toContain(
      "linux.devices does not apply: /dev is bound from elsewhere, and is used as it is",
    );
  });
});
