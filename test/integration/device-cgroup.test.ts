// Which devices a container can open: nodes are made in its root beforehand, as an image could bring them along.

import { expect } from "bun:test";
import { mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import type { DeviceRule } from "../../src/config/spec.ts";
import { Bundle, type CgroupLayout, cgroupsOf, inLayout, linesOf, machine, testWith } from "./harness.ts";

const test = testWith();
const testBesideRunc = testWith("runc");
const denyAll: DeviceRule = { allow: false, access: "rwm" };

/** Devices of the host: the kernel's log, and a block device, without a disk where there is none. */
const nodes = [
  ["kmsg", "c", 1, 11],
  ["loop", "b", 7, 0],
] as const;
/** What the drivers themselves ask for: then an EPERM is the cgroup's. */
const wanted = ["CAP_SYSLOG", "CAP_MKNOD"];

/** `rules` undefined: no linux.resources at all. */
function withNodes(rules?: readonly DeviceRule[]): Bundle {
  const bundle = new Bundle((spec) => {
    if (rules === undefined) delete spec.linux.resources;
    else spec.linux.resources = { devices: [...rules] };
    for (const set of ["bounding", "effective", "permitted"] as const) spec.process.capabilities[set]?.push(...wanted);
    spec.root.readonly = false;
  });
  for (const [name, type, major, minor] of nodes) {
    const { exitCode, stderr } = Bun.spawnSync(["mknod", "-m", "666", `${bundle.rootfs}/${name}`, type, String(major), String(minor)]);
    if (exitCode !== 0) throw new Error(`mknod: ${stderr}`);
  }
  return bundle;
}

/** What opening says: nothing, or the kernel's words. */
const attempt = (how: string): string => `(exec 3${how}) 2>&1 | sed 's/.*: //'; echo "${how} done"`;
const script = (...hows: string[]): string => hows.map(attempt).join("\n");
const refused = (how: string): string[] => ["Operation not permitted", `${how} done`];

for (const layout of ["as is", "v1", "v2"] as CgroupLayout[]) {
  const before = inLayout(layout);

  test(`${layout}: a device that no rule allows cannot be opened, whatever node leads to it`, async () => {
    using bundle = withNodes([denyAll]);
    expect(await bundle.sh(script("</kmsg", ">/kmsg", "</loop"), { before })).toEqual([
      ...refused("</kmsg"),
      ...refused(">/kmsg"),
      ...refused("</loop"),
    ]);
    expect(cgroupsOf("/sys/fs/cgroup", bundle.id)).toEqual([]);
  });

  test(`${layout}: without any rules it cannot either`, async () => {
    using bundle = withNodes();
    expect(await bundle.sh(script("</kmsg"), { before })).toEqual(refused("</kmsg"));
  });

  test(`${layout}: what every container has works`, async () => {
    using bundle = withNodes([denyAll]);
    const hows = ["<>/dev/null", "<>/dev/zero", "<>/dev/full", "<>/dev/random", "<>/dev/urandom", "<>/dev/ptmx"];
    expect(await bundle.sh(script(...hows), { before })).toEqual(hows.map((how) => `${how} done`));
  });

  test(`${layout}: a node can be made`, async () => {
    using bundle = withNodes([denyAll]);
    expect(await bundle.sh(`busybox mknod /tmp/kmsg c 1 11; stat -c '%F %t:%T' /tmp/kmsg; ${attempt("</tmp/kmsg")}`, { before })).toEqual([
      "character special file 1:b",
      ...refused("</tmp/kmsg"),
    ]);
  });

  test(`${layout}: a rule opens it, for what it says`, async () => {
    using bundle = withNodes([denyAll, { allow: true, type: "c", major: 1, minor: 11, access: "r" }]);
    expect(await bundle.sh(script("</kmsg", ">/kmsg", "<>/kmsg", "</loop"), { before })).toEqual([
      "</kmsg done",
      ...refused(">/kmsg"),
      ...refused("<>/kmsg"),
      ...refused("</loop"),
    ]);
  });

  test(`${layout}: the last rule wins`, async () => {
    using bundle = withNodes([
      { allow: true, access: "rwm" },
      { allow: false, type: "c", major: 1, minor: 11, access: "w" },
    ]);
    const lines = await bundle.sh(script("</kmsg", ">/kmsg", "</loop"), { before });
    // Past the cgroup it is the driver's turn, and a machine may have none for loop devices.
    expect(lines.filter((line) => !line.startsWith("No such device"))).toEqual(["</kmsg done", ...refused(">/kmsg"), "</loop done"]);
  });
}

const hole: readonly DeviceRule[] = [
  { allow: true, access: "rwm" },
  { allow: false, type: "c", major: 1, access: "rw" },
];

test("v2: a hole in what is denied", async () => {
  using bundle = withNodes(hole);
  expect(await bundle.sh(script("</dev/zero", "</kmsg"), { before: inLayout("v2") })).toEqual(["</dev/zero done", ...refused("</kmsg")]);
});

test("v1: a hole in what is denied is refused, and nothing is left", async () => {
  using bundle = withNodes(hole);
  const before = machine(bundle);
  expect(await bundle.run(["true"], { before: inLayout("v1") })).toEqual({
    exitCode: 125,
    stdout: "",
    stderr: "box: linux.resources.devices: cgroup v1 cannot allow c 1:3 rw, since c 1:* rw is denied\n",
  });
  expect(machine(bundle)).toEqual(before);
});

testBesideRunc("on v1 the controller says what it says with runc", async () => {
  using bundle = withNodes([denyAll, { allow: true, type: "b", major: 7, access: "rw" }]);
  const list = "cat /sys/fs/cgroup/devices/devices.list";
  const own = await bundle.sh(list);
  const { stdout } = await bundle.runc(["sh", "-c", list]);
  // One exception that allows all of it is one that both would do with.
  expect(own.map((line) => line.replace("b 7:* rwm", "b 7:* rw")).sort()).toEqual(linesOf(stdout).sort());
});

test("v1: what the cgroup above does not allow cannot be allowed", async () => {
  using bundle = withNodes([denyAll, { allow: true, type: "c", major: 1, minor: 11, access: "r" }]);
  const above = `/sys/fs/cgroup/devices/${bundle.id}-above`;
  mkdirSync(above);
  try {
    writeFileSync(`${above}/devices.deny`, "c 1:11 rw");
    bundle.change((spec) => (spec.linux.cgroupsPath = `/${bundle.id}-above/${bundle.id}`));
    const outcome = await bundle.run(["true"], { before: inLayout("v1") });
    expect(outcome).toEqual({
      exitCode: 125,
      stdout: "",
      stderr: `box: linux.resources.devices: cannot allow the devices c 1:11 rm: write(file of the devices controller, "c 1:11 rm", 9): EPERM (operation not permitted)\nhint: the cgroup above the container's does not allow it either\n`,
    });
  } finally {
    for (const folder of cgroupsOf("/sys/fs/cgroup", `${bundle.id}-above`)) rmdirSync(folder);
  }
});

test("root of a user namespace may not limit them, and the plan says so", async () => {
  using bundle = withNodes([denyAll]);
  const { stdout, stderr } = await bundle.box(["plan", bundle.id], { before: ["unshare", "--user", "--map-root-user"] });
  expect(stderr).toBe("");
  expect(stdout).toContain("devices are not limited: only root outside of any user namespace may do that");
  expect(stdout).not.toContain("devices.deny");
});

test("a device that a volume brings along is none that a rule allows", async () => {
  using bundle = withNodes();
  // For writing everybody may open the kernel's log, so the EPERM is the cgroup's here too.
  const { exitCode, stdout, stderr } = await bundle.box(["run", "-v", `${bundle.rootfs}/kmsg:/kmsg`, "--", "sh", "-c", attempt(">/kmsg")]);
  expect([exitCode, stderr, ...linesOf(stdout)]).toEqual([0, "", ...refused(">/kmsg")]);
});
