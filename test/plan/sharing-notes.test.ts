import { expect, test } from "bun:test";
import type { NamespaceType } from "../../src/config/spec.ts";
import { sharingNotes } from "../../src/plan/sharing-notes.ts";
import { specWith } from "./plan-for.ts";

const withTypes = (...types: NamespaceType[]) => specWith({ linux: { namespaces: types.map((type) => ({ type })) } });

test("nothing to say of namespaces of its own", () =>
  expect(sharingNotes(withTypes("mount", "pid", "network", "ipc", "uts", "cgroup"), [])).toEqual([]));
test("those of the host", () =>
  expect(sharingNotes(withTypes("mount", "pid", "uts"), [])).toEqual(["shares with the host: network, ipc, cgroup"]));
test("those of others, and whose end is this one's", () =>
  expect(
    sharingNotes(withTypes("mount", "pid", "network", "ipc", "uts", "cgroup"), [
      { type: "pid", path: "/proc/7/ns/pid", to: "container:db", inode: 1 },
      { type: "network", path: "/proc/7/ns/net", to: "pid:7", inode: 2 },
      { type: "ipc", path: "/run/ipc" },
    ]),
  ).toEqual([
    "shares the pid namespace of the container db: the kernel ends this container when that one ends",
    "shares the network namespace of the process 7",
    "shares the ipc namespace /run/ipc",
  ]));
