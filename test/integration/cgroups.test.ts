// The container's cgroups on each layout of the host: made, entered in all hierarchies, shown inside, removed at the end.

import { expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { Bundle, type CgroupLayout, cgroupsOf, execute, inLayout, linesOf, machine, testWith, withoutPlaces } from "./harness.ts";

const test = testWith();

/** Lines of /proc/PID/cgroup as a map from controllers to path; "" is v2. */
const parse = (lines: readonly string[]): Record<string, string> =>
  Object.fromEntries(lines.map((line) => line.split(":").slice(1) as [string, string]));

const layouts: CgroupLayout[] = ["as is", "v1", "v2"];

/** The hierarchies of a layout, by controllers, and the cgroup of a process of the tests in each. */
async function ownCgroups(layout: CgroupLayout): Promise<Record<string, string>> {
  const { stdout } = await execute([
    ...inLayout(layout),
    "sh",
    "-c",
    "cat /proc/self/cgroup; echo; grep -- ' - cgroup' /proc/self/mountinfo",
  ]);
  const [cgroups = "", mounts = ""] = stdout.split("\n\n");
  const v1 = layout === "v2" ? [] : linesOf(cgroups).filter((line) => line.split(":")[1] !== "");
  const v2 = mounts.includes("cgroup2") ? linesOf(cgroups).filter((line) => line.split(":")[1] === "") : [];
  const own = parse([...v1, ...v2]);
  expect(Object.keys(own)).not.toEqual([]);
  return own;
}

const child = (path: string, name: string): string => `${path === "/" ? "" : path}/${name}`;

for (const layout of layouts) {
  const before = inLayout(layout);

  test(`${layout}: the id names a cgroup below the caller's in every hierarchy, gone afterwards`, async () => {
    using bundle = new Bundle();
    const lines = await bundle.sh("cat /proc/self/cgroup", { before });
    const own = await ownCgroups(layout);
    const seen = parse(lines);
    // On pure v2 it lies beside the caller's: a v2 cgroup with processes has no children with controllers.
    const base = (path: string): string => (layout === "v2" ? path.slice(0, path.lastIndexOf("/")) : path);
    for (const [controllers, path] of Object.entries(own))
      expect([controllers, seen[controllers]]).toEqual([controllers, child(base(path), bundle.id)]);
    expect(cgroupsOf("/sys/fs/cgroup", bundle.id)).toEqual([]);
  });

  for (const [title, path, seen] of [
    ["absolute", "/ID/deep/er", (_own: string) => "/ID/deep/er"],
    ["relative", "ID/deep", (own: string) => child(layout === "v2" ? own.slice(0, own.lastIndexOf("/")) : own, "ID/deep")],
  ] as const)
    test(`${layout}: cgroupsPath ${title}`, async () => {
      using bundle = new Bundle();
      bundle.change((spec) => (spec.linux.cgroupsPath = path.replace("ID", bundle.id)));
      const cgroups = parse(await bundle.sh("cat /proc/self/cgroup", { before }));
      const own = await ownCgroups(layout);
      for (const controllers of Object.keys(own))
        expect(cgroups[controllers]).toBe(seen(own[controllers] as string).replace("ID", bundle.id));
      // Only the last part is the container's alone, and is gone; those above stay, as with runc.
      for (const folder of cgroupsOf("/sys/fs/cgroup", bundle.id)) {
        if (title === "absolute") rmdirSync(`${folder}/deep`);
        rmdirSync(folder);
      }
    });

  test(`${layout}: /sys/fs/cgroup shows the container's own cgroup, read-only`, async () => {
    using bundle = new Bundle();
    const script =
      layout === "v2"
        ? "cat /sys/fs/cgroup/cgroup.procs | head -n1; mkdir /sys/fs/cgroup/x 2>&1; true"
        : "head -n1 /sys/fs/cgroup/*/cgroup.procs | grep -v '^$\\|==' | sort -u; mkdir /sys/fs/cgroup/pids/x /sys/fs/cgroup/x 2>&1; true";
    const [first, ...refused] = await bundle.sh(script, { before });
    expect(first).toBe("1");
    expect(refused.filter((line) => !line.includes("Read-only file system"))).toEqual([]);
    expect(refused.length).toBe(layout === "v2" ? 1 : 2);
  });

  test(`${layout}: in a cgroup namespace the container's cgroup is the root`, async () => {
    using bundle = new Bundle((spec) => spec.linux.namespaces.push({ type: "cgroup" }));
    const cgroups = parse(await bundle.sh("cat /proc/self/cgroup", { before }));
    for (const controllers of Object.keys(await ownCgroups(layout)))
      expect([controllers, cgroups[controllers]]).toEqual([controllers, "/"]);
  });
}

test("a cgroup that exists and is empty is used, and removed", async () => {
  using bundle = new Bundle();
  bundle.change((spec) => (spec.linux.cgroupsPath = `/${bundle.id}`));
  mkdirSync(`/sys/fs/cgroup/pids/${bundle.id}`);
  expect(parse(await bundle.sh("cat /proc/self/cgroup")).pids).toBe(`/${bundle.id}`);
  expect(cgroupsOf("/sys/fs/cgroup", bundle.id)).toEqual([]);
});

test("a cgroup that exists and has processes is refused, and left alone", async () => {
  using other = new Bundle();
  using bundle = new Bundle();
  other.change((spec) => (spec.linux.cgroupsPath = `/${other.id}`));
  bundle.change((spec) => (spec.linux.cgroupsPath = `/${other.id}`));
  using running = await other.startSh("echo ready; exec sleep 1000");
  const before = machine(other);
  expect(await bundle.run(["true"])).toEqual({
    exitCode: 125,
    stdout: "",
    stderr: `box: linux.cgroupsPath: cannot use the cgroup /sys/fs/cgroup/cpu/${other.id}: it exists already and holds processes\n`,
  });
  expect(machine(other)).toEqual(before);
  expect(running.child.exitCode).toBe(null);
  expect(readFileSync(`/sys/fs/cgroup/pids/${other.id}/cgroup.procs`, "utf8")).toBe(`${other.initPid}\n`);
});

test("a cgroup that exists and is frozen is refused, since init would never run in it", async () => {
  using bundle = new Bundle();
  bundle.change((spec) => (spec.linux.cgroupsPath = `/${bundle.id}`));
  const folder = `/sys/fs/cgroup/freezer/${bundle.id}`;
  mkdirSync(folder);
  writeFileSync(`${folder}/freezer.state`, "FROZEN");
  try {
    expect(await bundle.run(["true"])).toEqual({
      exitCode: 125,
      stdout: "",
      stderr: `box: linux.cgroupsPath: cannot use the cgroup ${folder}: it exists already and is frozen\n`,
    });
    writeFileSync(`${folder}/freezer.state`, "THAWED");
    expect((await bundle.run(["true"])).exitCode).toBe(0);
  } finally {
    if (existsSync(folder)) rmdirSync(folder);
  }
});

test("a parent of v1 that has no cpus gets those of its own parent", async () => {
  using bundle = new Bundle();
  const parent = `/${bundle.id}-parent`;
  bundle.change((spec) => (spec.linux.cgroupsPath = `${parent}/middle/${bundle.id}`));
  const folder = `/sys/fs/cgroup/cpuset${parent}`;
  mkdirSync(`${folder}/middle`, { recursive: true });
  try {
    expect(parse(await bundle.sh("cat /proc/self/cgroup")).cpuset).toBe(`${parent}/middle/${bundle.id}`);
    for (const name of ["cpuset.cpus", "cpuset.mems"])
      expect(readFileSync(`${folder}/middle/${name}`, "utf8")).toBe(readFileSync(`/sys/fs/cgroup/cpuset/${name}`, "utf8"));
  } finally {
    for (const left of cgroupsOf("/sys/fs/cgroup", `${bundle.id}-parent`)) {
      rmdirSync(`${left}/middle`);
      rmdirSync(left);
    }
  }
});

test("processes that the program leaves in its cgroup end with it, children of children too", async () => {
  using bundle = new Bundle();
  const before = machine(bundle);
  expect((await bundle.run(["sh", "-c", "(sleep 1000 & sleep 1000) & sleep 0; exit 4"])).exitCode).toBe(4);
  expect(machine(bundle)).toEqual(before);
});

for (const [path, expected] of [
  ["/", "a path that names a cgroup"],
  ["././/", "a path that names a cgroup"],
  ["/../x", 'a path without ".."'],
] as const)
  test(`cgroupsPath ${path} is refused`, async () => {
    using bundle = new Bundle((spec) => (spec.linux.cgroupsPath = path));
    expect(withoutPlaces(await bundle.run(["true"]))).toEqual({
      exitCode: 125,
      stdout: "",
      stderr: `box: linux.cgroupsPath: expected ${expected}, got "${path}"\n`,
    });
  });

test("a cgroup with others below it is refused, and they are left alone", async () => {
  using other = new Bundle();
  using bundle = new Bundle();
  other.change((spec) => (spec.linux.cgroupsPath = `/${bundle.id}/below`));
  bundle.change((spec) => (spec.linux.cgroupsPath = `/${bundle.id}`));
  {
    using running = await other.startSh("echo ready; exec sleep 1000");
    expect(await bundle.run(["true"])).toEqual({
      exitCode: 125,
      stdout: "",
      stderr: `box: linux.cgroupsPath: cannot use the cgroup /sys/fs/cgroup/cpu/${bundle.id}: it exists already and has cgroups below it\n`,
    });
    expect(running.child.exitCode).toBe(null);
    process.kill(other.initPid, "SIGKILL");
    await running.outcome();
  }
  // The one above the container's stays, as with runc.
  for (const folder of cgroupsOf("/sys/fs/cgroup", bundle.id)) rmdirSync(folder);
});
