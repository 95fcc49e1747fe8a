import { describe, expect, test } from "bun:test";
import type { Resources } from "../../src/config/spec.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import { limitNotes } from "../../src/plan/limit-notes.ts";
import { faultLines } from "../config/print-faults.ts";
import { cgroupLayouts, plainFacts, planWith, section, userFacts } from "./plan-for.ts";

const heading = "box: state, cgroups and the child";
/** Lines about limits and what they need, without those that say why. */
function limits(cgroups: keyof typeof cgroupLayouts, resources: Resources | undefined, cgroupsPath?: string): string {
  const linux = { ...(resources === undefined ? {} : { resources }), ...(cgroupsPath === undefined ? {} : { cgroupsPath }) };
  const lines = section(planWith({ facts: { cgroups: cgroupLayouts[cgroups] }, linux }), heading).split("\n");
  const made = lines.findLastIndex((line) => /mkdirat\(.*\/sys\/fs\/cgroup|→ the container's cgroup$/.test(line));
  const end = lines.findIndex((line) => line.startsWith("memfd_create"));
  return lines.slice(made + 2, end).join("\n");
}

test("v1: a file each, and another order where the kernel wants one", () => {
  expect(limits("fullV1", { memory: { limit: 100, swap: 200 }, pids: { limit: 5 } })).toMatchInlineSnapshot(`
    "openat(AT_FDCWD, "/sys/fs/cgroup/pids/web/pids.max", O_WRONLY|O_CLOEXEC, 0) → /sys/fs/cgroup/pids/web/pids.max
            linux.resources.pids.limit: limit it to 5 processes
    write(/sys/fs/cgroup/pids/web/pids.max, "5", 1)
            linux.resources.pids.limit: limit it to 5 processes
    close(/sys/fs/cgroup/pids/web/pids.max)
            linux.resources.pids.limit: done with it
    openat(AT_FDCWD, "/sys/fs/cgroup/memory/web/memory.limit_in_bytes", O_WRONLY|O_CLOEXEC, 0) → /sys/fs/cgroup/memory/web/memory.limit_in_bytes
            linux.resources.memory.limit: limit memory to 100 bytes
    write(/sys/fs/cgroup/memory/web/memory.limit_in_bytes, "100", 3)
            linux.resources.memory.limit: limit memory to 100 bytes
        [EINVAL] openat(AT_FDCWD, "/sys/fs/cgroup/memory/web/memory.memsw.limit_in_bytes", O_WRONLY|O_CLOEXEC, 0) → /sys/fs/cgroup/memory/web/memory.memsw.limit_in_bytes
                linux.resources.memory.swap: limit memory and swap together to 200 bytes
        [EINVAL] write(/sys/fs/cgroup/memory/web/memory.memsw.limit_in_bytes, "200", 3)
                linux.resources.memory.swap: limit memory and swap together to 200 bytes
        [EINVAL] close(/sys/fs/cgroup/memory/web/memory.memsw.limit_in_bytes)
                linux.resources.memory.swap: done with it
        [EINVAL] openat(AT_FDCWD, "/sys/fs/cgroup/memory/web/memory.limit_in_bytes", O_WRONLY|O_CLOEXEC, 0) → /sys/fs/cgroup/memory/web/memory.limit_in_bytes
                linux.resources.memory.limit: limit memory to 100 bytes
        [EINVAL] write(/sys/fs/cgroup/memory/web/memory.limit_in_bytes, "100", 3)
                linux.resources.memory.limit: limit memory to 100 bytes
        [EINVAL] close(/sys/fs/cgroup/memory/web/memory.limit_in_bytes)
                linux.resources.memory.limit: done with it
    close(/sys/fs/cgroup/memory/web/memory.limit_in_bytes)
            linux.resources.memory.limit: done with it
    openat(AT_FDCWD, "/sys/fs/cgroup/memory/web/memory.memsw.limit_in_bytes", O_WRONLY|O_CLOEXEC, 0) → /sys/fs/cgroup/memory/web/memory.memsw.limit_in_bytes
            linux.resources.memory.swap: limit memory and swap together to 200 bytes
    write(/sys/fs/cgroup/memory/web/memory.memsw.limit_in_bytes, "200", 3)
            linux.resources.memory.swap: limit memory and swap together to 200 bytes
    close(/sys/fs/cgroup/memory/web/memory.memsw.limit_in_bytes)
            linux.resources.memory.swap: done with it"
  `);
});

test("v2: controllers from the root on, then the limits", () => {
  expect(limits("fullV2", { pids: { limit: 5 }, blockIO: { weight: 100 } })).toMatchInlineSnapshot(`
    "openat(AT_FDCWD, "/sys/fs/cgroup/cgroup.subtree_control", O_WRONLY|O_CLOEXEC, 0) → cgroup.subtree_control   (errors ignored)
            linux.cgroupsPath: let cgroups below /sys/fs/cgroup have controllers
        [done] write(cgroup.subtree_control, "+cpuset +cpu +io +memory +hugetlb +pids +rdma", 45)   (errors ignored)
                linux.cgroupsPath: let cgroups below /sys/fs/cgroup have controllers
        [done] write(cgroup.subtree_control, "+cpuset", 7)   (errors ignored)
                linux.cgroupsPath: let cgroups below /sys/fs/cgroup have controllers: cpuset
        [done] write(cgroup.subtree_control, "+cpu", 4)   (errors ignored)
                linux.cgroupsPath: let cgroups below /sys/fs/cgroup have controllers: cpu
        [done] write(cgroup.subtree_control, "+io", 3)   (errors ignored)
                linux.cgroupsPath: let cgroups below /sys/fs/cgroup have controllers: io
        [done] write(cgroup.subtree_control, "+memory", 7)   (errors ignored)
                linux.cgroupsPath: let cgroups below /sys/fs/cgroup have controllers: memory
        [done] write(cgroup.subtree_control, "+hugetlb", 8)   (errors ignored)
                linux.cgroupsPath: let cgroups below /sys/fs/cgroup have controllers: hugetlb
        [done] write(cgroup.subtree_control, "+pids", 5)   (errors ignored)
                linux.cgroupsPath: let cgroups below /sys/fs/cgroup have controllers: pids
        [done] write(cgroup.subtree_control, "+rdma", 5)   (errors ignored)
                linux.cgroupsPath: let cgroups below /sys/fs/cgroup have controllers: rdma
        [done] close(cgroup.subtree_control)
                linux.cgroupsPath: done with it
    openat(AT_FDCWD, "/sys/fs/cgroup/user.slice/cgroup.subtree_control", O_WRONLY|O_CLOEXEC, 0) → cgroup.subtree_control   (errors ignored)
            linux.cgroupsPath: let cgroups below /sys/fs/cgroup/user.slice have controllers
        [done] write(cgroup.subtree_control, "+cpuset +cpu +io +memory +hugetlb +pids +rdma", 45)   (errors ignored)
                linux.cgroupsPath: let cgroups below /sys/fs/cgroup/user.slice have controllers
        [done] write(cgroup.subtree_control, "+cpuset", 7)   (errors ignored)
                linux.cgroupsPath: let cgroups below /sys/fs/cgroup/user.slice have controllers: cpuset
        [done] write(cgroup.subtree_control, "+cpu", 4)   (errors ignored)
                linux.cgroupsPath: let cgroups below /sys/fs/cgroup/user.slice have controllers: cpu
        [done] write(cgroup.subtree_control, "+io", 3)   (errors ignored)
                linux.cgroupsPath: let cgroups below /sys/fs/cgroup/user.slice have controllers: io
        [done] write(cgroup.subtree_control, "+memory", 7)   (errors ignored)
                linux.cgroupsPath: let cgroups below /sys/fs/cgroup/user.slice have controllers: memory
        [done] write(cgroup.subtree_control, "+hugetlb", 8)   (errors ignored)
                linux.cgroupsPath: let cgroups below /sys/fs/cgroup/user.slice have controllers: hugetlb
        [done] write(cgroup.subtree_control, "+pids", 5)   (errors ignored)
                linux.cgroupsPath: let cgroups below /sys/fs/cgroup/user.slice have controllers: pids
        [done] write(cgroup.subtree_control, "+rdma", 5)   (errors ignored)
                linux.cgroupsPath: let cgroups below /sys/fs/cgroup/user.slice have controllers: rdma
        [done] close(cgroup.subtree_control)
                linux.cgroupsPath: done with it
    openat(AT_FDCWD, "/sys/fs/cgroup/user.slice/web/pids.max", O_WRONLY|O_CLOEXEC, 0) → /sys/fs/cgroup/user.slice/web/pids.max
            linux.resources.pids.limit: limit it to 5 processes
    write(/sys/fs/cgroup/user.slice/web/pids.max, "5", 1)
            linux.resources.pids.limit: limit it to 5 processes
    close(/sys/fs/cgroup/user.slice/web/pids.max)
            linux.resources.pids.limit: done with it
    openat(AT_FDCWD, "/sys/fs/cgroup/user.slice/web/io.bfq.weight", O_WRONLY|O_CLOEXEC, 0) → /sys/fs/cgroup/user.slice/web/io.bfq.weight
            linux.resources.blockIO.weight: give it a weight of 100 for its disks
        [done] write(/sys/fs/cgroup/user.slice/web/io.bfq.weight, "100", 3)
                linux.resources.blockIO.weight: give it a weight of 100 for its disks
        [done] close(/sys/fs/cgroup/user.slice/web/io.bfq.weight)
                linux.resources.blockIO.weight: done with it
        [ENOENT] openat(AT_FDCWD, "/sys/fs/cgroup/user.slice/web/io.weight", O_WRONLY|O_CLOEXEC, 0) → /sys/fs/cgroup/user.slice/web/io.weight
                linux.resources.blockIO.weight: give it a weight of 910 for its disks
        [ENOENT] write(/sys/fs/cgroup/user.slice/web/io.weight, "910", 3)
                linux.resources.blockIO.weight: give it a weight of 910 for its disks
        [ENOENT] close(/sys/fs/cgroup/user.slice/web/io.weight)
                linux.resources.blockIO.weight: done with it"
  `);
});

describe("without any limit", () => {
  for (const [title, resources] of [
    ["none at all", undefined],
    ["zeros", { memory: { limit: 0 }, blockIO: { weight: 0 }, cpu: { shares: 0 } }],
  ] as const) {
    test(`v1 and both: nothing, ${title}`, () => expect([limits("fullV1", resources), limits("hybrid", resources)]).toEqual(["", ""]));
    test(`v2: the controllers, for statistics, ${title}`, () => {
      const lines = limits("fullV2", resources).split("\n");
      expect(lines.filter((line) => line.startsWith("openat"))).toEqual([
        'openat(AT_FDCWD, "/sys/fs/cgroup/cgroup.subtree_control", O_WRONLY|O_CLOEXEC, 0) → cgroup.subtree_control   (errors ignored)',
        'openat(AT_FDCWD, "/sys/fs/cgroup/user.slice/cgroup.subtree_control", O_WRONLY|O_CLOEXEC, 0) → cgroup.subtree_control   (errors ignored)',
      ]);
    });
  }
});

test("every cgroup above the container's hands controllers on, and its own does not", () => {
  const opened = limits("fullV2", undefined, "/a/b/web").match(/"[^"]*subtree_control"/g);
  expect([...(opened ?? [])]).toEqual(["", "/a", "/a/b"].map((path) => `"/sys/fs/cgroup${path}/cgroup.subtree_control"`));
});

test("both: v2's only for what is there", () => {
  const cgroups = { ...cgroupLayouts.fullV1, v2: { controllers: ["misc"], mount: "/sys/fs/cgroup/unified", own: "/" } };
  const plan = (resources: Resources) => section(planWith({ facts: { cgroups }, linux: { resources } }), heading);
  expect(plan({ pids: { limit: 5 } })).not.toContain("subtree_control");
  expect(plan({ unified: { "misc.max": "res_a 1" } })).toContain('"/sys/fs/cgroup/unified/web/misc.max"');
  expect(plan({ unified: { "misc.max": "res_a 1" } })).toContain('"/sys/fs/cgroup/unified/cgroup.subtree_control"');
});

test("names of any letters are counted in bytes", () =>
  expect(limits("fullV1", { rdma: { ü: { hcaHandles: 1 } } })).toContain('write(/sys/fs/cgroup/rdma/web/rdma.max, "ü hca_handle=1", 15)'));

test("what the host cannot do is refused before anything is made", () => {
  const faults = (resources: Resources, facts: Partial<HostFacts>) => faultLines(() => planWith({ facts, linux: { resources } }));
  expect(faults({ pids: { limit: 5 }, memory: { limit: 7 } }, {})).toEqual([
    "linux.resources.pids.limit: needs the pids controller, and there is none in this host's cgroup v2",
    "linux.resources.memory.limit: needs the memory controller, and there is none in this host's cgroup v2",
  ]);
});

test("what an ordinary user cannot have is left out, with the reason", () => {
  const fates = (resources: Resources, facts: Partial<HostFacts>) => {
    const { limits } = planWith({ facts, linux: { resources } });
    return limitNotes(limits, { ...plainFacts, ...facts });
  };
  const resources: Resources = { pids: { limit: 5 }, cpu: { quota: 1000, period: 2000 } };
  expect(fates(resources, userFacts)).toEqual([
    "linux.resources.pids.limit: dropped: needs a cgroup, and this user may make none here",
    "linux.resources.cpu.quota: dropped: needs a cgroup, and this user may make none here",
  ]);
  expect(fates({ pids: {} }, userFacts)).toEqual([]);
  const own = { ...cgroupLayouts.fullV2.v2, controllers: ["memory", "pids"] };
  expect(fates(resources, { ...userFacts, cgroups: { ...cgroupLayouts.fullV2, v2: own } })).toEqual([
    "linux.resources.pids.limit: delegated: set in this user's /sys/fs/cgroup/user.slice/web",
    "linux.resources.cpu.quota: dropped: needs the cpu controller, which was not delegated to this user",
  ]);
  expect(fates(resources, { cgroups: cgroupLayouts.fullV1 })).toEqual([
    "linux.resources.pids.limit: applied in /sys/fs/cgroup/pids/web",
    "linux.resources.cpu.period: applied in /sys/fs/cgroup/cpu,cpuacct/web",
    "linux.resources.cpu.quota: applied in /sys/fs/cgroup/cpu,cpuacct/web",
  ]);
});

test("what is of no effect is noted", () =>
  expect(planWith({ linux: { resources: { memory: { kernel: 5 } } } }).notes.slice(0, 1)).toEqual([
    "linux.resources.memory.kernel is ignored: the kernel's own memory counts as the container's",
  ]));
