// Plans of many kinds of container, on hosts that are plain data, as the tapes they become.

import { defaultSpec } from "../../src/config/default-spec.ts";
import { embeddedSpec } from "../../src/config/embedded-spec.ts";
import type { Namespace, Spec } from "../../src/config/spec.ts";
import type { CgroupFacts, HostFacts } from "../../src/host/facts.ts";
import type { Machine } from "../../src/linux/syscalls.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { type Container, planContainer } from "../../src/plan/plan-container.ts";
import type { EncodeOptions } from "../../src/tape/encode.ts";
import type { Buffer, Slot, Step, Variables } from "../../src/tape/step.ts";

const v1: CgroupFacts["v1"] = [
  { controllers: ["memory", "devices"], mount: "/sys/fs/cgroup/memory", own: "/" },
  { controllers: ["cpu", "cpuacct"], mount: "/sys/fs/cgroup/cpu,cpuacct", own: "/user" },
  { controllers: ["cpuset"], mount: "/sys/fs/cgroup/cpuset", own: "/" },
  { controllers: ["name=systemd"], mount: "/sys/fs/cgroup/systemd", own: "/" },
];
const cgroupHosts = {
  none: { v1: [], v2: undefined, writable: false },
  v1: { v1, v2: undefined, writable: true },
  hybrid: { v1, v2: { controllers: [], mount: "/sys/fs/cgroup/unified", own: "/" }, writable: true },
  v2: { v1: [], v2: { controllers: [], mount: "/sys/fs/cgroup", own: "/a/b" }, writable: true },
} as const satisfies Record<string, CgroupFacts>;

const hostFacts = (machine: Machine, uid: number, cgroups: CgroupFacts): HostFacts => ({
  machine,
  mountSetattr: true,
  inUserNamespace: false,
  uid,
  gid: uid,
  ignoredSignals: [13, 25],
  boundingSet: Array.from({ length: 41 }, (_, number) => number),
  cgroups,
  stateRoot: "/run/box",
  home: "/root",
  openFiles: { soft: 1024, hard: 4096 },
});

const withoutTerminal = (spec: Spec): Spec =>
  spec.process === undefined ? spec : { ...spec, process: { ...spec.process, terminal: false } };

function joining(spec: Spec, types: readonly Namespace["type"][]): Spec {
  const rest = (spec.linux?.namespaces ?? []).filter(({ type }) => !types.includes(type));
  return { ...spec, linux: { ...spec.linux, namespaces: [...rest, ...types.map((type) => ({ type, path: `/proc/1/ns/${type}` }))] } };
}

/** What a container may ask for beyond the default. */
function demanding(): Spec {
  const spec = withoutTerminal(defaultSpec());
  return {
    ...spec,
    hostname: "größe-☃",
    process: {
      ...spec.process,
      user: { uid: 1000, gid: 1000, additionalGids: [4, 27] },
      cwd: "/a/b",
      args: ["/bin/ünïcode", "ß"],
    } as Spec["process"] & {},
    mounts: [
      ...(spec.mounts ?? []),
      { destination: "/data", type: "bind", source: "/srv/data", options: ["rbind", "ro", "rshared"] },
      { destination: "/etc/hosts", type: "bind", source: "hosts", options: ["bind", "nosuid", "noatime"] },
    ],
    linux: { ...spec.linux, rootfsPropagation: "rslave", cgroupsPath: "/box/of/things" },
  };
}

type Case = readonly [spec: Spec, uid?: number, cgroups?: keyof typeof cgroupHosts, hostRoot?: boolean];
const rootless = { uid: 1000, gid: 1000 };
const embedded = (terminal: boolean, user?: typeof rootless): Spec =>
  embeddedSpec({ root: "/run/box/c1/root", hostname: "c1", terminal, term: "xterm", rootless: user });

const cases: Readonly<Record<string, Case>> = {
  "default spec, terminal": [defaultSpec()],
  "default spec": [withoutTerminal(defaultSpec())],
  "default spec on v2": [withoutTerminal(defaultSpec({ cgroupV2: true })), 0, "v2"],
  "default spec on v2 beside v1": [defaultSpec({ cgroupV2: true }), 0, "hybrid"],
  "without cgroups": [withoutTerminal(defaultSpec()), 0, "none"],
  rootless: [defaultSpec({ rootless }), 1000, "none"],
  "rootless on v2": [withoutTerminal(defaultSpec({ rootless, cgroupV2: true })), 1000, "v2"],
  "user namespace made by root": [withoutTerminal(defaultSpec({ rootless })), 0],
  "joined pid and network": [withoutTerminal(joining(defaultSpec(), ["pid", "network"]))],
  "joined user, without root": [joining(defaultSpec({ rootless }), ["user", "ipc"]), 1000, "none"],
  "everything joined": [
    withoutTerminal(joining(defaultSpec(), ["pid", "network", "ipc", "uts", "mount", "cgroup", "user", "time"])),
    0,
    "v2",
  ],
  "host's pids": [{ ...withoutTerminal(defaultSpec()), linux: { namespaces: [{ type: "mount" }] } }],
  demanding: [demanding()],
  "embedded root": [embedded(false), 0, "hybrid", true],
  "embedded root, terminal": [embedded(true), 0, "v2", true],
  "embedded root, rootless": [embedded(true, rootless), 1000, "none", true],
};

export const planNames = Object.keys(cases);

export function planOf(name: string, machine: Machine): Plan {
  const [spec, uid = 0, cgroups = "v1", hostRoot = false] = cases[name] as Case;
  const container: Container = { id: "c1", bundle: "/bundle", spec, hostRoot };
  return planContainer(container, hostFacts(machine, uid, cgroupHosts[cgroups]));
}

/** One tape of a plan as execute encodes it; what it runs in order, and the variables that TypeScript writes meanwhile. */
export type PlannedTape = {
  readonly variables: Variables;
  readonly lists: readonly (readonly Step[])[];
  readonly options: EncodeOptions;
  readonly given: readonly (Slot | Buffer)[];
  /** Slots that stay -1 where there is nothing to use. */
  readonly optional?: readonly Slot[];
};

export function tapesOf(plan: Plan): Readonly<Record<"box" | "child" | "supervisor", PlannedTape>> {
  const { box, supervisor, explanations } = plan;
  const sections = [
    plan.prepare,
    plan.awaitHelper,
    plan.observe,
    plan.writeIdMaps,
    plan.record,
    plan.release,
    plan.becomeSupervisor,
    plan.startSupervisor,
  ];
  const { stageBytes, tapeBytes, state } = box;
  const bytes = [stageBytes, tapeBytes, state].flatMap(({ address, length }) => [address, length]);
  return {
    box: {
      variables: box.variables,
      lists: sections.map(({ steps }) => steps),
      options: {},
      given: [...bytes, box.processPath, box.initPid],
    },
    child: {
      variables: plan.childVariables.variables,
      lists: [plan.child.flatMap(({ steps }) => steps), ...explanations.map(({ steps }) => steps)],
      options: { explanations: { context: 1, program: 2 } },
      given: [],
    },
    supervisor: {
      variables: supervisor.variables,
      lists: [plan.supervise.steps, plan.handOver.steps],
      options: { failureList: 1 },
      given: [supervisor.init, supervisor.stateRoot, supervisor.stateFolder, supervisor.box, supervisor.terminal],
      // The caller may have no terminal.
      optional: [supervisor.caller],
    },
  };
}
