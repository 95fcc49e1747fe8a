import { expect, test } from "bun:test";
import { processCgroups } from "../../src/cgroup/process-cgroups.ts";

const mount = (path: string, type: string, options: string, root = "/"): string =>
  `1 2 0:3 ${root} ${path} rw - ${type} ${type} rw,${options}\n`;
const read = (cgroup: string | undefined, mounts: string) => (path: string) =>
  path === "/proc/7/cgroup" ? cgroup : path === "/proc/self/mountinfo" ? mounts : undefined;

test("v2", () =>
  expect(processCgroups(7, read("0::/a/b\n", mount("/sys/fs/cgroup", "cgroup2", "")))).toEqual([
    { version: 2, path: "/sys/fs/cgroup/a/b" },
  ]));
test("hybrid; a hierarchy's root, and one that is not mounted", () => {
  const mounts = mount("/sys/fs/cgroup/cpu", "cgroup", "cpu") + mount("/sys/fs/cgroup/unified", "cgroup2", "");
  expect(processCgroups(7, read("2:memory:/m\n1:cpu:/\n0::/u\n", mounts))).toEqual([
    { version: 1, path: "/sys/fs/cgroup/cpu" },
    { version: 2, path: "/sys/fs/cgroup/unified/u" },
  ]);
});
test("a mount that shows a part of the tree", () =>
  expect(processCgroups(7, read("1:cpu:/docker/x/y\n", mount("/sys/fs/cgroup/cpu", "cgroup", "cpu", "/docker/x")))).toEqual([
    { version: 1, path: "/sys/fs/cgroup/cpu/y" },
  ]));
test("no such process", () => expect(processCgroups(7, read(undefined, ""))).toBeUndefined());
