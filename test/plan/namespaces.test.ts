import { describe, expect, test } from "bun:test";
import type { Linux, Namespace, NamespaceType } from "../../src/config/spec.ts";
import { needsHelper, sortNamespaces } from "../../src/plan/namespaces.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { calls, cgroupLayouts, planWith, section, specWith, userFacts } from "./plan-for.ts";

const headings = (plan: Plan): string[] => plan.child.map(({ actor, title }) => `${actor}: ${title}`);
const joining = (type: NamespaceType): Namespace[] => [
  ...(type === "mount" ? [] : [{ type: "mount" } as const]),
  { type, path: `/proc/7/ns/${type}` },
];
const ids = [{ containerID: 0, hostID: 1000, size: 1 }];
const withUser: Linux = { namespaces: [{ type: "mount" }, { type: "pid" }, { type: "user" }], uidMappings: ids, gidMappings: ids };

/** The flags that box or the stage gives to the clone of init. */
function cloneFlags(plan: Plan): string {
  const stage = plan.child.flatMap(({ steps }) => steps).find(({ call }) => call === "clone");
  if (stage !== undefined) return (stage.args[0] as readonly string[]).join("|");
  const args = plan.box.variables.buffers.find(({ buffer }) => buffer === "clone_args")?.initial as unknown as { flags: string[] };
  return args.flags.join("|");
}

describe("new ones", () => {
  test("are made by the clone of init, which is born in its cgroup", () =>
    expect(cloneFlags(planWith({}))).toBe(
      "CLONE_VM|CLONE_VFORK|CLONE_NEWPID|CLONE_NEWNET|CLONE_NEWIPC|CLONE_NEWUTS|CLONE_NEWNS|CLONE_NEWCGROUP|CLONE_INTO_CGROUP",
    ));
  test("of cgroups wait for v1 to be entered", () => {
    const plan = planWith({ facts: { cgroups: cgroupLayouts.v1 } });
    expect([cloneFlags(plan), calls(plan, "init: namespaces")]).toEqual([
      "CLONE_VM|CLONE_VFORK|CLONE_NEWPID|CLONE_NEWNET|CLONE_NEWIPC|CLONE_NEWUTS|CLONE_NEWNS",
      "setsid()\nsched_setaffinity(0, 1024, 1024 bytes)\nunshare(CLONE_NEWCGROUP)",
    ]);
  });
  test("of users need a helper, ids from box, and only then are closed to tracing", () => {
    const plan = planWith({ facts: userFacts, linux: withUser });
    expect(headings(plan).slice(0, 5)).toEqual([
      "stage: let go of what came from box",
      "stage: make init",
      "init: begin",
      "init: namespaces",
      "init: ids",
    ]);
    expect(`${calls(plan, "init: ids")}\n${calls(plan, "init: identity")}`).toMatchInlineSnapshot(`
      "write(4, "i", 1)
      read(4, &answer, 1)
      setresgid(0, 0, 0)
      setresuid(0, 0, 0)
      prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
      umask(0)
      sethostname("runc", 4)
      keyctl(KEYCTL_JOIN_SESSION_KEYRING, "_ses.web", 0, 0, 0) → session keyring"
    `);
  });
  test("of users get from programs what box may not map, and groups stay theirs to set", () => {
    const ranges = [...ids, { containerID: 1, hostID: 100000, size: 10 }];
    const plan = planWith({
      facts: { ...userFacts, idMapPrograms: { newuidmap: undefined, newgidmap: "/usr/bin/newgidmap" } },
      linux: { ...withUser, gidMappings: ranges },
      process: { user: { uid: 0, gid: 0, additionalGids: [5] } },
    });
    expect(calls(plan, "box: id maps")).toMatchInlineSnapshot(`
      "read(line to the child, &reply, 1)
      memfd_create("box-id-maps", MFD_CLOEXEC) → output of hooks
      compute "newgidmap" → argument 0 of newgidmap
      compute &path of the child in /proc+6 → argument 1 of newgidmap
      compute "0" → argument 2 of newgidmap
      compute "1000" → argument 3 of newgidmap
      compute "1" → argument 4 of newgidmap
      compute "1" → argument 5 of newgidmap
      compute "100000" → argument 6 of newgidmap
      compute "10" → argument 7 of newgidmap
      clock_gettime(0, &when the hook began)
      lseek(output of hooks, 0, 0)
      ftruncate(output of hooks, 0)
      lseek(output of hooks, 0, 0)
      compute 0 → errno of the hook's execve
      clone3(&clone_args {flags: CLONE_VM|CLONE_VFORK|CLONE_PIDFD, pidfd: &pidfd, exit_signal: 17}, 88)
      waitid(P_PIDFD, pidfd, &how the hook ended, WEXITED, NULL)   (again on EINTR)
      close(pidfd)
      compute 0 - errno of the hook's execve
      compute (how it ended) & 0xffffffff
      compute (its status) & 0xffffffff
      openat(the child in /proc, "uid_map", O_WRONLY|O_CLOEXEC, 0) → map
      write(map, "0 1000 1\\n", 9)
      close(map)
      write(line to the child, "g", 1)"
    `);
    expect(calls(plan, "init: process")).toContain("setgroups(1, 4 bytes)");
    expect(plan.notes).not.toContain("process.user.additionalGids does not apply: without root a user namespace cannot change groups");
  });
  test("of users get their maps from box, groups given up first without root", () => {
    const plan = planWith({ facts: userFacts, linux: withUser });
    expect(calls(plan, "box: id maps")).toMatchInlineSnapshot(`
      "read(line to the child, &reply, 1)
      openat(the child in /proc, "setgroups", O_WRONLY|O_CLOEXEC, 0) → map
      write(map, "deny", 4)
      close(map)
      openat(the child in /proc, "gid_map", O_WRONLY|O_CLOEXEC, 0) → map
      write(map, "0 1000 1\\n", 9)
      close(map)
      openat(the child in /proc, "uid_map", O_WRONLY|O_CLOEXEC, 0) → map
      write(map, "0 1000 1\\n", 9)
      close(map)
      write(line to the child, "g", 1)"
    `);
  });
  test("of users get the whole maps from root", () => {
    const maps = [...ids, { containerID: 1, hostID: 200000, size: 65536 }];
    const plan = planWith({ linux: { ...withUser, uidMappings: maps, gidMappings: maps } });
    expect(calls(plan, "box: id maps").split("\n").slice(1, 4).join("\n")).toMatchInlineSnapshot(`
      "openat(the child in /proc, "gid_map", O_WRONLY|O_CLOEXEC, 0) → map
      write(map, "0 1000 1\\n1 200000 65536\\n", 24)
      close(map)"
    `);
  });
});

describe("joined", () => {
  for (const type of ["pid", "network", "ipc", "uts", "cgroup", "user", "mount"] as const) {
    const flag = { pid: "PID", network: "NET", ipc: "IPC", uts: "UTS", cgroup: "CGROUP", user: "USER", mount: "NS" }[type];
    test(`${type}: opened, checked, entered by the helper, not made`, () => {
      const plan = planWith({ spec: { hostname: "" }, linux: { namespaces: joining(type) } });
      expect(calls(plan, "stage: join namespaces").split("\n")).toEqual([
        `openat(AT_FDCWD, "/proc/7/ns/${type}", O_RDONLY|O_CLOEXEC|O_NONBLOCK, 0) → ${type} namespace`,
        `ioctl(${type} namespace, NS_GET_NSTYPE, NULL)`,
        `setns(${type} namespace, CLONE_NEW${flag})`,
        `close(${type} namespace)`,
        `clone(CLONE_PARENT|CLONE_PARENT_SETTID${type === "mount" ? "" : "|CLONE_NEWNS"}, NULL, &init's pid, NULL, NULL)`,
      ]);
    });
  }

  test("all files are opened before any is entered, the user namespace last with root's rights", () => {
    const namespaces = (["user", "mount", "pid", "network"] as const).map((type) => ({ type, path: `/proc/7/ns/${type}` }));
    const order = (plan: Plan): string[] =>
      calls(plan, "stage: join namespaces")
        .split("\n")
        .map((line) => /^(openat|setns)\(.*?(\w+) namespace|^(openat).*→ (\w+)/.exec(line))
        .flatMap((match) => (match === null ? [] : [`${match[1] ?? match[3]} ${match[2] ?? match[4]}`]));
    const opened = (types: string[]) => types.map((type) => `openat ${type}`);
    const entered = (types: string[]) => types.map((type) => `setns ${type}`);
    const asRoot = ["network", "pid", "mount", "user"];
    const asUser = ["user", "network", "pid", "mount"];
    expect(order(planWith({ spec: { hostname: "" }, linux: { namespaces } }))).toEqual([...opened(asRoot), ...entered(asRoot)]);
    expect(order(planWith({ spec: { hostname: "" }, facts: userFacts, linux: { namespaces } }))).toEqual([
      ...opened(asUser),
      ...entered(asUser),
    ]);
  });

  test("a file that is no such namespace is told as such", () => {
    expect(
      section(planWith({ linux: { namespaces: joining("network") } }), "stage: join namespaces")
        .split("\n")
        .slice(2, 6)
        .join("\n"),
    ).toMatchInlineSnapshot(`
    "ioctl(network namespace, NS_GET_NSTYPE, NULL)
            linux.namespaces[1]: join the network namespace /proc/7/ns/network
        [ENOTTY] getpid()
                linux.namespaces[1]: join the network namespace /proc/7/ns/network"
  `);
  });

  test("one that was checked is the one that is joined, whoever has its pid by now", () => {
    const plan = planWith({
      spec: { hostname: "" },
      linux: { namespaces: joining("network") },
      joins: [{ type: "network", path: "/proc/7/ns/network", to: "container:db", inode: 4026532000 }],
    });
    expect(section(plan, "stage: join namespaces").split("\n").slice(0, 14).join("\n")).toMatchInlineSnapshot(`
      "openat(AT_FDCWD, "/proc/7/ns/network", O_RDONLY|O_CLOEXEC|O_NONBLOCK, 0) → network namespace
              linux.namespaces[1]: open the network namespace of the container db
      ioctl(network namespace, NS_GET_NSTYPE, NULL)
              linux.namespaces[1]: join the network namespace of the container db
          [ENOTTY] getpid()
                  linux.namespaces[1]: join the network namespace of the container db
      statx(network namespace, "", AT_EMPTY_PATH, STATX_INO, &statx)
              linux.namespaces[1]: see which one it is
      compute (its number) & 0xffffffff
              linux.namespaces[1]: join the network namespace of the container db
      setns(network namespace, CLONE_NEWNET)
              linux.namespaces[1]: join the network namespace of the container db
      close(network namespace)
              linux.namespaces[1]: done with it"
    `);
  });

  test("user: its root is become, where it has one", () => {
    const plan = planWith({ linux: { namespaces: joining("user") }, spec: { hostname: "" } });
    expect(calls(plan, "init: ids")).toBe("setresgid(0, 0, 0)\nsetresuid(0, 0, 0)");
  });

  test("mount: the namespace is taken as it is, and the plan says so", () => {
    const plan = planWith({ linux: { namespaces: joining("mount") }, spec: { hostname: "" } });
    expect(headings(plan).slice(-3)).toEqual(["init: wait for box", "init: process", "init: program"]);
    expect(plan.notes).toContain(
      "linux.namespaces joins a mount namespace, so the container sees that namespace as it is: root, mounts, maskedPaths and readonlyPaths do not apply",
    );
  });
});

test("who needs a helper", () => {
  const needs = (namespaces: Namespace[]): boolean => needsHelper(sortNamespaces(specWith({ linux: { namespaces } })));
  expect([needs([{ type: "mount" }]), needs([{ type: "user" }]), needs([{ type: "pid", path: "/proc/1/ns/pid" }])]).toEqual([
    false,
    true,
    true,
  ]);
});
