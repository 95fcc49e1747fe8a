// Mounts with other owners in a plan: who maps them, and what cannot be.

import { expect, test } from "bun:test";
import type { IdMapping, Mount, Namespace } from "../../src/config/spec.ts";
import { faultLines } from "../config/print-faults.ts";
import { type Changes, calls, planWith, section, userFacts } from "./plan-for.ts";

const ids: IdMapping[] = [{ containerID: 0, hostID: 100000, size: 10 }];
const data: Mount = { destination: "/data", type: "bind", source: "/srv/data", options: ["bind"] };
const mapped: Mount = { ...data, uidMappings: ids, gidMappings: [{ containerID: 1, hostID: 7, size: 2 }] };
const ownUsers: Namespace[] = [{ type: "mount" }, { type: "uts" }, { type: "user" }];

test("without a helper init maps them before all else", () => {
  expect(
    section(planWith({ mounts: [mapped] }), "init: mounts with other owners").replaceAll(/\n {8,}mounts.*/g, ""),
  ).toMatchInlineSnapshot(`
    "pipe2(&pipe: answer, O_CLOEXEC)
    compute (pipe) & 0xffffffff → answer, to read
    compute (pipe's second half) & 0xffffffff → answer, to write
    pipe2(&pipe: hold, O_CLOEXEC)
    compute (pipe) & 0xffffffff → hold, to read
    compute (pipe's second half) & 0xffffffff → hold, to write
    clone(CLONE_NEWUSER, NULL, NULL, NULL, NULL) → keeper
        [in the child] close(hold, to write)
        [in the child] readlinkat(AT_FDCWD, "/proc/self", &name of the keeper's folder, 16) → length
        [in the child] write(answer, to write, &name of the keeper's folder, length)
        [in the child] read(hold, to read, &name of the keeper's folder, 1)
        [in the child] exit_group(0)
        [in the child, on failure] exit_group(0)
    close(answer, to write)
    read(answer, to read, &name of the keeper's folder, 16)
        [if 0] compute 0 - 3
    openat(AT_FDCWD, "/proc", O_PATH|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC, 0) → the host's /proc
    fstatfs(the host's /proc, &statfs)
    compute filesystem of /proc
    openat(the host's /proc, &name of the keeper's folder, O_PATH|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC, 0) → the keeper in /proc
    openat(the keeper in /proc, "gid_map", O_WRONLY|O_CLOEXEC, 0) → its map
    write(its map, "1 7 2\\n", 6)
    close(its map)
    openat(the keeper in /proc, "uid_map", O_WRONLY|O_CLOEXEC, 0) → its map
    write(its map, "0 100000 10\\n", 12)
    close(its map)
    openat(the keeper in /proc, "ns", O_PATH|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC, 0) → its namespaces
    openat(its namespaces, "user", O_RDONLY|O_CLOEXEC, 0) → user namespace with the map
    close(hold, to write)
    waitid(P_PID, keeper, NULL, WEXITED|__WALL, NULL)
    close(answer, to read)
    close(hold, to read)
    close(the host's /proc)
    close(the keeper in /proc)
    close(its namespaces)
    open_tree(AT_FDCWD, "/srv/data", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC) → /data
    mount_setattr(/data, "", AT_EMPTY_PATH|AT_RECURSIVE, {propagation: MS_SLAVE}, 32)
    compute user namespace with the map → namespace in the attributes
    mount_setattr(/data, "", AT_EMPTY_PATH, &attributes with a map {attr_set: MOUNT_ATTR_IDMAP}, 32)
    close(user namespace with the map)"
  `);
  expect(calls(planWith({ mounts: [mapped] }), "init: mounts").split("\n")[0]).toStartWith("statx(/data,");
});

test("for a user namespace the helper does, with that map, once for all that share it", () => {
  const linux = { namespaces: ownUsers, uidMappings: ids, gidMappings: ids };
  const mounts = [
    { ...data, options: ["rbind", "ridmap"] },
    { ...data, destination: "/more", options: ["bind", "idmap"] },
  ];
  const text = calls(planWith({ mounts, linux }), "stage: mounts with other owners");
  expect(text.match(/^clone\(/gm)?.length).toBe(1);
  expect(text.match(/^(write\(its map|open_tree|mount_setattr).*/gm)?.join("\n")).toMatchInlineSnapshot(`
    "write(its map, "0 100000 10\\n", 12)
    write(its map, "0 100000 10\\n", 12)
    open_tree(AT_FDCWD, "/srv/data", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_RECURSIVE) → /data
    mount_setattr(/data, "", AT_EMPTY_PATH|AT_RECURSIVE, {propagation: MS_SLAVE}, 32)
    mount_setattr(/data, "", AT_EMPTY_PATH|AT_RECURSIVE, &attributes with a map {attr_set: MOUNT_ATTR_IDMAP}, 32)
    open_tree(AT_FDCWD, "/srv/data", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC) → /more
    mount_setattr(/more, "", AT_EMPTY_PATH|AT_RECURSIVE, {propagation: MS_SLAVE}, 32)
    mount_setattr(/more, "", AT_EMPTY_PATH, &attributes with a map {attr_set: MOUNT_ATTR_IDMAP}, 32)"
  `);
});

test("for one that is joined its own map is taken", () => {
  const namespaces: Namespace[] = [{ type: "mount" }, { type: "uts" }, { type: "user", path: "/proc/7/ns/user" }];
  const text = calls(
    planWith({ mounts: [{ ...data, options: ["bind", "idmap"] }], linux: { namespaces } }),
    "stage: mounts with other owners",
  );
  expect(text.split("\n")[0]).toBe('openat(AT_FDCWD, "/proc/7/ns/user", O_RDONLY|O_CLOEXEC, 0) → user namespace with the map');
});

test("in a joined mount namespace there is nothing to map", () => {
  const plan = planWith({ mounts: [mapped], linux: { namespaces: [{ type: "uts" }, { type: "mount", path: "/proc/7/ns/mnt" }] } });
  expect(plan.child.map(({ title }) => title)).not.toContain("mounts with other owners");
});

test("what cannot be mapped", () => {
  const faultsOf = (mount: Mount, changes: Changes = {}): string[] => faultLines(() => planWith({ ...changes, mounts: [mount] }));
  expect(faultsOf({ ...mapped, type: "tmpfs", options: [] })).toEqual(["mounts[0]: ids are mapped for bind mounts only"]);
  expect(faultsOf({ ...data, options: ["bind", "idmap"] })).toEqual([
    "mounts[0]: without a user namespace it needs uidMappings and gidMappings",
  ]);
  expect(faultsOf(mapped, { facts: userFacts })).toEqual(["mounts[0]: without root no ids of a mount can be mapped"]);
});
