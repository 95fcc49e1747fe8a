// What plan needs to know about the host, as data: the same facts always give the same plan, and tests write their
// own. read-facts.ts reads them; nothing here touches the machine.

import type { Machine } from "../linux/syscalls.ts";

export type CgroupHierarchy = {
  /** Controllers of a v1 hierarchy, or ["name=systemd"]; for v2 those that its root offers, where they matter. */
  readonly controllers: readonly string[];
  readonly mount: string;
  /** The cgroup box itself is in, seen from that mount. */
  readonly own: string;
};

export type CgroupFacts = {
  readonly v1: readonly CgroupHierarchy[];
  /** The v2 hierarchy, alone (pure v2) or beside v1 (hybrid). */
  readonly v2: CgroupHierarchy | undefined;
  /** Whether this process may make cgroups there; false for most ordinary users. */
  readonly writable: boolean;
  /** Files of a v2 cgroup that its user may have; left out where the container is not to write to its cgroup. */
  readonly delegatedFiles?: readonly string[];
};

/** Paths, undefined for one that is in no folder of PATH. */
export type IdMapPrograms = { readonly newuidmap: string | undefined; readonly newgidmap: string | undefined };

/** The filesystem for classes of cache and memory bandwidth. */
export type ResctrlFacts = {
  readonly mount: string;
  /** There is a class by the name that the container gives; its schemata file, if this machine has any. */
  readonly exists: boolean;
  readonly schemata?: string;
  /** A bandwidth is a multiple of this. */
  readonly bandwidthGranularity?: number;
};

/** How the kernel's security modules take box itself. */
export type LabelFacts = {
  /** AppArmor's words for it, such as `unconfined` or `lxc-container (enforce)`; undefined where it is not enabled or not asked for. */
  readonly apparmor: string | undefined;
  /** Its SELinux context, `kernel` before a policy is loaded; undefined where SELinux is not enabled or not asked for. */
  readonly selinux: string | undefined;
};

export type HostFacts = {
  readonly machine: Machine;
  /** The kernel has mount_setattr(2): Linux 5.12 and later. */
  readonly mountSetattr: boolean;
  readonly uid: number;
  readonly gid: number;
  /** Signals that box found ignored: what Bun and the caller left; the container gets defaults. */
  readonly ignoredSignals: readonly number[];
  /** Capabilities in box's bounding set, by number. */
  readonly boundingSet: readonly number[];
  /** Box itself is in a user namespace, where no process may make device nodes, whatever its capabilities (mknod(2)). */
  readonly inUserNamespace: boolean;
  /** Where newuidmap and newgidmap are; only where an id map is wanted that this user may not write. */
  readonly idMapPrograms?: IdMapPrograms;
  /** Links of the root folder on the way to mounts that lead nowhere there, and where they lead; none: left out. */
  readonly danglingLinks?: Readonly<Record<string, string>>;
  readonly cgroups: CgroupFacts;
  /** Folder of all containers' state. */
  readonly stateRoot: string;
  /** Home folder of the container's user by the rootfs's own passwd; looked up only when env has no HOME. */
  readonly home: string | undefined;
  /** Looked for only when linux.intelRdt asks for a class. */
  readonly resctrl?: ResctrlFacts;
  /** Limits on open files that box was started with, before Bun raised them; only when the config sets none. */
  readonly openFiles: { readonly soft: number; readonly hard: number } | undefined;
  /** Only when the config asks for a security label. */
  readonly labels: LabelFacts | undefined;
};
