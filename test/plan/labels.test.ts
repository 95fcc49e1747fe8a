// Security labels in plans: where they are written, through which procfs, and what a host without them is told.

import { describe, expect, test } from "bun:test";
import type { HostFacts } from "../../src/host/facts.ts";
import { faultLines } from "../config/print-faults.ts";
import { calls, execWith, planWith, section, userFacts } from "./plan-for.ts";

const label = "system_u:system_r:container_t:s0:c4,c5";
const mountLabel = "system_u:object_r:container_file_t:s0:c4,c5";
const titles = (plan: ReturnType<typeof planWith>): string[] => plan.child.map(({ title }) => title);
const on = (apparmor: string | undefined, selinux?: string): Partial<HostFacts> => ({ labels: { apparmor, selinux } });

describe("of a container's program", () => {
  test("are written through a procfs of box's own, after the hooks that run as box does and before the root is entered", () => {
    const plan = planWith({
      process: { apparmorProfile: "web server", selinuxLabel: label },
      spec: { hooks: { createContainer: [{ path: "/bin/hook" }] } },
    });
    const order = titles(plan).filter((title) => ["identity", "hooks", "security labels", "enter the root", "process"].includes(title));
    expect(order).toEqual(["identity", "hooks", "security labels", "enter the root", "process"]);
    expect(section(plan, "init: security labels")).toMatchInlineSnapshot(`
      "openat2(procfs for labels, "thread-self/attr/exec", {flags: O_WRONLY|O_CLOEXEC, resolve: RESOLVE_BENEATH|RESOLVE_NO_MAGICLINKS|RESOLVE_NO_XDEV}, 24) → attr/exec
              process.selinuxLabel: let the program run as system_u:system_r:container_t:s0:c4,c5
      write(attr/exec, "system_u:system_r:container_t:s0:c4,c5", 38)
              process.selinuxLabel: let the program run as system_u:system_r:container_t:s0:c4,c5
      close(attr/exec)
              process.selinuxLabel: done with it
      openat2(procfs for labels, "thread-self/attr/apparmor/exec", {flags: O_WRONLY|O_CLOEXEC, resolve: RESOLVE_BENEATH|RESOLVE_NO_MAGICLINKS|RESOLVE_NO_XDEV}, 24) → attr/apparmor/exec
              process.apparmorProfile: let the program run under the AppArmor profile web server
      write(attr/apparmor/exec, "exec web server", 15)
              process.apparmorProfile: let the program run under the AppArmor profile web server
      close(attr/apparmor/exec)
              process.apparmorProfile: done with it
      close(procfs for labels)
              process.selinuxLabel: done with it"
    `);
  });
  test("procfs is open before anything is attached, and the keyring has the program's label", () => {
    expect(calls(planWith({ process: { selinuxLabel: label } }), "init: identity")).toMatchInlineSnapshot(`
      "prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
      umask(0)
      sethostname("runc", 4)
      fsopen("proc", FSOPEN_CLOEXEC) → mount context
      fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
      close(mount context)
      fstatfs(procfs for labels, &statfs)
      compute filesystem of /proc
      openat2(procfs for labels, "thread-self/attr/keycreate", {flags: O_WRONLY|O_CLOEXEC, resolve: RESOLVE_BENEATH|RESOLVE_NO_MAGICLINKS|RESOLVE_NO_XDEV}, 24) → attr/keycreate
      write(attr/keycreate, "system_u:system_r:container_t:s0:c4,c5", 38)
      close(attr/keycreate)
      keyctl(KEYCTL_JOIN_SESSION_KEYRING, "_ses.web", 0, 0, 0) → session keyring"
    `);
  });
  test("a keyring that is the caller's is not labelled", () => {
    const plan = planWith({ process: { selinuxLabel: label }, launch: { newKeyring: false } });
    expect(calls(plan, "init: identity")).not.toContain("attr/keycreate");
    expect(calls(plan, "init: security labels")).toContain("attr/exec");
  });
  test("sysctls go through the same procfs", () => {
    const plan = planWith({ process: { apparmorProfile: "web" }, linux: { sysctl: { "net.ipv4.ip_forward": "1" } } });
    expect(calls(plan, "init: sysctls")).toMatchInlineSnapshot(`
      "openat2(procfs for labels, "sys/net/ipv4/ip_forward", {flags: O_WRONLY|O_CLOEXEC, resolve: RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS|RESOLVE_NO_XDEV}, 24) → sys/net/ipv4/ip_forward
      write(sys/net/ipv4/ip_forward, "1", 1)
      close(sys/net/ipv4/ip_forward)"
    `);
  });
  test("in a joined mount namespace too", () => {
    const plan = planWith({ process: { apparmorProfile: "web" }, linux: { namespaces: [{ type: "mount", path: "/proc/7/ns/mnt" }] } });
    expect(calls(plan, "init: security labels").split("\n")[0]).toContain("thread-self/attr/apparmor/exec");
    // There /proc is not the host's.
    expect(section(plan, "init: identity")).not.toContain('"/proc"');
  });
  test("without any there is no step", () => {
    expect(titles(planWith({}))).not.toContain("security labels");
    expect(calls(planWith({}), "init: identity")).not.toContain("proc");
  });
  test("what fails later says under which", () => {
    const plan = planWith({ process: { args: ["/bin/a"], apparmorProfile: "web", selinuxLabel: label } });
    expect(plan.child.at(-1)?.steps.at(-1)?.why).toBe(`execute /bin/a under the AppArmor profile web as ${label}`);
  });
});

describe("of a process of exec", () => {
  test("are written through the host's /proc, before the container is joined", () => {
    const plan = execWith({ process: { apparmorProfile: "web server", selinuxLabel: label } });
    expect(calls(plan, "stage: let go of what came from box")).toMatchInlineSnapshot(`
      "close(3)
      close_range(6, 4294967295, 0)
      fcntl(4, F_SETFD, 1)
      fcntl(5, F_SETFD, 1)
      openat(AT_FDCWD, "/proc/self/attr/keycreate", O_WRONLY|O_CLOEXEC, 0) → attr/keycreate
      fstatfs(attr/keycreate, &statfs)
      compute filesystem of /proc
      write(attr/keycreate, "system_u:system_r:container_t:s0:c4,c5", 38)
      close(attr/keycreate)
      openat(AT_FDCWD, "/proc/self/attr/exec", O_WRONLY|O_CLOEXEC, 0) → attr/exec
      fstatfs(attr/exec, &statfs)
      compute filesystem of /proc
      write(attr/exec, "system_u:system_r:container_t:s0:c4,c5", 38)
      close(attr/exec)
      openat(AT_FDCWD, "/proc/self/attr/apparmor/exec", O_WRONLY|O_CLOEXEC, 0) → attr/apparmor/exec
      fstatfs(attr/apparmor/exec, &statfs)
      compute filesystem of /proc
      write(attr/apparmor/exec, "exec web server", 15)
      close(attr/apparmor/exec)
      prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)"
    `);
  });
  test("and nothing else has to do with them", () => {
    const plan = execWith({ process: { apparmorProfile: "web" } });
    expect(titles(plan)).not.toContain("security labels");
    expect(
      execWith({})
        .child.flatMap(({ steps }) => steps)
        .some(({ args }) => String(args[1]).includes("attr/")),
    ).toBe(false);
  });
});

describe("AppArmor, where box is confined itself", () => {
  const text = (apparmor: string, noNewPrivileges: boolean): unknown =>
    planWith({ process: { apparmorProfile: "web", noNewPrivileges }, facts: on(apparmor) })
      .child.find(({ title }) => title === "security labels")
      ?.steps.find(({ call }) => call === "write")?.args[1];
  test.each([
    ["unconfined", true, "exec web"],
    ["runc (unconfined)", true, "exec web"],
    ["lxc (enforce)", false, "exec web"],
    ["lxc (enforce)", true, "stack web"],
    ["lxc (complain)", true, "stack web"],
  ])("%s, no new privileges: %p: %s", (apparmor, noNewPrivileges, written) => expect(text(apparmor, noNewPrivileges)).toBe(written));
  test("the plan says what that means", () =>
    expect(planWith({ process: { apparmorProfile: "web", noNewPrivileges: true }, facts: on("lxc (enforce)") }).notes).toContain(
      "process.apparmorProfile: web comes on top of lxc (enforce), which box is confined by: with process.noNewPrivileges the kernel lets nothing take its place",
    ));
});

describe("a host that cannot", () => {
  const all = { process: { apparmorProfile: "web", selinuxLabel: label }, linux: { mountLabel } };
  const off = [
    'process.apparmorProfile: "web" cannot be used: AppArmor is not enabled on this host, it is where /sys/module/apparmor/parameters/enabled says Y',
    `process.selinuxLabel: "${label}" cannot be used: SELinux is not enabled on this host, it is where /sys/fs/selinux is mounted and can be written to`,
  ];
  test("is named with all of it", () =>
    expect(faultLines(() => planWith({ ...all, facts: on(undefined) }))).toEqual([
      ...off,
      `linux.mountLabel: "${mountLabel}" cannot be used: SELinux is not enabled on this host, it is where /sys/fs/selinux is mounted and can be written to`,
    ]));
  test("for exec too", () => expect(faultLines(() => execWith({ ...all, facts: on(undefined) }))).toEqual(off));
  test("SELinux without a policy", () =>
    expect(faultLines(() => planWith({ ...all, facts: on("unconfined", "kernel") }))).toEqual([
      `process.selinuxLabel: "${label}" cannot be used: SELinux has no policy loaded on this host`,
      `linux.mountLabel: "${mountLabel}" cannot be used: SELinux has no policy loaded on this host`,
    ]));
  test("confines nothing, so unconfined holds", () => {
    const plan = planWith({ process: { apparmorProfile: "unconfined" }, facts: on(undefined) });
    expect(titles(plan)).not.toContain("security labels");
    expect(plan.notes).toContain("process.apparmorProfile: nothing is to be done for unconfined: AppArmor is not enabled on this host");
  });
});

describe("of mounts", () => {
  const mounts = ["tmpfs", "proc", "sysfs", "mqueue", "devpts", "cgroup", "overlay"].map((type) => ({
    destination: `/${type}`,
    type,
    source: type,
  }));
  const labelled = (changes: Parameters<typeof planWith>[0]): string[] =>
    planWith(changes)
      .child.flatMap(({ steps }) => steps)
      .filter(({ args, call }) => call === "fsconfig" && args[2] === "context")
      .map(({ why }) => why);
  test("are told to a filesystem of the container's own", () =>
    expect(labelled({ linux: { mountLabel, maskedPaths: [] }, mounts })).toEqual(
      ["tmpfs", "devpts", "overlay"].map((type) => `label the files of the ${type} ${mountLabel}`),
    ));
  test("as a value of its own, with no quotes around it", () => {
    expect(
      calls(planWith({ linux: { mountLabel, maskedPaths: [] }, mounts: mounts.slice(0, 1) }), "init: mounts")
        .split("\n")
        .slice(0, 5)
        .join("\n"),
    ).toMatchInlineSnapshot(`
      "fsopen("tmpfs", FSOPEN_CLOEXEC) → mount context
      fsconfig(mount context, FSCONFIG_SET_STRING, "source", "tmpfs", 0)
      fsconfig(mount context, FSCONFIG_SET_STRING, "context", "system_u:object_r:container_file_t:s0:c4,c5", 0)
      fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
      fsmount(mount context, FSMOUNT_CLOEXEC, 0) → /tmpfs"
    `);
  });
  test("the folder of message queues takes it as an attribute", () => {
    expect(
      section(planWith({ linux: { mountLabel, maskedPaths: [] }, mounts: mounts.slice(3, 4) }), "init: mounts"),
    ).toMatchInlineSnapshot(`
      "fsopen("mqueue", FSOPEN_CLOEXEC) → mount context
              mounts[0]: mount mqueue on /mqueue
      fsconfig(mount context, FSCONFIG_SET_STRING, "source", "mqueue", 0)
              mounts[0]: mount mqueue on /mqueue
      fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
              mounts[0]: mount mqueue on /mqueue
      fsmount(mount context, FSMOUNT_CLOEXEC, 0) → /mqueue
              mounts[0]: mount mqueue on /mqueue
      close(mount context)
              mounts[0]: done with it
      openat(/mqueue, ".", O_RDONLY|O_DIRECTORY|O_CLOEXEC, 0) → folder of message queues
              linux.mountLabel: open the folder of message queues
      fsetxattr(folder of message queues, "security.selinux", "system_u:object_r:container_file_t:s0:c4,c5", 43, 0)
              linux.mountLabel: label the folder of message queues system_u:object_r:container_file_t:s0:c4,c5
      close(folder of message queues)
              linux.mountLabel: done with it
      openat2(root, "mqueue", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → place of /mqueue   (again on EAGAIN)
              mounts[0]: open /mqueue in the container's root
          [ENOENT] mkdirat(root, "mqueue", 0755)
                  mounts[0]: make the folder /mqueue in the container's root
          [ENOENT] openat2(root, "mqueue", {flags: O_PATH|O_DIRECTORY|O_CLOEXEC, resolve: RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) → place of /mqueue   (again on EAGAIN)
                  mounts[0]: open /mqueue in the container's root
      move_mount(/mqueue, "", place of /mqueue, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
              mounts[0]: mount mqueue on /mqueue
      close(place of /mqueue)
              mounts[0]: done with it
      close(/mqueue)
              mounts[0]: done with it"
    `);
  });
  test("the empty folder that masks has it", () =>
    expect(labelled({ linux: { mountLabel, maskedPaths: ["/proc/acpi"] }, mounts: [] })).toEqual([
      `label the files of the tmpfs ${mountLabel}`,
    ]));
  test("the tmpfs of v1's hierarchies has it", () =>
    expect(
      labelled({
        linux: { mountLabel, maskedPaths: [] },
        mounts: mounts.slice(5, 6),
        facts: {
          cgroups: { v1: [{ controllers: ["devices"], mount: "/sys/fs/cgroup/devices", own: "/" }], v2: undefined, writable: true },
        },
      }),
    ).toEqual([`label the files of the tmpfs ${mountLabel}`]));
  test("the view of the host's / has it", () =>
    expect(labelled({ linux: { mountLabel, maskedPaths: [] }, mounts: [], hostRoot: true })).toEqual(
      ["tmpfs", "overlay"].map((type) => `label the files of the ${type} ${mountLabel}`),
    ));
  test("among the options of mount(2) in quotes, since it may have commas", () => {
    const plan = planWith({
      linux: { mountLabel, maskedPaths: [] },
      mounts: [{ destination: "/a", type: "overlay", source: "overlay", options: [`lowerdir=/${"l".repeat(255)}`] }],
    });
    const mount = plan.child.flatMap(({ steps }) => steps).find(({ call, args }) => call === "mount" && args[2] === "overlay");
    expect(mount?.args[4]).toBe(`lowerdir=/${"l".repeat(255)},context="${mountLabel}"`);
  });
  test("a mount's own goes first", () =>
    expect(
      labelled({
        linux: { mountLabel, maskedPaths: [] },
        mounts: [{ destination: "/a", type: "tmpfs", options: ["context=u:object_r:a_t:s0"] }],
      }),
    ).toEqual(["mount tmpfs on /a"]));
  test("bind mounts keep theirs", () =>
    expect(
      labelled({
        linux: { mountLabel, maskedPaths: [] },
        mounts: [{ destination: "/a", type: "bind", source: "/srv", options: ["rbind"] }],
      }),
    ).toEqual([]));
});

test("without root's rights they are written all the same", () => {
  const ids = [{ containerID: 0, hostID: 1000, size: 1 }];
  const namespaces = [{ type: "mount" as const }, { type: "user" as const }];
  const plan = planWith({
    process: { apparmorProfile: "web" },
    linux: { namespaces, uidMappings: ids, gidMappings: ids },
    facts: { ...userFacts, ...on("unconfined") },
  });
  expect(calls(plan, "init: security labels")).toContain('"exec web"');
});
