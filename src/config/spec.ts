// config.json for Linux as types: OCI runtime-spec 1.3, field by field, in the spec's order and with its names.
// A Spec has been through checkSpec: nulls are gone, and every rule that check-spec.ts knows holds. Names outside the
// spec's closed lists (mount options, seccomp syscalls) are plain strings here; the kernel's tables decide on them.
// 64-bit fields are numbers: JSON.parse rounds above 2^53, and 2^64 − 1 (no limit) arrives as 2^64.

export type Spec = {
  ociVersion: string;
  process?: Process;
  root: Root;
  hostname?: string;
  domainname?: string;
  mounts?: Mount[];
  hooks?: Hooks;
  annotations?: Record<string, string>;
  linux?: Linux;
};

/** The configuration's process, and the process.json of `box exec -p`. */
export type Process = {
  terminal?: boolean;
  consoleSize?: ConsoleSize;
  user: User;
  args: string[];
  env?: string[];
  cwd: string;
  capabilities?: Capabilities;
  rlimits?: Rlimit[];
  noNewPrivileges?: boolean;
  apparmorProfile?: string;
  oomScoreAdj?: number;
  scheduler?: Scheduler;
  selinuxLabel?: string;
  ioPriority?: IoPriority;
  execCPUAffinity?: CpuAffinity;
};

/** In characters. Only meaningful with `terminal`. */
export type ConsoleSize = { height: number; width: number };

export type User = {
  uid: number;
  gid: number;
  umask?: number;
  additionalGids?: number[];
};

export type CapabilitySet = "bounding" | "effective" | "inheritable" | "permitted" | "ambient";

/** Names as in capabilities(7), `CAP_KILL`; a set left out is empty. */
export type Capabilities = { [set in CapabilitySet]?: string[] };

export type Rlimit = { type: string; hard: number; soft: number };

export type Scheduler = {
  policy: SchedulerPolicy;
  nice?: number;
  priority?: number;
  flags?: SchedulerFlag[];
  /** Nanoseconds, as are deadline and period; SCHED_DEADLINE only. */
  runtime?: number;
  deadline?: number;
  period?: number;
};

export type SchedulerPolicy = "SCHED_OTHER" | "SCHED_FIFO" | "SCHED_RR" | "SCHED_BATCH" | "SCHED_ISO" | "SCHED_IDLE" | "SCHED_DEADLINE";

export type SchedulerFlag =
  | "SCHED_FLAG_RESET_ON_FORK"
  | "SCHED_FLAG_RECLAIM"
  | "SCHED_FLAG_DL_OVERRUN"
  | "SCHED_FLAG_KEEP_POLICY"
  | "SCHED_FLAG_KEEP_PARAMS"
  | "SCHED_FLAG_UTIL_CLAMP_MIN"
  | "SCHED_FLAG_UTIL_CLAMP_MAX";

export type IoPriority = { class: IoPriorityClass; priority: number };
export type IoPriorityClass = "IOPRIO_CLASS_RT" | "IOPRIO_CLASS_BE" | "IOPRIO_CLASS_IDLE";

/** Lists of processors as in cpuset(7): `0-3,7`. */
export type CpuAffinity = { initial?: string; final?: string };

/** A relative path starts at the bundle's folder. */
export type Root = { path: string; readonly?: boolean };

export type Mount = {
  /** Absolute: checkSpec puts the slash in front of a relative one, as the spec asks for. */
  destination: string;
  type?: string;
  source?: string;
  options?: string[];
  uidMappings?: IdMapping[];
  gidMappings?: IdMapping[];
};

export type HookPoint = "prestart" | "createRuntime" | "createContainer" | "startContainer" | "poststart" | "poststop";
export type Hooks = { [point in HookPoint]?: Hook[] };

export type Hook = {
  path: string;
  args?: string[];
  env?: string[];
  /** Seconds. */
  timeout?: number;
};

export type Linux = {
  uidMappings?: IdMapping[];
  gidMappings?: IdMapping[];
  sysctl?: Record<string, string>;
  resources?: Resources;
  cgroupsPath?: string;
  namespaces?: Namespace[];
  devices?: Device[];
  netDevices?: Record<string, NetDevice>;
  seccomp?: Seccomp;
  rootfsPropagation?: string;
  maskedPaths?: string[];
  readonlyPaths?: string[];
  mountLabel?: string;
  intelRdt?: IntelRdt;
  memoryPolicy?: MemoryPolicy;
  personality?: Personality;
  timeOffsets?: { [clock in "monotonic" | "boottime"]?: TimeOffset };
};

export type NamespaceType = "pid" | "network" | "mount" | "ipc" | "uts" | "user" | "cgroup" | "time";

/** With a path the namespace is joined, without one it is made. */
export type Namespace = { type: NamespaceType; path?: string };

export type IdMapping = { containerID: number; hostID: number; size: number };

export type TimeOffset = { secs?: number; nanosecs?: number };

export type Device = {
  path: string;
  type: "c" | "b" | "u" | "p";
  major?: number;
  minor?: number;
  fileMode?: number;
  uid?: number;
  gid?: number;
};

/** Keyed by the interface's name on the host; `name` is the one in the container. */
export type NetDevice = { name?: string };

export type Resources = {
  devices?: DeviceRule[];
  memory?: MemoryLimits;
  cpu?: CpuLimits;
  pids?: { limit?: number };
  blockIO?: BlockIo;
  hugepageLimits?: HugepageLimit[];
  network?: NetworkLimits;
  rdma?: Record<string, RdmaLimit>;
  /** File of cgroup v2 → what is written to it. */
  unified?: Record<string, string>;
};

export type DeviceRule = {
  allow: boolean;
  type?: "a" | "c" | "b";
  /** −1 and a missing number mean every number. */
  major?: number;
  minor?: number;
  access?: string;
};

/** Bytes; −1 is no limit. */
export type MemoryLimits = {
  limit?: number;
  reservation?: number;
  swap?: number;
  kernel?: number;
  kernelTCP?: number;
  swappiness?: number;
  disableOOMKiller?: boolean;
  useHierarchy?: boolean;
  checkBeforeUpdate?: boolean;
};

/** Times in microseconds. */
export type CpuLimits = {
  shares?: number;
  quota?: number;
  burst?: number;
  period?: number;
  realtimeRuntime?: number;
  realtimePeriod?: number;
  cpus?: string;
  mems?: string;
  idle?: number;
};

export type BlockIo = {
  weight?: number;
  leafWeight?: number;
  weightDevice?: WeightDevice[];
  throttleReadBpsDevice?: ThrottleDevice[];
  throttleWriteBpsDevice?: ThrottleDevice[];
  throttleReadIOPSDevice?: ThrottleDevice[];
  throttleWriteIOPSDevice?: ThrottleDevice[];
};

export type WeightDevice = { major: number; minor: number; weight?: number; leafWeight?: number };
export type ThrottleDevice = { major: number; minor: number; rate: number };
export type HugepageLimit = { pageSize: string; limit: number };
export type NetworkLimits = { classID?: number; priorities?: { name: string; priority: number }[] };
export type RdmaLimit = { hcaHandles?: number; hcaObjects?: number };

export type Seccomp = {
  defaultAction: SeccompAction;
  defaultErrnoRet?: number;
  architectures?: string[];
  flags?: string[];
  listenerPath?: string;
  listenerMetadata?: string;
  syscalls?: SeccompRule[];
};

export type SeccompAction =
  | "SCMP_ACT_KILL"
  | "SCMP_ACT_KILL_PROCESS"
  | "SCMP_ACT_KILL_THREAD"
  | "SCMP_ACT_TRAP"
  | "SCMP_ACT_ERRNO"
  | "SCMP_ACT_TRACE"
  | "SCMP_ACT_ALLOW"
  | "SCMP_ACT_LOG"
  | "SCMP_ACT_NOTIFY";

export type SeccompRule = {
  names: string[];
  action: SeccompAction;
  errnoRet?: number;
  args?: SeccompArgument[];
};

/** 64 bits that a filter compares with: digits where a number would be rounded (src/cli/parse-json.ts). */
export type ExactNumber = number | string;
export type SeccompArgument = { index: number; value: ExactNumber; valueTwo?: ExactNumber; op: SeccompOperator };

export type SeccompOperator =
  | "SCMP_CMP_NE"
  | "SCMP_CMP_LT"
  | "SCMP_CMP_LE"
  | "SCMP_CMP_EQ"
  | "SCMP_CMP_GE"
  | "SCMP_CMP_GT"
  | "SCMP_CMP_MASKED_EQ";

export type IntelRdt = {
  closID?: string;
  schemata?: string[];
  l3CacheSchema?: string;
  memBwSchema?: string;
  enableMonitoring?: boolean;
};

export type MemoryPolicy = { mode: MemoryPolicyMode; nodes?: string; flags?: MemoryPolicyFlag[] };

export type MemoryPolicyMode =
  | "MPOL_DEFAULT"
  | "MPOL_BIND"
  | "MPOL_INTERLEAVE"
  | "MPOL_WEIGHTED_INTERLEAVE"
  | "MPOL_PREFERRED"
  | "MPOL_PREFERRED_MANY"
  | "MPOL_LOCAL";

export type MemoryPolicyFlag = "MPOL_F_NUMA_BALANCING" | "MPOL_F_RELATIVE_NODES" | "MPOL_F_STATIC_NODES";

export type Personality = { domain: "LINUX" | "LINUX32"; flags?: string[] };
