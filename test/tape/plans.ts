// Plans of many kinds of container, on hosts that are plain data, as the tapes they become.

import { containerCgroups } from "../../src/cgroup/paths.ts";
import { defaultSpec } from "../../src/config/default-spec.ts";
import { embeddedSpec } from "../../src/config/embedded-spec.ts";
import type { Hooks, Namespace, Process, Spec } from "../../src/config/spec.ts";
import type { CgroupFacts, HostFacts } from "../../src/host/facts.ts";
import type { Machine } from "../../src/linux/syscalls.ts";
import type { SeccompFilter } from "../../src/plan/builder.ts";
import { foreground, type Launch } from "../../src/plan/launch.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { planContainer } from "../../src/plan/plan-container.ts";
import { planExec } from "../../src/plan/plan-exec.ts";
import { stdioSteps } from "../../src/plan/stdio-steps.ts";
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
  labels: undefined,
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

type Case = readonly [
  spec: Spec,
  uid?: number,
  cgroups?: keyof typeof cgroupHosts,
  hostRoot?: boolean,
  launch?: Partial<Launch>,
  /** One more process in such a container, instead of it. */
  exec?: "exec",
];
const rootless = { uid: 1000, gid: 1000 };
const idMap = [{ containerID: 0, hostID: 100000, size: 65536 }];
const hooks: Hooks = {
  prestart: [{ path: "/bin/a" }],
  createRuntime: [{ path: "/bin/b", args: ["b"], env: ["B=1"], timeout: 3 }],
  createContainer: [{ path: "/bin/c", timeout: 1 }],
  startContainer: [{ path: "/bin/d" }, { path: "/bin/e" }],
  poststart: [{ path: "/bin/f" }],
  poststop: [{ path: "/bin/g" }],
};
const allowAll: SeccompFilter = { filter: new Uint8Array([6, 0, 0, 0, 0, 0, 0xff, 0x7f]), flags: [], notes: [] };
const log = { kind: "supervised", driver: "local", maxBytes: 10_000, files: 3 } as const;
const journal = { kind: "supervised", driver: "journald", socket: "/run/journal", fields: { CONTAINER_ID: "größe" } } as const;
const kept = { keep: true, notesEnd: true } as const;
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
  detached: [withoutTerminal(defaultSpec()), 0, "v1", false, { way: "detached", pidFile: "/run/c1.pid", pidfdSocket: "/run/c1.sock" }],
  "detached, terminal at a socket": [defaultSpec(), 0, "v1", false, { way: "detached", consoleSocket: "/run/c1.sock" }],
  "output into files": [withoutTerminal(defaultSpec()), 0, "v1", false, { way: "detached", stdio: { kind: "file", path: "/var/log/c1" } }],
  "output into a log": [withoutTerminal(defaultSpec()), 0, "v1", false, { way: "detached", stdio: log, openStdin: true, ...kept }],
  "output into a log, terminal": [defaultSpec(), 0, "v2", false, { way: "detached", stdio: log, reportFd: 3, ...kept }],
  "output into a log, foreground": [withoutTerminal(defaultSpec()), 0, "v1", false, { stdio: { ...log, path: "/var/log/c1" } }],
  "output into a log, foreground, terminal": [defaultSpec(), 0, "v1", false, { stdio: { ...log, files: 1 } }],
  "output into the journal": [withoutTerminal(defaultSpec()), 0, "v1", false, { way: "detached", stdio: journal }],
  kept: [withoutTerminal(defaultSpec()), 0, "v2", false, { keep: true }],
  "descriptors preserved": [withoutTerminal(defaultSpec()), 0, "v1", false, { preserveFds: 3, listenFds: 2 }],
  "no pivot, no keyring": [withoutTerminal(defaultSpec()), 0, "v1", false, { noPivot: true, newKeyring: false }],
  hooks: [{ ...withoutTerminal(defaultSpec()), hooks }, 0, "hybrid"],
  "hooks, terminal": [{ ...defaultSpec(), hooks }, 0, "v1"],
  "created, everything": [
    {
      ...demanding(),
      hooks,
      linux: {
        ...demanding().linux,
        uidMappings: idMap,
        gidMappings: idMap,
        namespaces: [...(demanding().linux?.namespaces ?? []), { type: "user" }],
      },
    },
    0,
    "hybrid",
    false,
    { way: "created", preserveFds: 2, pidFile: "/run/c1.pid", notifies: true },
  ],
  created: [withoutTerminal(defaultSpec()), 0, "v1", false, { way: "created" }],
  exec: [withoutTerminal(defaultSpec()), 0, "hybrid", false, {}, "exec"],
  "exec, terminal": [defaultSpec(), 0, "v2", false, {}, "exec"],
  "exec, detached": [defaultSpec(), 0, "v1", false, { way: "detached", consoleSocket: "/run/c1.sock", preserveFds: 1 }, "exec"],
  "exec, host's pids": [{ ...withoutTerminal(defaultSpec()), linux: { namespaces: [{ type: "mount" }] } }, 0, "v1", false, {}, "exec"],
  "exec, rootless": [withoutTerminal(defaultSpec({ rootless })), 1000, "none", false, {}, "exec"],
};

export const planNames = Object.keys(cases);

export function planOf(name: string, machine: Machine): Plan {
  const [spec, uid = 0, cgroups = "v1", hostRoot = false, more = {}, exec] = cases[name] as Case;
  const facts = hostFacts(machine, uid, cgroupHosts[cgroups]);
  const launch: Launch = { ...foreground, ...more };
  const common = { id: "c1", bundle: "/bundle", spec, launch, seccomp: allowAll, stdioSteps };
  if (exec === undefined) return planContainer({ ...common, hostRoot }, facts);
  const joined = containerCgroups(facts.cgroups, undefined, "c1");
  return planExec(
    { ...common, launch: { ...launch, keep: true }, process: spec.process as Process, cgroups: uid === 0 ? joined : [], init: 9 },
    facts,
  );
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
    plan.moveDevices,
    plan.runtimeHooks,
    plan.record,
    plan.becomeSupervisor,
    plan.release,
    ...plan.poststartHooks,
    plan.report,
    plan.waitHere,
    plan.startSupervisor,
  ];
  const { stageBytes, tapeBytes, state, config, hookState, insideState, pidText } = box;
  const told = box.front.told === undefined ? [] : [box.front.told.file];
  const given = [stageBytes, tapeBytes, state, config, hookState, insideState, pidText, ...told];
  const bytes = given.flatMap(({ address, length }) => [address, length]);
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
      options: { explanations: { context: 1, program: 2, start: 3 } },
      given: [],
    },
    supervisor: {
      variables: supervisor.variables,
      lists: [plan.supervise.steps, plan.handOver.steps],
      options: { failureList: 1 },
      given: [
        ...[supervisor.init, supervisor.stateRoot, supervisor.stateFolder, supervisor.box, supervisor.terminal],
        ...Object.values(supervisor.stdio ?? {}),
      ],
      // The caller may have no terminal.
      optional: [supervisor.caller],
    },
  };
}
