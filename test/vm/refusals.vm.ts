// What the kernel of pure cgroup v2 refuses, and what that version has nothing for: told by field, and nothing is left.

import { expect } from "bun:test";
import type { Resources } from "../../src/config/spec.ts";
import { Bundle, cgroupsOf, testWith } from "../integration/harness.ts";

const test = testWith("all of cgroup v2");

/** `CGROUP` in a message is the container's. */
async function refused(resources: Resources, ...lines: readonly string[]): Promise<void> {
  using bundle = new Bundle((spec) => (spec.linux.resources = resources));
  const { exitCode, stderr } = await bundle.run(["true"]);
  expect([exitCode, stderr]).toEqual([125, lines.map((line) => `${line.replaceAll("CGROUP", `/sys/fs/cgroup/${bundle.id}`)}\n`).join("")]);
  expect(cgroupsOf("/sys/fs/cgroup", bundle.id)).toEqual([]);
}

const noDisk = { major: 7, minor: 77 };

for (const [title, resources, ...lines] of [
  [
    "what v2 has nothing for, all at once",
    {
      memory: { swappiness: 5, disableOOMKiller: true, useHierarchy: false },
      cpu: { realtimePeriod: 5, realtimeRuntime: 5 },
      blockIO: { leafWeight: 50 },
      network: { classID: 5, priorities: [{ name: "lo", priority: 5 }] },
    },
    "box: linux.resources.memory.swappiness: cgroup v2 has nothing like it",
    "box: linux.resources.memory.disableOOMKiller: cgroup v2 has nothing like it",
    "box: linux.resources.memory.useHierarchy: cgroup v2 always counts what cgroups below use",
    "box: linux.resources.blockIO.leafWeight: cgroup v2 has nothing like it",
    "box: linux.resources.cpu.realtimePeriod: cgroup v2 has nothing like it",
    "box: linux.resources.cpu.realtimeRuntime: cgroup v2 has nothing like it",
    "box: linux.resources.network.classID: needs the net_cls controller, and there is none in this host's cgroup v2",
    "box: linux.resources.network.priorities[0]: needs the net_prio controller, and there is none in this host's cgroup v2",
  ],
  [
    "a disk that is not there",
    { blockIO: { throttleReadBpsDevice: [{ ...noDisk, rate: 1000 }] } },
    'box: linux.resources.blockIO.throttleReadBpsDevice[0]: cannot limit reading from the disk 7:77 to 1000 bytes a second: write(CGROUP/io.max, "7:77 rbps=1000", 14): ENODEV (no such device)',
  ],
  [
    "a network adapter that is not there",
    { rdma: { mlx5_1: { hcaHandles: 3 } } },
    'box: linux.resources.rdma.mlx5_1: cannot limit the RDMA device mlx5_1: write(CGROUP/rdma.max, "mlx5_1 hca_handle=3", 19): ENODEV (no such device)',
  ],
  [
    "a size of pages that the machine does not have",
    { hugepageLimits: [{ pageSize: "3MB", limit: 0 }] },
    'box: linux.resources.hugepageLimits[0]: cannot limit huge pages of 3MB to 0 bytes: openat(AT_FDCWD, "CGROUP/hugetlb.3MB.max", O_WRONLY|O_CLOEXEC, 0): ENOENT (no such file or directory)',
  ],
  [
    "a processor that is not there",
    { cpu: { cpus: "4000" } },
    'box: linux.resources.cpu.cpus: cannot keep it to the processors 4000: write(CGROUP/cpuset.cpus, "4000", 4): ERANGE (numerical result out of range)',
  ],
  [
    "less processor time than the kernel divides",
    { cpu: { quota: 5 } },
    'box: linux.resources.cpu.quota: cannot limit processor time to 5 of every 100000 µs: write(CGROUP/cpu.max, "5 100000", 8): EINVAL (invalid argument)',
  ],
  [
    "a file that no controller has",
    { unified: { "memory.hihg": "5" } },
    'box: linux.resources.unified["memory.hihg"]: cannot write "5" to memory.hihg: openat(AT_FDCWD, "CGROUP/memory.hihg", O_WRONLY|O_CLOEXEC, 0): ENOENT (no such file or directory)',
  ],
] as const satisfies readonly (readonly [string, Resources, ...string[]])[])
  test(`refused: ${title}`, () => refused(resources as Resources, ...lines));
