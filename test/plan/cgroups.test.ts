import { describe, expect, test } from "bun:test";
import type { Linux } from "../../src/config/spec.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { calls, cgroupLayouts, planWith, section } from "./plan-for.ts";

const made = (cgroups: keyof typeof cgroupLayouts, cgroupsPath?: string): string =>
  section(
    planWith({ facts: { cgroups: cgroupLayouts[cgroups] }, linux: cgroupsPath === undefined ? {} : { cgroupsPath } }),
    "box: state, cgroups and the child",
  )
    .split("\n")
    .filter((line) => line.includes("/sys/fs/cgroup") && !line.startsWith("      ") && !line.includes("/devices."))
    .join("\n");

test("v2: beside box's own, opened for clone3", () => {
  expect(made("v2")).toMatchInlineSnapshot(`
    "openat(AT_FDCWD, "/sys/fs/cgroup/user.slice/web/cgroup.procs", O_RDONLY|O_CLOEXEC, 0) → cgroup.procs
        [done] statx(AT_FDCWD, "/sys/fs/cgroup/user.slice/web", AT_SYMLINK_NOFOLLOW, STATX_NLINK, &statx)
        [done] openat(AT_FDCWD, "/sys/fs/cgroup/user.slice/web/cgroup.freeze", O_RDONLY|O_CLOEXEC, 0) → freezer
    mkdirat(AT_FDCWD, "/sys/fs/cgroup/user.slice/web", 0755)
    openat(AT_FDCWD, "/sys/fs/cgroup/user.slice/web", O_PATH|O_DIRECTORY|O_CLOEXEC, 0) → the container's cgroup"
  `);
});
test("v1: below box's own", () => {
  expect(made("v1")).toMatchInlineSnapshot(`
    "openat(AT_FDCWD, "/sys/fs/cgroup/devices/web/cgroup.procs", O_RDONLY|O_CLOEXEC, 0) → cgroup.procs
        [done] statx(AT_FDCWD, "/sys/fs/cgroup/devices/web", AT_SYMLINK_NOFOLLOW, STATX_NLINK, &statx)
    mkdirat(AT_FDCWD, "/sys/fs/cgroup/devices/web", 0755)"
  `);
});
test("an absolute path is made from the top, in every hierarchy", () => {
  expect(made("hybrid", "/pods/web")).toMatchInlineSnapshot(`
    "openat(AT_FDCWD, "/sys/fs/cgroup/cpu,cpuacct/pods/web/cgroup.procs", O_RDONLY|O_CLOEXEC, 0) → cgroup.procs
        [done] statx(AT_FDCWD, "/sys/fs/cgroup/cpu,cpuacct/pods/web", AT_SYMLINK_NOFOLLOW, STATX_NLINK, &statx)
    openat(AT_FDCWD, "/sys/fs/cgroup/cpuset/pods/web/cgroup.procs", O_RDONLY|O_CLOEXEC, 0) → cgroup.procs
        [done] statx(AT_FDCWD, "/sys/fs/cgroup/cpuset/pods/web", AT_SYMLINK_NOFOLLOW, STATX_NLINK, &statx)
    openat(AT_FDCWD, "/sys/fs/cgroup/systemd/pods/web/cgroup.procs", O_RDONLY|O_CLOEXEC, 0) → cgroup.procs
        [done] statx(AT_FDCWD, "/sys/fs/cgroup/systemd/pods/web", AT_SYMLINK_NOFOLLOW, STATX_NLINK, &statx)
    openat(AT_FDCWD, "/sys/fs/cgroup/unified/pods/web/cgroup.procs", O_RDONLY|O_CLOEXEC, 0) → cgroup.procs
        [done] statx(AT_FDCWD, "/sys/fs/cgroup/unified/pods/web", AT_SYMLINK_NOFOLLOW, STATX_NLINK, &statx)
        [done] openat(AT_FDCWD, "/sys/fs/cgroup/unified/pods/web/cgroup.freeze", O_RDONLY|O_CLOEXEC, 0) → freezer
    mkdirat(AT_FDCWD, "/sys/fs/cgroup/cpu,cpuacct/pods", 0755)
    mkdirat(AT_FDCWD, "/sys/fs/cgroup/cpu,cpuacct/pods/web", 0755)
    mkdirat(AT_FDCWD, "/sys/fs/cgroup/cpuset/pods", 0755)
        [done] openat(AT_FDCWD, "/sys/fs/cgroup/cpuset/cpuset.cpus", O_RDONLY|O_CLOEXEC, 0) → parent's file
        [done] openat(AT_FDCWD, "/sys/fs/cgroup/cpuset/pods/cpuset.cpus", O_WRONLY|O_CLOEXEC, 0) → own file
        [done] openat(AT_FDCWD, "/sys/fs/cgroup/cpuset/cpuset.mems", O_RDONLY|O_CLOEXEC, 0) → parent's file
        [done] openat(AT_FDCWD, "/sys/fs/cgroup/cpuset/pods/cpuset.mems", O_WRONLY|O_CLOEXEC, 0) → own file
    mkdirat(AT_FDCWD, "/sys/fs/cgroup/cpuset/pods/web", 0755)
        [done] openat(AT_FDCWD, "/sys/fs/cgroup/cpuset/pods/cpuset.cpus", O_RDONLY|O_CLOEXEC, 0) → parent's file
        [done] openat(AT_FDCWD, "/sys/fs/cgroup/cpuset/pods/web/cpuset.cpus", O_WRONLY|O_CLOEXEC, 0) → own file
        [done] openat(AT_FDCWD, "/sys/fs/cgroup/cpuset/pods/cpuset.mems", O_RDONLY|O_CLOEXEC, 0) → parent's file
        [done] openat(AT_FDCWD, "/sys/fs/cgroup/cpuset/pods/web/cpuset.mems", O_WRONLY|O_CLOEXEC, 0) → own file
    mkdirat(AT_FDCWD, "/sys/fs/cgroup/systemd/pods", 0755)
    mkdirat(AT_FDCWD, "/sys/fs/cgroup/systemd/pods/web", 0755)
    mkdirat(AT_FDCWD, "/sys/fs/cgroup/unified/pods", 0755)
    mkdirat(AT_FDCWD, "/sys/fs/cgroup/unified/pods/web", 0755)
    openat(AT_FDCWD, "/sys/fs/cgroup/unified/pods/web", O_PATH|O_DIRECTORY|O_CLOEXEC, 0) → the container's cgroup"
  `);
});

test("one that is there already must be empty", () => {
  const lines = section(planWith({}), "box: state, cgroups and the child").split("\n");
  expect(
    lines.filter((_, index) => [index, index + 1].some((at) => lines[at]?.includes("if it is there"))).join("\n"),
  ).toMatchInlineSnapshot(`
    "openat(AT_FDCWD, "/sys/fs/cgroup/user.slice/web/cgroup.procs", O_RDONLY|O_CLOEXEC, 0) → cgroup.procs
            linux.cgroupsPath: look into the cgroup /sys/fs/cgroup/user.slice/web, if it is there"
  `);
});

test("a new cpuset takes its processors from its parent", () => {
  expect(
    section(planWith({ facts: { cgroups: cgroupLayouts.hybrid } }), "box: state, cgroups and the child")
      .split("\n")
      .filter((line) => line.includes("cpuset.") && line.includes("[done]"))
      .join("\n"),
  ).toMatchInlineSnapshot(`
    "    [done] openat(AT_FDCWD, "/sys/fs/cgroup/cpuset/cpuset.cpus", O_RDONLY|O_CLOEXEC, 0) → parent's file
        [done] openat(AT_FDCWD, "/sys/fs/cgroup/cpuset/web/cpuset.cpus", O_WRONLY|O_CLOEXEC, 0) → own file
        [done] openat(AT_FDCWD, "/sys/fs/cgroup/cpuset/cpuset.mems", O_RDONLY|O_CLOEXEC, 0) → parent's file
        [done] openat(AT_FDCWD, "/sys/fs/cgroup/cpuset/web/cpuset.mems", O_WRONLY|O_CLOEXEC, 0) → own file"
  `);
});

test("v1 is entered by the process itself, before its cgroup namespace is made", () => {
  const plan = planWith({ facts: { cgroups: cgroupLayouts.hybrid } });
  expect(`${calls(plan, "init: enter the cgroups")}\n${calls(plan, "init: namespaces")}`).toMatchInlineSnapshot(`
    "openat(AT_FDCWD, "/sys/fs/cgroup/cpu,cpuacct/web/tasks", O_WRONLY|O_CLOEXEC, 0) → tasks
    write(tasks, "0", 1)
    close(tasks)
    openat(AT_FDCWD, "/sys/fs/cgroup/cpuset/web/tasks", O_WRONLY|O_CLOEXEC, 0) → tasks
    write(tasks, "0", 1)
    close(tasks)
    openat(AT_FDCWD, "/sys/fs/cgroup/systemd/user.slice/web/tasks", O_WRONLY|O_CLOEXEC, 0) → tasks
    write(tasks, "0", 1)
    close(tasks)
    setsid()
    sched_setaffinity(0, 1024, 1024 bytes)
    unshare(CLONE_NEWCGROUP)"
  `);
});

describe("a cgroup that the container may write to", () => {
  const delegatedFiles = ["cgroup.procs", "memory.oom.group"];
  const user = { type: "user" } as const;
  const given = (linux: Partial<Linux>, facts: Partial<HostFacts> = {}, uid = 0) => {
    const plan = planWith({
      facts: { cgroups: { ...cgroupLayouts.v2, delegatedFiles }, ...facts },
      linux,
      process: { user: { uid, gid: 0 } },
    });
    const lines = section(plan, "box: state, cgroups and the child").split("\n");
    return [
      ...lines.filter((line) => line.startsWith("fchownat") && line.includes("/sys/fs/cgroup")),
      ...plan.notes.filter((note) => note.includes("its cgroup")),
    ];
  };
  const mapped: Partial<Linux> = {
    namespaces: [{ type: "mount" }, user],
    uidMappings: [{ containerID: 0, hostID: 5000, size: 100 }],
    gidMappings: [],
  };
  test("goes to the user of its program, with what the kernel lists", () =>
    expect(given(mapped, {}, 7)).toEqual([
      'fchownat(AT_FDCWD, "/sys/fs/cgroup/user.slice/web", 5007, 4294967295, AT_SYMLINK_NOFOLLOW)',
      'fchownat(AT_FDCWD, "/sys/fs/cgroup/user.slice/web/cgroup.procs", 5007, 4294967295, AT_SYMLINK_NOFOLLOW)',
      'fchownat(AT_FDCWD, "/sys/fs/cgroup/user.slice/web/memory.oom.group", 5007, 4294967295, AT_SYMLINK_NOFOLLOW)',
    ]));
  const own = [{ containerID: 0, hostID: 1000, size: 1 }];
  const ownIds = { uidMappings: own, gidMappings: own };
  const cannot = ["the container cannot write to its cgroup: only root gives one away, and to a user that the host knows"];
  for (const [title, linux, facts, uid, expected] of [
    ["nor from root to root", {}, {}, 0, []],
    ["nor to an id that no map has", mapped, {}, 100, cannot],
    [
      "nor to the user of a namespace that is joined",
      { namespaces: [{ type: "mount" }, { ...user, path: "/proc/7/ns/user" }] },
      {},
      0,
      cannot,
    ],
    ["nor by a user", { ...mapped, ...ownIds }, { uid: 1000, gid: 1000 }, 5, cannot],
    ["nor by a user who has it", { ...mapped, ...ownIds }, { uid: 1000, gid: 1000 }, 0, []],
  ] as const)
    test(title, () => expect(given(linux as Partial<Linux>, facts, uid)).toEqual([...expected]));
});
