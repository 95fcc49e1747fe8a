// Random containers for properties: valid configurations that this version of box supports, on random hosts. Values are
// drawn from what is likely to hurt: doubled slashes, `..`, names with spaces, options that contradict each other.

import fc from "fast-check";
import type {
  BlockIo,
  Capabilities,
  CpuAffinity,
  Device,
  DeviceRule,
  Hook,
  Hooks,
  IdMapping,
  IntelRdt,
  IoPriority,
  Linux,
  MemoryPolicy,
  MemoryPolicyFlag,
  Mount,
  Namespace,
  NetworkLimits,
  Process,
  Resources,
  Rlimit,
  Scheduler,
  SchedulerFlag,
  Seccomp,
  Spec,
  ThrottleDevice,
} from "../../src/config/spec.ts";
import type { Stdio } from "../../src/config/stdio-choice.ts";
import type { HostFacts, ResctrlFacts } from "../../src/host/facts.ts";
import { capabilities } from "../../src/linux/capabilities.ts";
import { components } from "../../src/linux/components.ts";
import { flags } from "../../src/linux/flags.ts";
import type { Launch } from "../../src/plan/launch.ts";
import { cgroupLayouts, plainFacts } from "./plan-for.ts";

export type Host = {
  readonly spec: Spec;
  readonly facts: HostFacts;
  readonly hostRoot: boolean;
  readonly launch: Launch;
  /** There is a filter of system calls. */
  readonly filtered: boolean;
  /** The filter asks an agent. */
  readonly asks: boolean;
};

const name = fc.constantFrom("a", "data", "sub folder", "..", ".", "", "dev", "proc", "sys", "etc", "üml", "x,y", "self");
const path = fc.array(name, { minLength: 1, maxLength: 5 }).map((parts) => `/${parts.join("/")}`);
/** A path that names something below the root even after `..` has been taken at its word. */
const belowRoot = fc.tuple(path, fc.constantFrom("a", "dev", "b c")).map(([folder, last]) => `${folder}/${last}`);

/** What /proc takes below itself is a short list of files. */
const outsideOfProc = belowRoot.filter((one) => components(one)[0] !== "proc");

const some = <T>(values: readonly T[]): fc.Arbitrary<T[]> => fc.subarray([...values]);
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });

/** Leaves out the fields that are undefined, as JSON would. */
const record = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K] | undefined> }): fc.Arbitrary<T> =>
  fc.record<object>(fields).map((value) => Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T);

const attributeOptions = [
  "ro",
  "rw",
  "nosuid",
  "suid",
  "nodev",
  "noexec",
  "noatime",
  "relatime",
  "strictatime",
  "nodiratime",
  "nosymfollow",
];
/** Those that take mount(2). */
const oldOptions = ["silent", "iversion", "sync", "lazytime", "async"];
const longPath = `/srv/${"layer".repeat(60)}`;
const recursiveOptions = ["rro", "rrw", "rnosuid", "rnoexec", "rnoatime"];
const propagations = ["private", "rprivate", "slave", "rslave", "shared", "rshared", "unbindable"];

const filesystem = (type: string, data: readonly string[], destination: fc.Arbitrary<string>): fc.Arbitrary<Mount> =>
  record<Mount>({
    destination,
    type: fc.constant(type),
    source: maybe(fc.constantFrom(type, "none", "/dev/vdb")),
    options: maybe(some([...attributeOptions, ...propagations, ...data])),
  });

const mapOfMount = fc.constantFrom<IdMapping[]>(
  [{ containerID: 0, hostID: 100000, size: 65536 }],
  [{ containerID: 5, hostID: 1000, size: 1 }],
);

const plainBind = record<Mount>({
  destination: fc.oneof(outsideOfProc, fc.constantFrom("/dev", "/proc", "/proc/uptime", "/etc/hosts")),
  type: maybe(fc.constantFrom("bind", "none")),
  source: fc.constantFrom("/srv/data", "relative/file", "/etc/hosts", "/dev"),
  options: some([...attributeOptions, ...recursiveOptions, ...propagations]).chain((options) =>
    fc.constantFrom("bind", "rbind").map((word) => [word, ...options]),
  ),
});

const mappedBind = fc.tuple(plainBind, mapOfMount, mapOfMount, fc.constantFrom("idmap", "ridmap", "ro")).map(
  ([plain, uidMappings, gidMappings, option]): Mount => ({
    ...plain,
    uidMappings,
    gidMappings,
    options: [...(plain.options ?? []), option],
  }),
);

const mount = fc.oneof(
  plainBind,
  mappedBind,
  filesystem("proc", ["hidepid=2"], fc.constant("/proc")),
  filesystem("sysfs", [], fc.constant("/sys")),
  filesystem(
    "tmpfs",
    ["mode=755", "size=64k", "nr_inodes=5", "tmpcopyup", ...oldOptions],
    fc.oneof(outsideOfProc, fc.constantFrom("/dev", "/run")),
  ),
  filesystem("devpts", ["newinstance", "gid=5"], fc.constant("/dev/pts")),
  filesystem("cgroup", [], fc.constant("/sys/fs/cgroup")),
  filesystem("overlay", ["lowerdir=/a:/b", `upperdir=${longPath}`, "workdir=/c", ...oldOptions], outsideOfProc),
  filesystem("cgroup2", ["nsdelegate", "silent"], fc.constant("/sys/fs/cgroup")),
  filesystem("mqueue", [], fc.constant("/dev/mqueue")),
  filesystem("ext4", ["sync", "data=ordered"], outsideOfProc),
);

const capabilitySet = maybe(some(Object.keys(capabilities)));
const capabilitySets = record<Capabilities>({
  bounding: capabilitySet,
  effective: capabilitySet,
  inheritable: capabilitySet,
  permitted: capabilitySet,
  ambient: capabilitySet,
});

const rlimits: fc.Arbitrary<Rlimit[]> = some(Object.keys(flags.RLIMIT)).chain((types) =>
  fc.tuple(...types.map((type) => fc.tuple(fc.nat(), fc.nat()).map(([soft, more]) => ({ type, soft, hard: soft + more })))),
);

const schedulerFlags = maybe(
  some<SchedulerFlag>(["SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_KEEP_POLICY", "SCHED_FLAG_UTIL_CLAMP_MIN", "SCHED_FLAG_UTIL_CLAMP_MAX"]),
);
const scheduler: fc.Arbitrary<Scheduler> = fc.oneof(
  record<Scheduler>({
    policy: fc.constantFrom("SCHED_OTHER", "SCHED_BATCH", "SCHED_IDLE"),
    nice: maybe(fc.integer({ min: -20, max: 19 })),
    flags: schedulerFlags,
  }),
  record<Scheduler>({
    policy: fc.constantFrom("SCHED_FIFO", "SCHED_RR"),
    priority: fc.integer({ min: 1, max: 99 }),
    flags: schedulerFlags,
  }),
  fc.tuple(fc.nat(), fc.nat(), fc.nat()).map(
    ([runtime, more, most]): Scheduler => ({
      policy: "SCHED_DEADLINE",
      runtime,
      deadline: runtime + more,
      period: runtime + more + most,
      flags: ["SCHED_FLAG_RECLAIM", "SCHED_FLAG_DL_OVERRUN"],
    }),
  ),
);
const ioPriority = record<IoPriority>({
  class: fc.constantFrom("IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"),
  priority: fc.integer({ min: 0, max: 7 }),
});
const numberList = fc.constantFrom("0", "0-3,7", "65536", " 1 ,,0-1");

const id = fc.constantFrom(0, 1, 1000, 4294967294);
const process: fc.Arbitrary<Process> = record<Process>({
  terminal: maybe(fc.boolean()),
  consoleSize: maybe(fc.constantFrom({ height: 24, width: 80 }, { height: 0, width: 65535 })),
  user: record<Process["user"]>({ uid: id, gid: id, umask: maybe(fc.nat(0o777)), additionalGids: maybe(fc.array(id, { maxLength: 3 })) }),
  args: fc.constantFrom(["sh"], ["/bin/true"], ["./tool", "-v"], ["sh", "-c", "exit 3"]),
  env: maybe(some(["PATH=/bin:/usr/bin", "PATH=", "HOME=/root", "HOME=", "TERM=xterm", "A=b=c"])),
  cwd: path,
  capabilities: maybe(capabilitySets),
  rlimits: maybe(rlimits),
  noNewPrivileges: maybe(fc.boolean()),
  scheduler: maybe(scheduler),
  ioPriority: maybe(ioPriority),
  execCPUAffinity: maybe(record<CpuAffinity>({ initial: maybe(numberList), final: maybe(numberList) })),
  oomScoreAdj: maybe(fc.constantFrom(-1000, 0, 300)),
  apparmorProfile: maybe(fc.constantFrom("unconfined", "web server", ":ns:web//&other")),
  selinuxLabel: maybe(fc.constant("system_u:system_r:container_t:s0:c4,c5")),
});

const idMappings: fc.Arbitrary<IdMapping[]> = fc.constantFrom(
  [{ containerID: 0, hostID: 1000, size: 1 }],
  [
    { containerID: 0, hostID: 100000, size: 1000 },
    { containerID: 1000, hostID: 5, size: 1 },
  ],
  [{ containerID: 10, hostID: 10, size: 5 }],
);

const namespace = (type: Namespace["type"]): fc.Arbitrary<Namespace> =>
  fc.constantFrom<Namespace>({ type }, { type }, { type, path: `/proc/77/ns/${type === "network" ? "net" : type}` });

const otherNamespaces = ["pid", "network", "ipc", "uts", "user", "cgroup", "time"] as const;
const namespaces: fc.Arbitrary<Namespace[]> = fc
  .tuple(namespace("mount"), some(otherNamespaces))
  .chain(([mounts, types]) => fc.tuple(...types.map(namespace)).map((others) => [...others, mounts]));

/** None that cgroup v1 cannot have. */
const deviceRules: fc.Arbitrary<DeviceRule[]> = some<DeviceRule>([
  { allow: false, access: "rwm" },
  { allow: true, type: "c", major: 10, minor: 200, access: "rw" },
  { allow: true, type: "b", major: 8, access: "r" },
]);

/** What every host with all the controllers can do, whichever version of cgroups it has. */
const resources = record<Resources>({
  devices: maybe(deviceRules),
  memory: maybe(fc.constantFrom({}, { limit: 0, swap: 0 }, { limit: 1e9, swap: 2e9, reservation: 5e8 }, { limit: -1 }, { kernel: 5 })),
  cpu: maybe(fc.constantFrom({ shares: 0 }, { shares: 512, cpus: "0" }, { quota: 5000, period: 10000, burst: 0 }, { idle: 1, mems: "0" })),
  pids: maybe(fc.constantFrom({}, { limit: 0 }, { limit: 7 }, { limit: -1 })),
  blockIO: maybe(fc.constantFrom({ weight: 0 }, { weight: 10, throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 5 }] })),
  hugepageLimits: maybe(fc.constantFrom([], [{ pageSize: "2MB", limit: 0 }])),
  rdma: maybe(fc.constantFrom({}, { "mlx ü": { hcaHandles: 1 } }, { mlx5_0: { hcaHandles: 0, hcaObjects: 4294967295 } })),
});

const disk = { major: 8, minor: 16 };
const throttles = maybe(fc.constantFrom<ThrottleDevice[]>([], [{ ...disk, rate: 1 }]));

/** What only one version of cgroups has. */
const resourcesOfV1 = record<Resources>({
  memory: maybe(fc.constantFrom({ swappiness: 60 }, { disableOOMKiller: true, kernelTCP: 5, useHierarchy: true })),
  cpu: maybe(fc.constantFrom({ realtimeRuntime: 5, realtimePeriod: 100 })),
  network: maybe(fc.constantFrom<NetworkLimits>({}, { classID: 5, priorities: [{ name: "eth0", priority: 3 }] })),
  blockIO: maybe(
    record<BlockIo>({
      leafWeight: maybe(fc.constant(500)),
      weightDevice: maybe(fc.constant([{ ...disk, weight: 10, leafWeight: 20 }])),
      throttleWriteBpsDevice: throttles,
      throttleReadIOPSDevice: throttles,
      throttleWriteIOPSDevice: throttles,
    }),
  ),
});
const resourcesOfV2 = record<Resources>({
  unified: maybe(
    fc.constantFrom<Record<string, string>>({}, { "memory.high": "5", "cgroup.max.depth": "2" }, { "io.latency": "8:16 target=1" }),
  ),
  memory: maybe(fc.constantFrom({ limit: 5, checkBeforeUpdate: true })),
  blockIO: maybe(
    record<BlockIo>({
      throttleWriteBpsDevice: throttles,
      throttleReadIOPSDevice: throttles,
      throttleWriteIOPSDevice: throttles,
    }),
  ),
});

type Drawn = Host & { readonly ofV1: Resources; readonly ofV2: Resources };

/** Limits only where there is something to limit with. */
function onItsHost({ ofV1, ofV2, ...host }: Drawn): Host {
  const { spec, facts } = host;
  const { linux } = spec;
  if (linux?.resources === undefined) return host;
  const { v1, v2, writable } = facts.cgroups;
  const { devices } = linux.resources;
  const more = !writable ? undefined : v1.length > 5 ? ofV1 : (v2?.controllers ?? []).length > 5 ? ofV2 : undefined;
  const resources = more === undefined ? { ...(devices === undefined ? {} : { devices }) } : { ...linux.resources, ...more };
  return { ...host, spec: { ...spec, linux: { ...linux, resources } } };
}

/** A user that a new user namespace knows. */
function inItsMap(spec: Spec): Spec {
  const { process, linux } = spec;
  const { uidMappings, gidMappings } = linux ?? {};
  if (process === undefined || uidMappings === undefined || gidMappings === undefined) return spec;
  const mapped = (wanted: number, mappings: readonly IdMapping[]): number => {
    const isIn = ({ containerID, size }: IdMapping): boolean => wanted >= containerID && wanted < containerID + size;
    return mappings.some(isIn) ? wanted : (mappings.at(-1)?.containerID ?? 0);
  };
  const { user } = process;
  const ids = { uid: mapped(user.uid, uidMappings), gid: mapped(user.gid, gidMappings) };
  return { ...spec, process: { ...process, user: { ...user, ...ids } } };
}

const devices: fc.Arbitrary<Device[]> = fc.array(
  record<Device>({
    path: fc.oneof(belowRoot, fc.constantFrom("/dev/null", "/dev/ptmx", "/dev/net/tun", "/fifo")),
    type: fc.constantFrom("c", "b", "u", "p"),
    major: fc.constantFrom(1, 10, 4095),
    minor: fc.constantFrom(0, 3, 1048575),
    fileMode: maybe(fc.constantFrom(0o600, 0o20666)),
    uid: maybe(id),
    gid: maybe(id),
  }),
  { maxLength: 3 },
);

/** Of each namespace that sysctls can belong to. */
const sysctlsFor = (list: readonly Namespace[]): fc.Arbitrary<Record<string, string>> => {
  const names: [type: Namespace["type"], name: string][] = [
    ["network", "net.ipv4.ping_group_range"],
    ["network", "net/ipv4/conf/eth0.1/rp_filter"],
    ["ipc", "kernel.shmmax"],
    ["ipc", "fs.mqueue.msg_max"],
    ["uts", "kernel.domainname"],
    ["user", "user.max_user_namespaces"],
  ];
  const possible = names.filter(([type]) => list.some((one) => one.type === type));
  return some(possible).map((chosen) => Object.fromEntries(chosen.map(([, name]) => [name, "0 0"])));
};

/** Whether there is a filter, and which, is drawn apart: compiling one takes longer than the plan for it. */
const seccompProfiles: readonly Seccomp[] = [
  { defaultAction: "SCMP_ACT_ALLOW" },
  {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 38,
    architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
    flags: ["SECCOMP_FILTER_FLAG_LOG"],
    syscalls: [
      { names: ["read", "no_such_call"], action: "SCMP_ACT_ALLOW" },
      { names: ["personality"], action: "SCMP_ACT_TRACE", errnoRet: 5, args: [{ index: 0, value: 8, op: "SCMP_CMP_EQ" }] },
      { names: ["clone"], action: "SCMP_ACT_KILL", args: [{ index: 1, value: 5, valueTwo: 4, op: "SCMP_CMP_MASKED_EQ" }] },
    ],
  },
];

const linuxWith = (list: Namespace[]): fc.Arbitrary<Linux> => {
  const makesTime = list.some(({ type, path }) => type === "time" && path === undefined);
  const mapsIds = list.some(({ type, path }) => type === "user" && path === undefined);
  return record<Linux>({
    namespaces: fc.constant(list),
    uidMappings: mapsIds ? idMappings : fc.constant(undefined),
    gidMappings: mapsIds ? idMappings : fc.constant(undefined),
    cgroupsPath: maybe(fc.constantFrom("/pods/web", "web", "./deep/web", "/a//b/")),
    rootfsPropagation: maybe(fc.constantFrom(...propagations, "runbindable")),
    maskedPaths: maybe(some(["/proc/kcore", "/proc/keys", "/sys/firmware", "/a//b/../c"])),
    resources: maybe(resources),
    readonlyPaths: maybe(some(["/proc/sys", "/proc/irq", "/etc"])),
    devices: maybe(devices),
    mountLabel: maybe(fc.constant("system_u:object_r:container_file_t:s0:c4,c5")),
    personality: maybe(fc.constantFrom({ domain: "LINUX" }, { domain: "LINUX32", flags: [] })),
    seccomp: maybe(fc.constantFrom<Seccomp>(...seccompProfiles)),
    memoryPolicy: maybe(
      fc.oneof(
        record<MemoryPolicy>({ mode: fc.constantFrom("MPOL_DEFAULT", "MPOL_LOCAL", "MPOL_PREFERRED") }),
        record<MemoryPolicy>({
          mode: fc.constantFrom("MPOL_BIND", "MPOL_INTERLEAVE", "MPOL_WEIGHTED_INTERLEAVE", "MPOL_PREFERRED", "MPOL_PREFERRED_MANY"),
          nodes: numberList,
          flags: maybe(fc.constantFrom<MemoryPolicyFlag[]>(["MPOL_F_STATIC_NODES"], ["MPOL_F_RELATIVE_NODES", "MPOL_F_NUMA_BALANCING"])),
        }),
      ),
    ),
    netDevices: list.some(({ type }) => type === "network")
      ? maybe(fc.constantFrom({}, { eth0: {} }, { eth0: { name: "net0" }, "wlän.5": { name: "e%d" } }))
      : fc.constant(undefined),
    intelRdt: maybe(
      fc.constantFrom<IntelRdt>(
        {},
        { enableMonitoring: true, l3CacheSchema: "L3:0=f" },
        { closID: "gold", schemata: ["MB:0=50"] },
        { closID: "/", enableMonitoring: true },
      ),
    ),
    timeOffsets: makesTime
      ? maybe(fc.constantFrom({ monotonic: { secs: -5 } }, { boottime: { secs: 1, nanosecs: 7 }, monotonic: {} }))
      : fc.constant(undefined),
    sysctl: maybe(sysctlsFor(list)),
  });
};

const names = { hostname: maybe(fc.constantFrom("web", "höst")), domainname: maybe(fc.constantFrom("example.org", "(none)")) };
const noNames = { hostname: fc.constant(undefined), domainname: fc.constant(undefined) };

const hook = record<Hook>({
  path: fc.constantFrom("/bin/hook", "/usr/libexec/a b"),
  args: maybe(fc.constantFrom(["hook", "a"], [])),
  env: maybe(fc.constantFrom(["A=1"], [])),
  timeout: maybe(fc.constantFrom(1, 30)),
});
const hooksOfPoint = maybe(fc.array(hook, { maxLength: 2 }));
const hooks = record<Hooks>({
  prestart: hooksOfPoint,
  createRuntime: hooksOfPoint,
  createContainer: hooksOfPoint,
  startContainer: hooksOfPoint,
  poststart: hooksOfPoint,
  poststop: hooksOfPoint,
});

const annotations = fc.dictionary(fc.constantFrom("a", "org.example/b c", "ü"), fc.constantFrom("", "x", "{}"));

const specIn = (list: Namespace[]): fc.Arbitrary<Spec> =>
  record<Spec>({
    ociVersion: fc.constantFrom("1.0.0", "1.2.0", "1.3.0"),
    process,
    root: record<Spec["root"]>({ path: fc.constantFrom("rootfs", "/srv/root", "deep/rootfs"), readonly: maybe(fc.boolean()) }),
    ...(list.some(({ type }) => type === "uts") ? names : noNames),
    annotations: maybe(annotations),
    mounts: maybe(fc.array(mount, { maxLength: 6 })),
    hooks: maybe(hooks),
    linux: linuxWith(list),
  });

/** No name is said by a field and by a sysctl too. */
function saidOnce(spec: Spec): Spec {
  if (spec.linux?.sysctl?.["kernel.domainname"] === undefined) return spec;
  const { domainname: _, ...rest } = spec;
  return rest;
}

const spec = namespaces.chain(specIn).map((one) => saidOnce(inItsMap(one)));

const facts: fc.Arbitrary<HostFacts> = fc.record({
  machine: fc.constantFrom("x64" as const, "arm64" as const),
  mountSetattr: fc.boolean(),
  inUserNamespace: fc.boolean(),
  uid: fc.constantFrom(0, 1000),
  gid: fc.constantFrom(0, 1000),
  ignoredSignals: some([1, 13, 25, 33]),
  boundingSet: some(plainFacts.boundingSet),
  danglingLinks: fc.constantFrom<Record<string, string>>({}, { data: "srv/data" }, { a: "run", "data/a": "b/c", etc: "e" }),
  idMapPrograms: fc.constant({ newuidmap: "/usr/bin/newuidmap", newgidmap: "/usr/bin/newgidmap" }),
  cgroups: fc.constantFrom(...Object.values(cgroupLayouts)),
  stateRoot: fc.constant("/run/box"),
  resctrl: fc.constantFrom<ResctrlFacts>(
    { mount: "/sys/fs/resctrl", exists: false },
    { mount: "/sys/fs/resctrl", exists: true, schemata: "MB:0=50\n" },
  ),
  home: maybe(fc.constant("/home/web")),
  openFiles: maybe(fc.constant({ soft: 1024, hard: 4096 })),
  labels: fc.record({
    apparmor: fc.constantFrom("unconfined", "a profile (unconfined)", "lxc-container (enforce)"),
    selinux: fc.constant("system_u:system_r:init_t:s0"),
  }),
});

/** A new time namespace and a mount with other owners take root's rights. */
const isPossible = ({ spec, facts }: Host): boolean =>
  facts.uid === 0 ||
  !(
    (spec.linux?.namespaces ?? []).some(({ type, path }) => type === "time" && path === undefined) ||
    (spec.mounts ?? []).some(({ uidMappings }) => uidMappings !== undefined)
  );

const launch: fc.Arbitrary<Launch> = record<Launch>({
  way: fc.constantFrom("foreground", "foreground", "detached", "created"),
  consoleSocket: maybe(fc.constant("/run/console.sock")),
  pidfdSocket: maybe(fc.constant("/run/pidfd.sock")),
  pidFile: maybe(fc.constantFrom("/run/web.pid", "/web.pid")),
  preserveFds: fc.constantFrom(0, 0, 1, 2, 5),
  listenFds: fc.constantFrom(0, 0, 1),
  notifies: fc.boolean(),
  subreaper: fc.boolean(),
  noPivot: fc.boolean(),
  keep: fc.boolean(),
  notesEnd: fc.boolean(),
  stdio: fc.constantFrom<Stdio>(
    { kind: "inherit" },
    { kind: "file", path: "/var/log/web" },
    { kind: "supervised", driver: "local", maxBytes: 1000, files: 3 },
    { kind: "supervised", driver: "local", path: "/var/log/web", maxBytes: 1000, files: 1 },
    { kind: "supervised", driver: "journald", socket: "/run/journal", fields: { CONTAINER_ID: "web" } },
  ),
  openStdin: fc.boolean(),
  reportFd: maybe(fc.constant(3)),
  newKeyring: fc.boolean(),
}).map(onlyWhatIsPossible);

/** As launchOf makes them: a terminal goes to one place, and a created container has no supervisor. */
function onlyWhatIsPossible({ consoleSocket, ...rest }: Launch): Launch {
  const supervised = rest.stdio.kind === "supervised";
  if (rest.way === "created" && supervised) return { ...rest, stdio: { kind: "inherit" } };
  return consoleSocket === undefined || rest.way === "foreground" || supervised ? rest : { ...rest, consoleSocket };
}

export const hosts: fc.Arbitrary<Host> = fc
  .record({
    ...{ spec, facts, hostRoot: fc.boolean(), launch, filtered: fc.boolean(), asks: fc.boolean() },
    ...{ ofV1: resourcesOfV1, ofV2: resourcesOfV2 },
  })
  .filter(isPossible)
  .map(onItsHost)
  .map(withAgent);

/** Only a filter asks, and then its socket is in the configuration. */
function withAgent(host: Host): Host {
  if (!host.filtered || !host.asks) return { ...host, asks: false };
  const seccomp: Seccomp = { defaultAction: "SCMP_ACT_NOTIFY", listenerPath: "/run/agent" };
  return { ...host, spec: { ...host.spec, linux: { ...host.spec.linux, seccomp } } };
}
