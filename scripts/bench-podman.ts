// The configuration that podman 4 writes for `podman run` with its defaults, for the benchmark's row of it: capabilities,
// mounts, masked paths, limits and the seccomp profile. Files that podman makes for a container are plain ones here, its
// network namespace is a new one, and limits are as high as they may be without CAP_SYS_RESOURCE.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

const profilePath = "/usr/share/containers/seccomp.json";

/** What is said where the profile is missing. */
export const missingProfile = `${profilePath} is missing (Debian package golang-github-containers-common)`;

const capabilities = [
  ...["CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD"],
  ...["CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT"],
];

/** Of the profile's format (containers/common, pkg/seccomp), what is used here. */
export type Profile = {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly archMap: readonly { readonly architecture: string; readonly subArchitectures: readonly string[] | null }[];
  readonly syscalls: readonly Rule[];
};
type Filter = { readonly caps?: readonly string[]; readonly arches?: readonly string[] };
type Rule = {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args: readonly { readonly index: number; readonly value: number; readonly valueTwo: number; readonly op: string }[] | null;
  readonly includes: Filter;
  readonly excludes: Filter;
};

/** The machine's names in the profile: Go's, and libseccomp's. */
const architectures: Partial<Record<NodeJS.Architecture, readonly [string, string]>> = {
  x64: ["amd64", "SCMP_ARCH_X86_64"],
  arm64: ["arm64", "SCMP_ARCH_AARCH64"],
};

/** undefined where the profile is not installed. */
export function readProfile(): Profile | undefined {
  try {
    return JSON.parse(readFileSync(profilePath, "utf8")) as Profile;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** The profile in the form of the runtime-spec, for a container with `caps` on a machine of that architecture. */
export function seccompOf(
  { defaultAction, defaultErrnoRet, archMap, syscalls }: Profile,
  caps: readonly string[],
  arch: NodeJS.Architecture,
) {
  const [goName, name] = architectures[arch] ?? [arch, ""];
  const applies = ({ includes, excludes }: Rule): boolean =>
    (includes.arches?.includes(goName) ?? true) &&
    !(excludes.arches?.includes(goName) ?? false) &&
    (includes.caps ?? []).every((cap) => caps.includes(cap)) &&
    !(excludes.caps ?? []).some((cap) => caps.includes(cap));
  return {
    defaultAction,
    ...(defaultErrnoRet === undefined ? {} : { defaultErrnoRet }),
    architectures: archMap.flatMap(({ architecture, subArchitectures }) =>
      architecture === name ? [name, ...(subArchitectures ?? [])] : [],
    ),
    syscalls: syscalls.filter(applies).map(({ names, action, errnoRet, args }) => ({
      names,
      action,
      ...(errnoRet === undefined ? {} : { errnoRet }),
      ...(args === null || args.length === 0 ? {} : { args: args.map(argumentOf) }),
    })),
  };
}

/** Podman leaves out a second value of 0. */
const argumentOf = ({ index, value, valueTwo, op }: NonNullable<Rule["args"]>[number]) =>
  valueTwo === 0 ? { index, value, op } : { index, value, valueTwo, op };

/** What is bound into the container, made by podman for each. */
const files: Readonly<Record<string, string>> = {
  "/run/.containerenv": "containerenv",
  "/etc/hostname": "hostname",
  "/etc/hosts": "hosts",
  "/etc/resolv.conf": "resolv.conf",
};

const proc = ["acpi", "kcore", "keys", "latency_stats", "timer_list", "timer_stats", "sched_debug", "scsi"];

/**
 * The configuration; `folder` gets the files that are bound. `pids`: whether there is a controller for podman's limit of 2048
 * processes, and `ownCgroups` whether the cgroup namespace is new, which is podman's default with cgroup2 only.
 */
export function podmanSpec(options: {
  readonly profile: Profile;
  readonly ociVersion: string;
  readonly rootfs: string;
  readonly args: readonly string[];
  readonly folder: string;
  readonly pids: boolean;
  readonly ownCgroups: boolean;
}) {
  const { profile, ociVersion, rootfs, args, folder, pids, ownCgroups } = options;
  mkdirSync(`${folder}/shm`, { recursive: true });
  for (const name of Object.values(files)) writeFileSync(`${folder}/${name}`, `${name}\n`);
  const bound = Object.entries(files).map(([destination, name]) => bind(destination, `${folder}/${name}`, []));
  return {
    ociVersion,
    process: {
      user: { uid: 0, gid: 0, umask: 0o22 },
      args,
      env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm", "container=podman", "HOME=/root"],
      cwd: "/",
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      rlimits: [limit("RLIMIT_NOFILE", "Max open files"), limit("RLIMIT_NPROC", "Max processes")],
    },
    root: { path: rootfs },
    hostname: "podman",
    mounts: [
      { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "noexec", "strictatime", "mode=755", "size=65536k"] },
      { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
      bind("/dev/shm", `${folder}/shm`, ["nosuid", "noexec", "nodev"]),
      ...bound,
      { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
      {
        destination: "/dev/pts",
        type: "devpts",
        source: "devpts",
        options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
      },
      {
        destination: "/sys/fs/cgroup",
        type: "cgroup",
        source: "cgroup",
        options: ["rprivate", "nosuid", "noexec", "nodev", "relatime", "ro"],
      },
    ],
    annotations: {
      "io.container.manager": "libpod",
      "io.podman.annotations.autoremove": "FALSE",
      "org.opencontainers.image.stopSignal": "15",
    },
    linux: {
      resources: { devices: [{ allow: false, access: "rwm" }], ...(pids ? { pids: { limit: 2048 } } : {}) },
      namespaces: ["pid", "network", "ipc", "uts", "mount", ...(ownCgroups ? ["cgroup"] : [])].map((type) => ({ type })),
      maskedPaths: [...proc.map((name) => `/proc/${name}`), "/sys/firmware", "/sys/fs/selinux", "/sys/dev/block"],
      readonlyPaths: ["asound", "bus", "fs", "irq", "sys", "sysrq-trigger"].map((name) => `/proc/${name}`),
      seccomp: seccompOf(profile, capabilities, process.arch),
    },
  };
}

const bind = (destination: string, source: string, more: readonly string[]) => ({
  destination,
  type: "bind",
  source,
  options: ["bind", "rprivate", ...more],
});

/** As podman does it without a right to raise one: what may be had (proc_pid_limits(5)). */
function limit(type: string, title: string): { type: string; hard: number; soft: number } {
  const line =
    readFileSync("/proc/self/limits", "utf8")
      .split("\n")
      .find((one) => one.startsWith(title)) ?? "";
  const hard = Number(line.slice(title.length).trim().split(/\s+/)[1]);
  // Podman asks for no more than this, also where there is no limit.
  const most = 1_048_576;
  const value = Number.isInteger(hard) ? Math.min(hard, most) : most;
  return { type, hard: value, soft: value };
}
