// tmpcopyup in a plan: where it stands, and the program that it is.

import { expect, test } from "bun:test";
import { faultLines } from "../config/print-faults.ts";
import { calls, planWith, section } from "./plan-for.ts";

const data = { destination: "/data", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup"] };

test("between the new filesystem and its place, with every jump", () => {
  const lines = section(planWith({ mounts: [data] }), "init: mounts").split("\n");
  // What a step is, without its reason.
  expect(lines.filter((line) => !/^ {8,}/.test(line)).join("\n")).toMatchInlineSnapshot(`
    "fsopen("tmpfs", FSOPEN_CLOEXEC) → mount context
    fsconfig(mount context, FSCONFIG_SET_STRING, "source", "tmpfs", 0)
    fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
    fsmount(mount context, FSMOUNT_CLOEXEC, 0) → /data
    close(mount context)
    openat2(root, "data", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → place of /data   (again on EAGAIN)
        [done] statx(place of /data, "", AT_EMPTY_PATH, STATX_MODE, &statx)
        [done] compute (mode of /data) & 0xfff → mode for /data
        [done] openat(/data, ".", O_RDONLY|O_DIRECTORY|O_CLOEXEC, 0) → /data opened
        [done] fchmod(/data opened, mode for /data)
        [done] close(/data opened)
        [ENOENT] mkdirat(root, "data", 0755)
        [ENOENT] openat2(root, "data", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → place of /data   (again on EAGAIN)
    memfd_create("box-copy", MFD_CLOEXEC) → file to copy with
    ftruncate(file to copy with, 64)
    openat(place of /data, ".", O_RDONLY|O_DIRECTORY|O_CLOEXEC, 0) → folder
    openat(/data, ".", O_RDONLY|O_DIRECTORY|O_CLOEXEC, 0) → its copy
    compute 64 → place of the next frame
    getdents64(folder, &entries, 4096) → length   (here: mounts[0]: read)
        [if 0] compute 0   (then: mounts[0]: leave)
    compute &entries → address of the entry
    compute &entries + length → end of the entries
    pwrite64(file to copy with, address of the entry, 32, 0)   (here: mounts[0]: entry)
    pread64(file to copy with, &entry, 32, 0)
    compute address of the entry + 19 → name
    compute (length of the entry) & 0xffff → length
    compute address of the entry + length → address of the entry
    compute (start of the name) & 0xffff
        [if 46] compute 0   (then: mounts[0]: next)
    compute (start of the name) & 0xffffff
        [if 11822] compute 0   (then: mounts[0]: next)
    statx(folder, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &statx)
    compute (owner of the entry) & 0xffffffff → uid
    compute (group of the entry) & 0xffffffff → gid
    compute (mode of the entry) & 0xfff → mode
    compute (mode of the entry) & 0xf000
        [if 32768] compute 0   (then: mounts[0]: file)
    compute (mode of the entry) & 0xf000
        [if 16384] compute 0   (then: mounts[0]: folder)
    compute (mode of the entry) & 0xf000
        [if 40960] compute 0   (then: mounts[0]: link)
    compute (mode of the entry) & 0xf000
        [if 4096] mknodat(its copy, name, 010600, makedev(0, 0))
        [if 4096] fchownat(its copy, name, uid, gid, AT_SYMLINK_NOFOLLOW)
        [if 4096] fchmodat(its copy, name, mode)
    compute end of the entries - address of the entry   (here: mounts[0]: next, then: mounts[0]: entry)
        [if 0] compute 0   (then: mounts[0]: read)
    openat(folder, name, O_RDONLY|O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC, 0) → entry opened   (here: mounts[0]: file)
    openat(its copy, name, O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0600) → its copy opened
    sendfile(its copy opened, entry opened, NULL, 2147479552)   (here: mounts[0]: bytes, then: mounts[0]: bytes)
        [if 0] compute 0   (then: mounts[0]: finish)
    fchown(its copy opened, uid, gid)   (here: mounts[0]: finish)
    fchmod(its copy opened, mode)
    close(its copy opened)
    close(entry opened)   (then: mounts[0]: next)
    readlinkat(folder, name, &link, 4095) → length   (here: mounts[0]: link)
    compute &link + length → length
    pread64(file to copy with, length, 1, 32)
    symlinkat(&link, its copy, name)
    fchownat(its copy, name, uid, gid, AT_SYMLINK_NOFOLLOW)
    compute 0   (then: mounts[0]: next)
    mkdirat(its copy, name, 0700)   (here: mounts[0]: folder)
    openat(folder, name, O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC, 0) → entry opened
    openat(its copy, name, O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC, 0) → its copy opened
    fchown(its copy opened, uid, gid)
    fchmod(its copy opened, mode)
    compute folder → folder that waits
    compute its copy → its copy that waits
    compute place of the next entry → where to go on in it
    pwrite64(file to copy with, &frame, 24, place of the next frame)
    compute place of the next frame + 24 → place of the next frame
    compute entry opened → folder
    compute its copy opened → its copy   (then: mounts[0]: read)
    close(folder)   (here: mounts[0]: leave)
    close(its copy)
    compute place of the next frame - 64
        [if 0] compute 0   (then: mounts[0]: copied)
    compute place of the next frame - 24 → place of the next frame
    pread64(file to copy with, &frame, 24, place of the next frame)
    compute folder that waits → folder
    compute its copy that waits → its copy
    lseek(folder, where to go on in it, 0)   (then: mounts[0]: read)
    close(file to copy with)   (here: mounts[0]: copied)
    move_mount(/data, "", place of /data, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    close(place of /data)
    close(/data)"
  `);
});

test("two of them do not share a label", () => {
  expect(calls(planWith({ mounts: [data, { ...data, destination: "/more" }] }), "init: mounts")).toContain("mounts[1]: copied");
});

test("goes with a tmpfs only", () => {
  const faultsOf = (type: string): string[] => faultLines(() => planWith({ mounts: [{ ...data, type }] }));
  expect(faultsOf("bind")).toEqual(['mounts[0].options[0]: "tmpcopyup" goes with a tmpfs only']);
  expect(faultsOf("ext4")).toEqual(['mounts[0].options[0]: "tmpcopyup" goes with a tmpfs only']);
});
