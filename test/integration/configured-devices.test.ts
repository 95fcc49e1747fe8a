// linux.devices: nodes as the configuration wants them, seen from inside.

import { expect } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import type { Device } from "../../src/config/spec.ts";
import { Bundle, linesOf, testWith, withoutPlaces } from "./harness.ts";

const test = testWith();
const testBesideRunc = testWith("runc");

const bundleWith = (...devices: Device[]): Bundle =>
  new Bundle((spec) => {
    spec.linux.devices = devices;
  });
const show = (...paths: string[]): string => `stat -c '%n %F %t:%T %a %u:%g' ${paths.join(" ")}`;

const every: Device[] = [
  { path: "/dev/fuse", type: "c", major: 10, minor: 229, fileMode: 8630, uid: 0, gid: 0 },
  { path: "/dev/plain", type: "c", major: 1, minor: 3 },
  { path: "/dev/unbuffered", type: "u", major: 4, minor: 64, fileMode: 0o620, uid: 1000, gid: 5 },
  { path: "/dev/disk/by-name/vol", type: "b", major: 259, minor: 1048575, fileMode: 0o640, uid: 0, gid: 6 },
  { path: "/dev/mapper//x/../pipe", type: "p", fileMode: 0o606, uid: 7, gid: 8 },
];

test("of every type, with mode and owner, below folders that are made", async () => {
  using bundle = bundleWith(...every);
  expect(
    await bundle.sh(show("/dev/fuse", "/dev/plain", "/dev/unbuffered", "/dev/disk/by-name/vol", "/dev/mapper/pipe", "/dev/disk")),
  ).toEqual([
    "/dev/fuse character special file a:e5 666 0:0",
    "/dev/plain character special file 1:3 666 0:0",
    "/dev/unbuffered character special file 4:40 620 1000:5",
    "/dev/disk/by-name/vol block special file 103:fffff 640 0:6",
    "/dev/mapper/pipe fifo 0:0 606 7:8",
    "/dev/disk directory 0:0 755 0:0",
  ]);
});

testBesideRunc("as runc makes them", async () => {
  using bundle = bundleWith(...every.map((device) => ({ ...device, minor: Math.min(device.minor ?? 0, 300) })));
  const list = "cd /dev; find . | sort | while read f; do stat -c '%n %F %t:%T %a %u:%g' $f; done";
  const own = await bundle.sh(list);
  const { stdout } = await bundle.runc(["sh", "-c", list]);
  expect(own).toEqual(linesOf(stdout));
});

test("one takes the place of a device that every container has", async () => {
  using bundle = bundleWith({ path: "/dev/zero", type: "c", major: 1, minor: 7, fileMode: 0o600, uid: 3, gid: 4 });
  expect(await bundle.sh(show("/dev/zero", "/dev/null"))).toEqual([
    "/dev/zero character special file 1:7 600 3:4",
    "/dev/null character special file 1:3 666 0:0",
  ]);
});

test("a node that is there stays as it is", async () => {
  using bundle = bundleWith({ path: "/bin/busybox", type: "c", major: 1, minor: 3, uid: 5, gid: 5 });
  expect(await bundle.sh(show("/bin/busybox").replace(" %a", ""))).toEqual(["/bin/busybox regular file 0:0 0:0"]);
});

test("elsewhere than in /dev, and the root itself", async () => {
  using bundle = bundleWith(
    { path: "/null", type: "c", major: 1, minor: 3, uid: 1, gid: 2 },
    { path: "/srv/devices/null", type: "c", major: 1, minor: 3 },
  );
  expect(await bundle.sh(show("/null", "/srv/devices/null"))).toEqual([
    "/null character special file 1:3 666 1:2",
    "/srv/devices/null character special file 1:3 666 0:0",
  ]);
});

test("a link on the way stays inside of the root", async () => {
  using bundle = bundleWith({ path: "/srv/null", type: "c", major: 1, minor: 3 });
  const outside = mkdtempSync("/tmp/box-outside-");
  try {
    symlinkSync(outside, `${bundle.rootfs}/srv`);
    mkdirSync(`${bundle.rootfs}${outside}`, { recursive: true });
    expect(await bundle.sh(show(`${outside}/null`))).toEqual([`${outside}/null character special file 1:3 666 0:0`]);
    expect(existsSync(`${outside}/null`)).toBe(false);
  } finally {
    rmSync(outside, { recursive: true });
  }
});

test("in a user namespace the host's are bound, and a FIFO is made", async () => {
  using bundle = bundleWith(
    { path: "/dev/other/../full", type: "c", major: 1, minor: 3 },
    { path: "/dev/pipe", type: "p", uid: 7, gid: 8 },
  );
  bundle.change((spec) => {
    spec.linux.namespaces.push({ type: "user" });
    spec.linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
    spec.linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
  });
  bundle.giveRootTo(100000);
  expect(await bundle.sh(show("/dev/full", "/dev/pipe"))).toEqual([
    "/dev/full character special file 1:7 666 65534:65534",
    "/dev/pipe fifo 0:0 666 7:8",
  ]);
});

test("one that the host does not have cannot be bound", async () => {
  using bundle = bundleWith({ path: "/dev/no-such-thing", type: "c", major: 1, minor: 3 });
  bundle.change((spec) => {
    spec.process.args = ["true"];
    spec.linux.namespaces.push({ type: "user" });
    spec.linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
    spec.linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
  });
  bundle.giveRootTo(100000);
  expect(await bundle.box(["run", bundle.id])).toEqual({
    exitCode: 125,
    stdout: "",
    stderr:
      'box: linux.devices[0]: cannot bind the host\'s /dev/no-such-thing: open_tree(AT_FDCWD, "/dev/no-such-thing", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC): ENOENT (no such file or directory)\n' +
      "hint: where no device can be made, the host's is bound, and it has none there\n",
  });
});

test("without the capability the host's are bound", async () => {
  using bundle = bundleWith({ path: "/dev/full", type: "c", major: 1, minor: 3 });
  const before = ["setpriv", "--bounding-set=-mknod", "--inh-caps=-mknod"];
  expect(await bundle.sh(show("/dev/full", "/dev/null"), { before })).toEqual([
    "/dev/full character special file 1:7 666 0:0",
    "/dev/null character special file 1:3 666 0:0",
  ]);
});

test("the root is no device", async () => {
  using bundle = bundleWith({ path: "/dev/..", type: "c", major: 1, minor: 3 });
  expect(await bundle.run(["true"])).toEqual({
    exitCode: 125,
    stdout: "",
    stderr: 'box: linux.devices[0].path: expected a path below /, got "/dev/.."\n',
  });
});

test("a type that there is not, and a number that is missing", async () => {
  using bundle = bundleWith({ path: "/dev/x", type: "x" as "c" }, { path: "/dev/y", type: "b", major: 1 });
  expect(withoutPlaces(await bundle.run(["true"]))).toEqual({
    exitCode: 125,
    stdout: "",
    stderr:
      'box: linux.devices[0].type: expected "c", "b", "u" or "p", got "x"\n' +
      "box: linux.devices[1].minor: missing, expected an integer from 0 to 4294967295\n",
  });
});
