// /dev as every container has it: nodes that work, links, a pts of its own.

import { expect } from "bun:test";
import { existsSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { Bundle, linesOf, testWith } from "./harness.ts";

const test = testWith();
const testBesideRunc = testWith("runc");
const list = "cd /dev; for f in *; do stat -c '%n %F %t:%T %a %u:%g' $f; readlink $f; done; true";

testBesideRunc("nodes and links are those of runc", async () => {
  using bundle = new Bundle();
  const own = await bundle.sh(list);
  const { stdout } = await bundle.runc(["sh", "-c", list]);
  expect(own).toEqual(linesOf(stdout));
});

test("the nodes are the kernel's devices", async () => {
  using bundle = new Bundle();
  expect(await bundle.sh("stat -c '%n %t:%T %a' /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty")).toEqual([
    "/dev/null 1:3 666",
    "/dev/zero 1:5 666",
    "/dev/full 1:7 666",
    "/dev/random 1:8 666",
    "/dev/urandom 1:9 666",
    "/dev/tty 5:0 666",
  ]);
});

test("the nodes do what they are for", async () => {
  using bundle = new Bundle();
  const script = "echo x > /dev/null; head -c 4 /dev/zero | wc -c; head -c 4 /dev/urandom | wc -c; echo x 2>&1 > /dev/full || echo full";
  const { stdout } = await bundle.run(["sh", "-c", script]);
  expect(
    linesOf(stdout)
      .map((line) => line.trim())
      .filter((line) => !line.includes("No space")),
  ).toEqual(["4", "4", "full"]);
});

test("links lead to the process's own descriptors and terminals", async () => {
  using bundle = new Bundle();
  expect(await bundle.sh("for l in fd stdin stdout stderr ptmx; do readlink /dev/$l; done; ls /dev/pts")).toEqual([
    "/proc/self/fd",
    "/proc/self/fd/0",
    "/proc/self/fd/1",
    "/proc/self/fd/2",
    "pts/ptmx",
    "ptmx",
  ]);
});

test("a /dev of the root folder without a mount gets the same", async () => {
  using bundle = new Bundle((spec) => {
    spec.mounts = spec.mounts.filter(({ destination }) => destination === "/proc");
  });
  expect(await bundle.sh("stat -c '%n %t:%T' /dev/null /dev/zero; readlink /dev/fd")).toEqual([
    "/dev/null 1:3",
    "/dev/zero 1:5",
    "/proc/self/fd",
  ]);
});

test("a /dev that is bound from elsewhere is left alone", async () => {
  using bundle = new Bundle((spec) => {
    spec.mounts = [...spec.mounts.slice(0, 1), { destination: "/dev", type: "bind", source: "dev", options: ["bind"] }];
  });
  mkdirSync(`${bundle.folder}/dev`);
  expect(await bundle.sh("ls /dev")).toEqual([]);
});

test("a link planted as /dev does not lead out of the root", async () => {
  using bundle = new Bundle((spec) => {
    spec.mounts = spec.mounts.filter(({ destination }) => destination === "/proc");
  });
  rmSync(`${bundle.rootfs}/dev`, { recursive: true });
  mkdirSync(`${bundle.folder}/outside`);
  mkdirSync(`${bundle.rootfs}/inside`);
  symlinkSync("../../../../../../inside", `${bundle.rootfs}/dev`);
  expect(await bundle.sh("ls /inside | head -n1")).toEqual(["fd"]);
  expect(existsSync("/inside")).toBe(false);
});
