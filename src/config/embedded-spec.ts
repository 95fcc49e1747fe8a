// The configuration of a container without a bundle: the host's / as a copy-on-write root, namespaces of its own, and
// the capabilities, masks and mounts that containers usually get.

import { defaultMaskedPaths, defaultReadonlyPaths, ociVersion } from "./default-spec.ts";
import type { Mount, Spec } from "./spec.ts";

/** What Docker and podman grant by default, less what only image builds need. */
export const usualCapabilities = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_NET_BIND_SERVICE",
  "CAP_SETFCAP",
  "CAP_SETGID",
  "CAP_SETPCAP",
  "CAP_SETUID",
  "CAP_SYS_CHROOT",
];

export const usualMounts = (): Mount[] => [
  { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
  { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=65536k"] },
  {
    destination: "/dev/pts",
    type: "devpts",
    source: "devpts",
    options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
  },
  { destination: "/dev/shm", type: "tmpfs", source: "shm", options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"] },
  { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
  { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
  { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid", "noexec", "nodev", "relatime", "ro"] },
];

export const usualPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export type EmbeddedOptions = {
  /** Where the view of the host's / is mounted. */
  readonly root: string;
  readonly hostname: string;
  readonly terminal: boolean;
  readonly term: string | undefined;
  /** Who runs it without being root: a user namespace is needed then. */
  readonly rootless: { readonly uid: number; readonly gid: number } | undefined;
};

/** Each call makes a new value, which the caller may change. */
export function embeddedSpec({ root, hostname, terminal, term, rootless }: EmbeddedOptions): Spec {
  const namespaces = (["pid", "mount", "ipc", "uts", "network", "cgroup"] as const).map((type) => ({ type }));
  const mounts = usualMounts();
  const spec: Spec = {
    ociVersion,
    process: {
      terminal,
      user: { uid: 0, gid: 0 },
      args: ["sh"],
      env: [usualPath, ...(term === undefined ? [] : [`TERM=${term}`])],
      cwd: "/",
      capabilities: {
        bounding: [...usualCapabilities],
        effective: [...usualCapabilities],
        permitted: [...usualCapabilities],
      },
      noNewPrivileges: true,
    },
    root: { path: root },
    hostname,
    mounts,
    linux: {
      resources: { devices: [{ allow: false, access: "rwm" }] },
      namespaces,
      maskedPaths: [...defaultMaskedPaths],
      readonlyPaths: [...defaultReadonlyPaths],
    },
  };
  return rootless === undefined ? spec : withoutRoot(spec, rootless);
}

/** One id is all an ordinary user may map, so what needs another one goes. */
function withoutRoot(spec: Spec, { uid, gid }: { uid: number; gid: number }): Spec {
  const mounts = (spec.mounts ?? [])
    .filter(({ type }) => type !== "cgroup")
    .map((mount) => ({ ...mount, options: (mount.options ?? []).filter((option) => !option.startsWith("gid=")) }));
  return {
    ...spec,
    // The root is read-only then (embedded-root.ts), and programs want a place for their files.
    mounts: [...mounts, { destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev", "mode=1777"] }],
    linux: {
      ...spec.linux,
      namespaces: [...(spec.linux?.namespaces ?? []), { type: "user" }],
      uidMappings: [{ containerID: 0, hostID: uid, size: 1 }],
      gidMappings: [{ containerID: 0, hostID: gid, size: 1 }],
    },
  };
}
