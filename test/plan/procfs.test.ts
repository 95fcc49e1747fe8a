// oomScoreAdj and sysctls in plans: where they stand, and through which procfs they are written.

import { describe, expect, test } from "bun:test";
import type { Namespace } from "../../src/config/spec.ts";
import { calls, planWith, section, userFacts } from "./plan-for.ts";

const ids = [{ containerID: 0, hostID: 1000, size: 1 }];
const joined: Namespace[] = [{ type: "mount" }, { type: "uts" }, { type: "network", path: "/run/netns/web" }];

describe("the OOM score", () => {
  test("is set by init before it enters anything", () => {
    expect(calls(planWith({ process: { oomScoreAdj: -500 } }), "init: let go of what came from box")).toMatchInlineSnapshot(`
      "close(3)
      close_range(5, 4294967295, 0)
      fcntl(4, F_SETFD, 1)
      openat(AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY|O_CLOEXEC, 0) → oom_score_adj
      fstatfs(oom_score_adj, &statfs)
      compute filesystem of /proc
      write(oom_score_adj, "-500", 4)
      close(oom_score_adj)"
    `);
  });
  test("is set by the helper, before it is closed to tracing", () => {
    const plan = planWith({ process: { oomScoreAdj: 0 }, linux: { namespaces: joined } });
    expect(calls(plan, "stage: let go of what came from box").split("\n").slice(3).join("\n")).toMatchInlineSnapshot(`
      "openat(AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY|O_CLOEXEC, 0) → oom_score_adj
      fstatfs(oom_score_adj, &statfs)
      compute filesystem of /proc
      write(oom_score_adj, "0", 1)
      close(oom_score_adj)
      prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)"
    `);
  });
  test("is left alone without", () => expect(calls(planWith({}), "init: let go of what came from box").split("\n").length).toBe(3));
});

describe("sysctls", () => {
  test("are written through a procfs of their own, once init is in its namespaces", () => {
    const plan = planWith({ linux: { sysctl: { "kernel.shmmax": "8192", "net/ipv4/conf/eth0.1/rp_filter": "1" } } });
    const titles = plan.child.map(({ title }) => title);
    expect(titles.indexOf("sysctls")).toBe(titles.indexOf("network") + 1);
    expect(section(plan, "init: sysctls")).toMatchInlineSnapshot(`
      "fsopen("proc", FSOPEN_CLOEXEC) → mount context
              linux.sysctl: make a procfs that the container cannot reach
      fsconfig(mount context, FSCONFIG_CMD_CREATE, NULL, NULL, 0)
              linux.sysctl: make a procfs that the container cannot reach
          [done] fsmount(mount context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID|MOUNT_ATTR_NODEV|MOUNT_ATTR_NOEXEC) → procfs
                  linux.sysctl: make a procfs that the container cannot reach
              [EPERM] openat(AT_FDCWD, "/proc", O_PATH|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC, 0) → procfs
                      linux.sysctl: open the host's /proc
          [EPERM] openat(AT_FDCWD, "/proc", O_PATH|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC, 0) → procfs
                  linux.sysctl: open the host's /proc
      close(mount context)
              linux.sysctl: done with it
      fstatfs(procfs, &statfs)
              linux.sysctl: look at its filesystem
      compute filesystem of /proc
              linux.sysctl: make a procfs that the container cannot reach
      openat2(procfs, "sys/kernel/shmmax", {flags: O_WRONLY|O_CLOEXEC, resolve: RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS|RESOLVE_NO_XDEV}, 24) → sys/kernel/shmmax
              linux.sysctl["kernel.shmmax"]: set kernel.shmmax to "8192"
      write(sys/kernel/shmmax, "8192", 4)
              linux.sysctl["kernel.shmmax"]: set kernel.shmmax to "8192"
      close(sys/kernel/shmmax)
              linux.sysctl["kernel.shmmax"]: done with it
      openat2(procfs, "sys/net/ipv4/conf/eth0.1/rp_filter", {flags: O_WRONLY|O_CLOEXEC, resolve: RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS|RESOLVE_NO_XDEV}, 24) → sys/net/ipv4/conf/eth0.1/rp_filter
              linux.sysctl["net/ipv4/conf/eth0.1/rp_filter"]: set net/ipv4/conf/eth0.1/rp_filter to "1"
      write(sys/net/ipv4/conf/eth0.1/rp_filter, "1", 1)
              linux.sysctl["net/ipv4/conf/eth0.1/rp_filter"]: set net/ipv4/conf/eth0.1/rp_filter to "1"
      close(sys/net/ipv4/conf/eth0.1/rp_filter)
              linux.sysctl["net/ipv4/conf/eth0.1/rp_filter"]: done with it
      close(procfs)
              linux.sysctl: done with it"
    `);
  });
  test("in a joined mount namespace only through that one", () => {
    const namespaces: Namespace[] = [{ type: "uts" }, { type: "ipc" }, { type: "mount", path: "/proc/7/ns/mnt" }];
    const plan = planWith({ linux: { namespaces, sysctl: { "kernel.shmmax": "8192" } } });
    expect(section(plan, "init: sysctls")).not.toContain("EPERM");
  });
  test("of a network that is joined only if it is not that of box", () => {
    const plan = planWith({ linux: { namespaces: joined, sysctl: { "net.ipv4.ip_forward": "1" } } });
    expect(section(plan, "stage: join namespaces").split("\n").slice(0, 10).join("\n")).toMatchInlineSnapshot(`
      "statx(AT_FDCWD, "/proc/self/ns/net", 0, STATX_INO, &statx)
              linux.sysctl["net.ipv4.ip_forward"]: look at the network namespace of box
      compute its number → number of the network namespace of box
              linux.sysctl["net.ipv4.ip_forward"]: keep its number
      statx(AT_FDCWD, "/run/netns/web", 0, STATX_INO, &statx)
              linux.sysctl["net.ipv4.ip_forward"]: look at the network namespace /run/netns/web
      compute (its number - number of the network namespace of box) & 0xffffffff
              linux.sysctl["net.ipv4.ip_forward"]: are they the same?
          [if 0] getpid()
                  linux.sysctl["net.ipv4.ip_forward"]: set net.ipv4.ip_forward"
    `);
  });
  test("of other namespaces need no such look", () => {
    const namespaces: Namespace[] = [...joined, { type: "ipc" }];
    const plan = planWith({ linux: { namespaces, sysctl: { "kernel.shmmax": "1" } } });
    expect(section(plan, "stage: join namespaces")).not.toContain("statx");
  });
  test("without root too", () => {
    const linux = {
      namespaces: [{ type: "mount" as const }, { type: "user" as const }, { type: "uts" as const }, { type: "ipc" as const }],
      uidMappings: ids,
      gidMappings: ids,
      sysctl: { "kernel.shmmax": "1" },
    };
    expect(calls(planWith({ linux, facts: userFacts }), "init: sysctls").split("\n")[0]).toBe(
      'fsopen("proc", FSOPEN_CLOEXEC) → mount context',
    );
  });
});
