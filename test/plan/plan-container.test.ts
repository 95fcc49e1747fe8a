import { expect, test } from "bun:test";
import { defaultSpec } from "../../src/config/default-spec.ts";
import { printPlan } from "../../src/plan/print-plan.ts";
import { encodeTape } from "../../src/tape/encode.ts";
import { record } from "../../src/tape/layout.ts";
import { allowAll, calls, cgroupLayouts, plainFacts, planOf, planWith, userFacts } from "./plan-for.ts";

test("the same configuration on the same host gives the same plan", () => {
  const print = (): string => printPlan(planOf(defaultSpec(), plainFacts));
  expect(print()).toBe(print());
});

test("the configuration is left as it was", () => {
  const spec = defaultSpec({ cgroupV2: true });
  const before = JSON.stringify(spec);
  planOf(spec, plainFacts);
  expect(JSON.stringify(spec)).toBe(before);
});

test("the default configuration: what box does until it is the supervisor", () => {
  const plan = planOf(defaultSpec({ cgroupV2: true }), plainFacts);
  expect(calls(plan, "box: state, cgroups and the child")).toMatchInlineSnapshot(`
    "mkdirat(AT_FDCWD, "/run/box", 0711)
    openat(AT_FDCWD, "/run/box", O_PATH|O_DIRECTORY|O_CLOEXEC, 0) → folder of all states
    statx(folder of all states, "", AT_EMPTY_PATH, STATX_UID|STATX_MODE, &statx of the folder of all states)
    compute (uid of the folder) & 0xffffffff
    compute (mode of the folder) & 0x12
    mkdirat(folder of all states, "web", 0700)
    openat(folder of all states, "web", O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC, 0) → unlocked state folder
    flock(unlocked state folder, LOCK_EX|LOCK_NB)
    compute unlocked state folder → state folder
    openat(AT_FDCWD, "/sys/fs/cgroup/user.slice/web/cgroup.procs", O_RDONLY|O_CLOEXEC, 0) → cgroup.procs
    openat(state folder, "state.new", O_WRONLY|O_CREAT|O_TRUNC|O_NOFOLLOW|O_CLOEXEC, 0600) → state.json
    write(state.json, the state, its length)
    close(state.json)
    renameat2(state folder, "state.new", state folder, "state.json", 0)
    openat(state folder, "config.json", O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0600) → config.json
    write(config.json, the configuration, its length)
    close(config.json)
    mkdirat(AT_FDCWD, "/sys/fs/cgroup/user.slice/web", 0755)
    openat(AT_FDCWD, "/sys/fs/cgroup/user.slice/web", O_PATH|O_DIRECTORY|O_CLOEXEC, 0) → the container's cgroup
    memfd_create("box-stage", MFD_CLOEXEC|MFD_ALLOW_SEALING|MFD_EXEC) → stage
    memfd_create("box-tape", MFD_CLOEXEC) → line, as made
    pwrite64(line, as made, the tape, its length, 65536)
    mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, line, as made, 0) → status
    fcntl(line, as made, F_DUPFD_CLOEXEC, 5) → arena
    close(line, as made)
    socketpair(AF_UNIX, SOCK_SEQPACKET|SOCK_CLOEXEC, 0, &socketpair)
    compute (socketpair) & 0xffffffff → line to the child
    compute (socketpair's second half) & 0xffffffff → line to box, as made
    fcntl(line to box, as made, F_DUPFD_CLOEXEC, 5) → line to box
    close(line to box, as made)
    rt_sigprocmask(SIG_BLOCK, 8 bytes, NULL, 8)
    compute the container's cgroup → cgroup
    bpf(BPF_PROG_LOAD, {prog_type: BPF_PROG_TYPE_CGROUP_DEVICE, insn_cnt: 64, insns: &device filter, license: "Apache-2.0"}, 40) → filter of devices
    compute cgroup and filter → attachment's cgroup and filter
    bpf(BPF_PROG_ATTACH, &attachment {attach_type: BPF_CGROUP_DEVICE, attach_flags: BPF_F_ALLOW_MULTI}, 16)
    clone3(&clone_args {flags: CLONE_VM|CLONE_VFORK|CLONE_NEWPID|CLONE_NEWNET|CLONE_NEWIPC|CLONE_NEWUTS|CLONE_NEWNS|CLONE_NEWCGROUP|CLONE_INTO_CGROUP, exit_signal: 17}, 88) → the child's pid
    close(arena)
    close(line to box)"
  `);
});

test("the default configuration: mounts", () => {
  expect(calls(planOf(defaultSpec(), { ...plainFacts, cgroups: cgroupLayouts.none }), "init: mounts")).toMatchInlineSnapshot(`
    "fsopen("proc", FSOPEN_CLOEXEC) → mount context
    fsconfig(mount context, FSCONFIG_SET_STRING, "source", "proc", 0)
    fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
    fsmount(mount context, FSMOUNT_CLOEXEC, 0) → /proc
    close(mount context)
    openat2(root, "proc", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS}, 24) → place of /proc   (again on EAGAIN)
    move_mount(/proc, "", place of /proc, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    close(place of /proc)
    close(/proc)
    fsopen("tmpfs", FSOPEN_CLOEXEC) → mount context
    fsconfig(mount context, FSCONFIG_SET_STRING, "source", "tmpfs", 0)
    fsconfig(mount context, FSCONFIG_SET_STRING, "mode", "755", 0)
    fsconfig(mount context, FSCONFIG_SET_STRING, "size", "65536k", 0)
    fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
    fsmount(mount context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID|MOUNT_ATTR_STRICTATIME) → /dev
    close(mount context)
    openat2(root, "dev", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → place of /dev   (again on EAGAIN)
    move_mount(/dev, "", place of /dev, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    close(place of /dev)
    close(/dev)
    fsopen("devpts", FSOPEN_CLOEXEC) → mount context
    fsconfig(mount context, FSCONFIG_SET_STRING, "source", "devpts", 0)
    fsconfig(mount context, FSCONFIG_SET_FLAG, "newinstance", NULL, 0)
    fsconfig(mount context, FSCONFIG_SET_STRING, "ptmxmode", "0666", 0)
    fsconfig(mount context, FSCONFIG_SET_STRING, "mode", "0620", 0)
    fsconfig(mount context, FSCONFIG_SET_STRING, "gid", "5", 0)
    fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
    fsmount(mount context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID|MOUNT_ATTR_NOEXEC) → /dev/pts
    close(mount context)
    openat2(root, "dev/pts", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → place of /dev/pts   (again on EAGAIN)
    move_mount(/dev/pts, "", place of /dev/pts, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    close(place of /dev/pts)
    close(/dev/pts)
    fsopen("tmpfs", FSOPEN_CLOEXEC) → mount context
    fsconfig(mount context, FSCONFIG_SET_STRING, "source", "shm", 0)
    fsconfig(mount context, FSCONFIG_SET_STRING, "mode", "1777", 0)
    fsconfig(mount context, FSCONFIG_SET_STRING, "size", "65536k", 0)
    fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
    fsmount(mount context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID|MOUNT_ATTR_NOEXEC|MOUNT_ATTR_NODEV) → /dev/shm
    close(mount context)
    openat2(root, "dev/shm", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → place of /dev/shm   (again on EAGAIN)
    move_mount(/dev/shm, "", place of /dev/shm, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    close(place of /dev/shm)
    close(/dev/shm)
    fsopen("mqueue", FSOPEN_CLOEXEC) → mount context
    fsconfig(mount context, FSCONFIG_SET_STRING, "source", "mqueue", 0)
    fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
    fsmount(mount context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID|MOUNT_ATTR_NOEXEC|MOUNT_ATTR_NODEV) → /dev/mqueue
    close(mount context)
    openat2(root, "dev/mqueue", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → place of /dev/mqueue   (again on EAGAIN)
    move_mount(/dev/mqueue, "", place of /dev/mqueue, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    close(place of /dev/mqueue)
    close(/dev/mqueue)
    fsopen("sysfs", FSOPEN_CLOEXEC) → mount context
    fsconfig(mount context, FSCONFIG_SET_STRING, "source", "sysfs", 0)
    fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
    fsmount(mount context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID|MOUNT_ATTR_NOEXEC|MOUNT_ATTR_NODEV|MOUNT_ATTR_RDONLY) → /sys
    close(mount context)
    openat2(root, "sys", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS}, 24) → place of /sys   (again on EAGAIN)
    move_mount(/sys, "", place of /sys, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    close(place of /sys)
    close(/sys)
    fsopen("cgroup", FSOPEN_CLOEXEC) → mount context
    fsconfig(mount context, FSCONFIG_SET_STRING, "source", "cgroup", 0)
    fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
    fsmount(mount context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID|MOUNT_ATTR_NOEXEC|MOUNT_ATTR_NODEV|MOUNT_ATTR_RELATIME|MOUNT_ATTR_RDONLY) → /sys/fs/cgroup
    close(mount context)
    openat2(root, "sys/fs/cgroup", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → place of /sys/fs/cgroup   (again on EAGAIN)
    move_mount(/sys/fs/cgroup, "", place of /sys/fs/cgroup, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    close(place of /sys/fs/cgroup)
    close(/sys/fs/cgroup)"
  `);
});

test("rootless: /sys is the host's, bound", () => {
  const lines = calls(planOf(defaultSpec({ rootless: { uid: 1000, gid: 1000 } }), { ...plainFacts, ...userFacts }), "init: mounts").split(
    "\n",
  );
  expect(
    lines
      .slice(lines.findIndex((line) => line.startsWith("open_tree")))
      .slice(0, 5)
      .join("\n"),
  ).toMatchInlineSnapshot(`
    "open_tree(AT_FDCWD, "/sys", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_RECURSIVE) → /sys
    statx(/sys, "", AT_EMPTY_PATH, STATX_TYPE, &statx)
    compute (mode of /sys) & 0xf000
    move_mount(/sys, "", place of /sys, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
    mount_setattr(/sys, "", AT_EMPTY_PATH, {attr_set: MOUNT_ATTR_NOSUID|MOUNT_ATTR_NOEXEC|MOUNT_ATTR_NODEV|MOUNT_ATTR_RDONLY, attr_clr: 0}, 32)"
  `);
});

test("no cgroups are a fact to know", () => {
  const notes = (facts: Parameters<typeof planWith>[0]["facts"]): readonly string[] =>
    planWith({ process: { capabilities: {} }, ...(facts === undefined ? {} : { facts }) }).notes;
  expect([notes({}), notes({ cgroups: cgroupLayouts.none })]).toEqual([[], ["no cgroup: this user may make none here"]]);
});

test("a relative root lies in the bundle", () => {
  const opened = (path: string): string =>
    calls(planWith({ spec: { root: { path } } }), "init: root")
      .split("\n")
      .filter((line) => line.endsWith("→ root folder"))
      .join("\n");
  expect([opened("rootfs"), opened("/srv/other")]).toEqual([
    'openat(AT_FDCWD, "/srv/web/rootfs", O_PATH|O_DIRECTORY|O_CLOEXEC, 0) → root folder',
    'openat(AT_FDCWD, "/srv/other", O_PATH|O_DIRECTORY|O_CLOEXEC, 0) → root folder',
  ]);
});

test("every tape can be encoded, for both machines", () => {
  const plan = planWith({ launch: { way: "created" }, spec: { hooks: { startContainer: [{ path: "/bin/hook" }] } }, seccomp: allowAll });
  const lists = [plan.child.flatMap(({ steps }) => steps), ...plan.explanations.map(({ steps }) => steps)];
  for (const machine of ["x64", "arm64"] as const) {
    const options = { explanations: { context: 1, program: 2, start: 3 } };
    const { owners, entries, recordsAddress } = encodeTape(
      lists,
      plan.childVariables.variables,
      { machine, base: 0x40010000, status: 0x40000000 },
      options,
    );
    expect(entries.map((entry) => owners[(entry - recordsAddress) / record.bytes])).toEqual(lists.map(([first]) => first));
  }
});
