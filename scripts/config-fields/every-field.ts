// A configuration that has every field of the runtime spec, each with a value that is accepted: what tests of single fields
// and the benchmark's plan begin with. The compiler misses a field that is left out.

import type { Process, Resources, Seccomp, Spec } from "../../src/config/spec.ts";
import { namespaceTypes } from "../../src/config/spec-rules.ts";

/** With nothing optional in it, at any depth. */
type Whole<T> = T extends (infer Entry)[] ? Whole<Entry>[] : T extends object ? { [Key in keyof T]-?: Whole<NonNullable<T[Key]>> } : T;

const map = (hostID: number): { containerID: number; hostID: number; size: number }[] => [{ containerID: 0, hostID, size: 65536 }];
const hook = (name: string) => [{ path: `/usr/bin/${name}`, args: [name, "x"], env: ["A=b"], timeout: 5 }];
const throttle = (rate: number) => [{ major: 8, minor: 0, rate }];
const capabilities = ["CAP_CHOWN", "CAP_KILL"];

const everyOfProcess = (): Whole<Process> => ({
  terminal: true,
  consoleSize: { height: 25, width: 80 },
  user: { uid: 1000, gid: 1000, umask: 0o27, additionalGids: [5, 6] },
  args: ["sh", "-c", "true"],
  env: ["PATH=/bin", "EMPTY="],
  cwd: "/srv",
  capabilities: {
    bounding: capabilities,
    effective: capabilities,
    inheritable: capabilities,
    permitted: capabilities,
    ambient: capabilities,
  },
  rlimits: [{ type: "RLIMIT_NOFILE", hard: 2048, soft: 1024 }],
  noNewPrivileges: true,
  apparmorProfile: "unconfined",
  oomScoreAdj: 100,
  scheduler: {
    policy: "SCHED_DEADLINE",
    nice: 0,
    priority: 0,
    flags: ["SCHED_FLAG_RECLAIM"],
    runtime: 1000000,
    deadline: 2000000,
    period: 3000000,
  },
  selinuxLabel: "system_u:system_r:container_t:s0",
  ioPriority: { class: "IOPRIO_CLASS_BE", priority: 4 },
  execCPUAffinity: { initial: "0", final: "0-1" },
});

const everyResource = (): Whole<Resources> => ({
  devices: [{ allow: true, type: "c", major: 10, minor: 229, access: "rwm" }],
  memory: {
    limit: 2 ** 30,
    reservation: 2 ** 29,
    swap: 2 ** 31,
    kernel: 0,
    kernelTCP: 0,
    swappiness: 60,
    disableOOMKiller: false,
    useHierarchy: true,
    checkBeforeUpdate: true,
  },
  cpu: {
    shares: 1024,
    quota: 100000,
    burst: 1000,
    period: 100000,
    realtimeRuntime: 0,
    realtimePeriod: 0,
    cpus: "0-1",
    mems: "0",
    idle: 0,
  },
  pids: { limit: 100 },
  blockIO: {
    weight: 500,
    leafWeight: 0,
    weightDevice: [{ major: 8, minor: 0, weight: 500, leafWeight: 0 }],
    throttleReadBpsDevice: throttle(1000000),
    throttleWriteBpsDevice: throttle(1000000),
    throttleReadIOPSDevice: throttle(100),
    throttleWriteIOPSDevice: throttle(100),
  },
  hugepageLimits: [{ pageSize: "2MB", limit: 4194304 }],
  network: { classID: 1048577, priorities: [{ name: "eth0", priority: 5 }] },
  rdma: { mlx5_1: { hcaHandles: 3, hcaObjects: 10000 } },
  unified: { "cgroup.max.depth": "3" },
});

const everyOfSeccomp = (): Whole<Seccomp> => ({
  defaultAction: "SCMP_ACT_ERRNO",
  defaultErrnoRet: 38,
  architectures: ["SCMP_ARCH_X86_64"],
  flags: ["SECCOMP_FILTER_FLAG_LOG"],
  listenerPath: "/run/agent.sock",
  listenerMetadata: "web",
  syscalls: [
    {
      names: ["personality"],
      action: "SCMP_ACT_ERRNO",
      errnoRet: 1,
      args: [{ index: 0, value: 255, valueTwo: 8, op: "SCMP_CMP_MASKED_EQ" }],
    },
  ],
});

/** Each call makes a new value, because checking changes it. */
export const everyField = (): Whole<Spec> => ({
  ociVersion: "1.3.0",
  process: everyOfProcess(),
  root: { path: "rootfs", readonly: true },
  hostname: "web",
  domainname: "example.org",
  mounts: [
    {
      destination: "/data",
      type: "none",
      source: "/var/data",
      options: ["rbind", "ro", "idmap"],
      uidMappings: map(200000),
      gidMappings: map(200000),
    },
  ],
  hooks: {
    prestart: hook("prestart"),
    createRuntime: hook("createRuntime"),
    createContainer: hook("createContainer"),
    startContainer: hook("startContainer"),
    poststart: hook("poststart"),
    poststop: hook("poststop"),
  },
  annotations: { "org.example.owner": "nobody" },
  linux: {
    uidMappings: map(100000),
    gidMappings: map(100000),
    sysctl: { "net.ipv4.ip_forward": "1" },
    resources: everyResource(),
    cgroupsPath: "/box/web",
    namespaces: namespaceTypes.map((type) => ({ type, path: "" })),
    devices: [{ path: "/dev/fuse", type: "c", major: 10, minor: 229, fileMode: 0o666, uid: 0, gid: 0 }],
    netDevices: { eth0: { name: "net0" } },
    seccomp: everyOfSeccomp(),
    rootfsPropagation: "rslave",
    maskedPaths: ["/proc/kcore"],
    readonlyPaths: ["/proc/sys"],
    mountLabel: "system_u:object_r:container_file_t:s0",
    intelRdt: {
      closID: "guaranteed",
      schemata: ["L3:0=ff"],
      l3CacheSchema: "L3:0=ff",
      memBwSchema: "MB:0=50",
      enableMonitoring: true,
    },
    memoryPolicy: { mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"] },
    personality: { domain: "LINUX32", flags: [] },
    timeOffsets: { monotonic: { secs: 1, nanosecs: 2 }, boottime: { secs: -1, nanosecs: 0 } },
  },
});
