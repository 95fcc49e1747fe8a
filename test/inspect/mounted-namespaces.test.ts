import { expect, test } from "bun:test";
import { mountedNamespaces } from "../../src/inspect/mounted-namespaces.ts";

const usual = "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n23 22 0:20 / /proc rw shared:5 - proc proc rw\n";

test("bind mounts of namespaces, and no other mount", () => {
  const mountinfo = `${usual}90 22 0:4 net:[4026532177] /run/netns/blue rw shared:9 master:1 - nsfs nsfs rw\n91 22 0:4 uts:[7] /a\\040b\\012c rw - nsfs nsfs rw\n`;
  expect(mountedNamespaces(mountinfo)).toEqual([
    { type: "net", id: 4026532177, path: "/run/netns/blue" },
    { type: "uts", id: 7, path: "/a b\nc" },
  ]);
});

test("a mount that is only called so is none", () => {
  const pretender = "92 22 0:50 net:[7] /x rw - tmpfs nsfs rw\n93 22 0:51 / /y\\040-\\040nsfs\\040 rw - ext4 nsfs rw\n";
  expect(mountedNamespaces(`${usual}${pretender}94 22 0:4 / /z rw - nsfs nsfs rw\n`)).toEqual([]);
});
