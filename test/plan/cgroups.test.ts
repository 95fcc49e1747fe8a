import { expect, test } from "bun:test";
import { calls, cgroupLayouts, planWith, section } from "./plan-for.ts";

const made = (cgroups: keyof typeof cgroupLayouts, cgroupsPath?: string): string =>
  section(
    planWith({ facts: { cgroups: cgroupLayouts[cgroups] }, linux: cgroupsPath === undefined ? {} : { cgroupsPath } }),
    "box: state, cgroups and the child",
  )
    .split("\n")
    .filter((line) => line.includes("/sys/fs/cgroup") && !line.startsWith("      "))
    .join("\n");

test("v2: beside box's own, opened for clone3", () => {
  expect(made("v2")).toMatchInlineSnapshot(`
    "openat(AT_FDCWD, "/sys/fs/cgroup/user.slice/web/cgroup.procs", O_RDONLY|O_CLOEXEC, 0) → cgroup.procs
        [done] statx(AT_FDCWD, "/sys/fs/cgroup/user.slice/web", AT_SYMLINK_NOFOLLOW, STATX_NLINK, &statx)
    mkdirat(AT_FDCWD, "/sys/fs/cgroup/user.slice/web", 0755)
    openat(AT_FDCWD, "/sys/fs/cgroup/user.slice/web", O_PATH|O_DIRECTORY|O_CLOEXEC, 0) → the container's cgroup"
  `);
});
test("v1: below box's own", () => {
  expect(made("v1")).toMatchInlineSnapshot(`
    "openat(AT_FDCWD, "/sys/fs/cgroup/memory/web/cgroup.procs", O_RDONLY|O_CLOEXEC, 0) → cgroup.procs
        [done] statx(AT_FDCWD, "/sys/fs/cgroup/memory/web", AT_SYMLINK_NOFOLLOW, STATX_NLINK, &statx)
    mkdirat(AT_FDCWD, "/sys/fs/cgroup/memory/web", 0755)"
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
  expect(section(planWith({}), "box: state, cgroups and the child").split("\n").slice(0, 12).join("\n")).toMatchInlineSnapshot(`
    "mkdirat(AT_FDCWD, "/run/box", 0711)
            --root: make the folder /run/box
    openat(AT_FDCWD, "/run/box", O_PATH|O_DIRECTORY|O_CLOEXEC, 0) → folder of all states
            --root: open the folder /run/box
    mkdirat(folder of all states, "web", 0700)
            id: make the state folder /run/box/web
    openat(folder of all states, "web", O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC, 0) → state folder
            id: open the state folder /run/box/web
    flock(state folder, LOCK_EX|LOCK_NB)
            id: lock the state folder /run/box/web
    openat(AT_FDCWD, "/sys/fs/cgroup/user.slice/web/cgroup.procs", O_RDONLY|O_CLOEXEC, 0) → cgroup.procs
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
    unshare(CLONE_NEWCGROUP)"
  `);
});
