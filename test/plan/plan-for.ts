// Plans for tests: the default configuration on a plain host, with the few fields changed that a case is about.

import { defaultSpec } from "../../src/config/default-spec.ts";
import type { Linux, Mount, Process, Seccomp, Spec } from "../../src/config/spec.ts";
import type { CgroupFacts, HostFacts } from "../../src/host/facts.ts";
import { agentSteps } from "../../src/plan/agent.ts";
import type { Join, SeccompFilter } from "../../src/plan/builder.ts";
import { intelRdtSteps } from "../../src/plan/intel-rdt.ts";
import { labelSteps } from "../../src/plan/labels.ts";
import { foreground, type Launch } from "../../src/plan/launch.ts";
import { netDeviceSteps } from "../../src/plan/net-devices.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { type Container, planContainer } from "../../src/plan/plan-container.ts";
import { type Exec, planExec } from "../../src/plan/plan-exec.ts";
import { printPlan } from "../../src/plan/print-plan.ts";
import { stdioSteps } from "../../src/plan/stdio-steps.ts";

const everyCapability = Array.from({ length: 41 }, (_, number) => number);

/** Hosts by the layout of their cgroups. */
export const cgroupLayouts = {
  v2: { v1: [], v2: { controllers: [], mount: "/sys/fs/cgroup", own: "/user.slice/session-1.scope" }, writable: true },
  hybrid: {
    v1: [
      { controllers: ["cpu", "cpuacct"], mount: "/sys/fs/cgroup/cpu,cpuacct", own: "/" },
      { controllers: ["cpuset"], mount: "/sys/fs/cgroup/cpuset", own: "/" },
      { controllers: ["name=systemd"], mount: "/sys/fs/cgroup/systemd", own: "/user.slice" },
    ],
    v2: { controllers: [], mount: "/sys/fs/cgroup/unified", own: "/user.slice" },
    writable: true,
  },
  v1: { v1: [{ controllers: ["devices"], mount: "/sys/fs/cgroup/devices", own: "/" }], v2: undefined, writable: true },
  /** With every controller that limits of resources need. */
  fullV1: {
    v1: [
      ["cpu", "cpuacct"],
      ...["cpuset", "memory", "devices", "freezer", "pids", "blkio", "hugetlb", "net_cls", "net_prio", "rdma"].map((name) => [name]),
    ].map((controllers) => ({ controllers, mount: `/sys/fs/cgroup/${controllers.join(",")}`, own: "/" })),
    v2: undefined,
    writable: true,
  },
  fullV2: {
    v1: [],
    v2: { controllers: ["cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma"], mount: "/sys/fs/cgroup", own: "/user.slice/a.scope" },
    writable: true,
  },
  none: { v1: [], v2: undefined, writable: false },
} satisfies Record<string, CgroupFacts>;

export const plainFacts: HostFacts = {
  machine: "x64",
  mountSetattr: true,
  inUserNamespace: false,
  uid: 0,
  gid: 0,
  ignoredSignals: [13, 25],
  boundingSet: everyCapability,
  cgroups: cgroupLayouts.v2,
  stateRoot: "/run/box",
  home: undefined,
  openFiles: undefined,
  labels: { apparmor: "unconfined", selinux: "system_u:system_r:init_t:s0" },
};

/** Nobody in particular, who may make no cgroup. */
export const userFacts: Partial<HostFacts> = { uid: 1000, gid: 1000, cgroups: { ...cgroupLayouts.v2, writable: false } };

export type Changes = {
  readonly spec?: Partial<Spec>;
  readonly process?: Partial<Process>;
  readonly linux?: Partial<Linux>;
  /** Instead of the default ones. */
  readonly mounts?: readonly Mount[];
  readonly facts?: Partial<HostFacts>;
  readonly hostRoot?: boolean;
  /** Instead of a run in the foreground. */
  readonly launch?: Partial<Launch>;
  readonly seccomp?: SeccompFilter;
  readonly joins?: readonly Join[];
};

/** A filter of system calls that lets all through: one instruction, `return SECCOMP_RET_ALLOW`. */
export const allowAll: SeccompFilter = {
  filter: new Uint8Array([0x06, 0, 0, 0, 0, 0, 0xff, 0x7f]),
  flags: ["SECCOMP_FILTER_FLAG_LOG"],
  notes: [],
};

/** The same for an agent, whose socket is in `asked`. */
export const askAll: SeccompFilter = {
  ...allowAll,
  flags: ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_NEW_LISTENER"],
  agent: agentSteps,
};
export const asked: Seccomp = { defaultAction: "SCMP_ACT_NOTIFY", listenerPath: "/run/agent" };

/** The default but for the terminal, which most cases are not about. */
export function specWith({ spec, process, linux, mounts }: Changes): Spec {
  const standard = defaultSpec({ cgroupV2: true });
  return {
    ...standard,
    process: { ...(standard.process as Process), terminal: false, ...process },
    linux: { ...standard.linux, ...linux },
    ...(mounts === undefined ? {} : { mounts: [...mounts] }),
    ...spec,
  };
}

export const planWith = (changes: Changes): Plan =>
  planOf(specWith(changes), { ...plainFacts, ...changes.facts }, changes.hostRoot, {
    launch: { ...foreground, ...changes.launch },
    ...(changes.seccomp === undefined ? {} : { seccomp: changes.seccomp }),
    ...(changes.joins === undefined ? {} : { joins: changes.joins }),
  });

export const planOf = (spec: Spec, facts: HostFacts, hostRoot = false, how: Pick<Container, "launch" | "seccomp" | "joins"> = {}): Plan =>
  planContainer({ id: "web", bundle: "/srv/web", spec, hostRoot, stdioSteps, labels: labelSteps, ...stepsFor(spec), ...how }, facts);

/** What is loaded only for a container that asks for it. */
const stepsFor = ({ linux }: Spec): Pick<Container, "netDeviceSteps" | "intelRdtSteps"> => ({
  ...(Object.keys(linux?.netDevices ?? {}).length > 0 ? { netDeviceSteps } : {}),
  ...(linux?.intelRdt === undefined ? {} : { intelRdtSteps }),
});

/** Where box has its pidfd of the container's init. */
const INIT = 9;

/** The cgroups of a container by its state, on a host with version 1 beside version 2. */
export const execCgroups: Exec["cgroups"] = [
  { version: 1, path: "/sys/fs/cgroup/cpuset/web" },
  { version: 2, path: "/sys/fs/cgroup/unified/user.slice/web" },
];

/** One more process in the container of `changes`; the process of the changes is the new one. */
export const execWith = (changes: Changes, cgroups = execCgroups): Plan => {
  const spec = specWith(changes);
  return execOf(spec, spec.process as Process, { ...plainFacts, ...changes.facts }, cgroups, {
    launch: { ...foreground, ...changes.launch },
    ...(changes.seccomp === undefined ? {} : { seccomp: changes.seccomp }),
  });
};

export const execOf = (
  spec: Spec,
  process: Process,
  facts: HostFacts,
  cgroups: Exec["cgroups"],
  { launch = foreground, seccomp }: Pick<Container, "launch" | "seccomp">,
): Plan =>
  planExec(
    { id: "web", bundle: "/srv/web", spec, process, seccomp, cgroups, init: INIT, launch: { ...launch, keep: true }, labels: labelSteps },
    facts,
  );

/** The printed plan's lines under one heading, such as `init: mounts`, without the numbers of steps. */
export function section(plan: Plan, heading: string): string {
  const lines = printPlan(plan).split("\n");
  const start = lines.indexOf(heading);
  if (start < 0) throw new Error(`the plan has no section "${heading}", only ${lines.filter((line) => /^\w+: /.test(line)).join("; ")}`);
  const end = lines.indexOf("", start);
  return lines
    .slice(start + 1, end < 0 ? lines.length : end)
    .map((line) => line.replace(/^ *\d+ {2}/, ""))
    .join("\n");
}

/** Only the calls of a section that are made when all goes well, one a line. */
export function calls(plan: Plan, heading: string): string {
  return section(plan, heading)
    .split("\n")
    .filter((line) => /^\w+( |\()/.test(line) && !line.startsWith(" "))
    .join("\n");
}
