// How long a plan takes in a process that has made some before: from the text of a config.json over the check and the filter
// of system calls to the steps, as `box plan` and a program with box's library would. Measured in this process, on facts of
// a host that are made up, so that nothing but box's own work is in the figures.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { checkSpec } from "../src/config/check-spec.ts";
import type { Spec } from "../src/config/spec.ts";
import type { HostFacts } from "../src/host/facts.ts";
import { plainHost, plan } from "../src/index.ts";
import type { Plan } from "../src/plan/plan.ts";
import { syscallNumbers } from "../src/seccomp/syscall-numbers.ts";
import { missingProfile, podmanSpec, readProfile } from "./bench-podman.ts";
import { everyField } from "./config-fields/every-field.ts";

const controllers = ["cpu", "cpuset", "memory", "devices", "freezer", "pids", "blkio", "hugetlb", "net_cls", "net_prio", "rdma"];

/** With every controller on v1 and cgroup v2 beside it, so that no field of linux.resources is refused. */
const host: HostFacts = {
  ...plainHost,
  machine: process.arch === "arm64" ? "arm64" : "x64",
  cgroups: {
    v1: controllers.map((name) => ({ controllers: [name], mount: `/sys/fs/cgroup/${name}`, own: "/" })),
    v2: { controllers: [], mount: "/sys/fs/cgroup/unified", own: "/system.slice/box.service" },
    writable: true,
  },
};

/** What podman writes with its defaults: with its profile of system calls the largest of what the clients write. */
export function podmanText(): string {
  const profile = readProfile();
  if (profile === undefined) throw new Error(missingProfile);
  const folder = mkdtempSync(`${tmpdir()}/box-bench-plan-`);
  try {
    const options = { profile, ociVersion: "1.1.0", rootfs: "rootfs", args: ["true"], folder, pids: true, ownCgroups: true };
    return JSON.stringify(podmanSpec(options));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index));

/**
 * Every field but those that name what one host has, and of what lists may be long in practice more than anybody has been
 * seen to write.
 */
export function everythingText(): string {
  const spec = everyField();
  const { apparmorProfile: _profile, selinuxLabel: _label, ...process } = spec.process;
  const { mountLabel: _mountLabel, netDevices: _netDevices, intelRdt: _intelRdt, ...linux } = spec.linux;
  const [device, hook] = [spec.linux.devices[0], spec.hooks.poststart[0]];
  if (device === undefined || hook === undefined) throw new Error("a configuration with every field has a device and hooks");
  const calls = syscallNumbers
    .trim()
    .split("\n")
    .map((row) => row.split(" ")[0] ?? "");
  const large: Spec = {
    ...spec,
    process: { ...process, env: [...process.env, ...times(200, (index) => `NAME_${index}=value`)] },
    mounts: times(60, (index) => ({
      destination: `/data/volume-${index}`,
      source: `/var/data/${index}`,
      options: ["rbind", "ro", "nosuid", "nodev"],
    })),
    hooks: { ...spec.hooks, createRuntime: times(10, () => hook) },
    linux: {
      ...linux,
      devices: times(40, (index) => ({ ...device, path: `/dev/device-${index}`, minor: index })),
      maskedPaths: times(30, (index) => `/proc/masked-${index}`),
      readonlyPaths: times(20, (index) => `/proc/read-only-${index}`),
      seccomp: {
        ...spec.linux.seccomp,
        syscalls: [
          ...spec.linux.seccomp.syscalls,
          { names: calls.filter((name) => name !== "personality"), action: "SCMP_ACT_ALLOW" },
          ...times(20, (value) => ({
            names: ["keyctl"],
            action: "SCMP_ACT_TRACE" as const,
            args: [{ index: 0, value, op: "SCMP_CMP_EQ" as const }],
          })),
        ],
      },
    },
  };
  return JSON.stringify(large);
}

/** All that happens before box asks the host for anything. */
export const planText = (text: string): Plan => plan(checkSpec(JSON.parse(text)), { host });

/** Plans that come before those that count: the engine compiles what it has seen often enough. */
const WARM_PLANS = 100;
const warm = new Set<string>();

/** Milliseconds of as many plans of a config.json. */
export async function timePlans(text: string, runs: number): Promise<number[]> {
  if (!warm.has(text)) for (let index = 0; index < WARM_PLANS; index++) planText(text);
  warm.add(text);
  return times(runs, () => {
    const began = performance.now();
    planText(text);
    return performance.now() - began;
  });
}
