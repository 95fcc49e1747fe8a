// A container's state as it is kept on disk: the runtime-spec's state object, and under `box` what box needs to find
// and undo everything again. Written before the things it names are made.

import type { NamespaceType } from "../config/spec.ts";
import type { Stdio } from "../config/stdio-choice.ts";
import type { Flag } from "../linux/flags.ts";

export type Status = "creating" | "created" | "running" | "stopped";

export type State = {
  readonly ociVersion: string;
  readonly id: string;
  readonly status: Status;
  /** 0 until there is an init. */
  readonly pid: number;
  readonly bundle: string;
  readonly rootfs: string;
  /** RFC 3339, UTC. */
  readonly created: string;
  readonly owner: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly box: {
    /** Field 22 of /proc/PID/stat: with the pid, what tells init from any later process. */
    readonly startTime: number;
    /** Pid of the box that makes it, and runs it in the foreground. */
    readonly supervisor: number;
    /** After its end the container stays until it is deleted; else it is gone with its supervisor. */
    readonly stays: boolean;
    /** It has a pid namespace of its own, so that nothing of it outlives its init (pid_namespaces(7)). */
    readonly ownPids: boolean;
    readonly cgroups: readonly { readonly version: 1 | 2; readonly path: string }[];
    /** Folders of the resctrl filesystem: those whose tasks its processes are, the class first, and those that go with it. */
    readonly resctrl?: { readonly mount: string; readonly enter: readonly string[]; readonly remove: readonly string[] };
    /** Namespaces that are somebody else's, by whose they were when it was started: `container:db`, `pid:7` or a path. */
    readonly shares?: readonly Share[];
    /** With which seccomp(2) loads the kept filter. */
    readonly filterFlags?: readonly Flag<"SECCOMP_FILTER">[];
    /** When the supervisor started, as startTime says it of init; where it is to be waited for. */
    readonly supervisorStart?: number;
    /** Who gets stdout and stderr, where that is not box's caller. */
    readonly stdio?: Stdio;
    /** Loaded again in other box processes, for what they tap there. */
    readonly plugins: readonly PluginUse[];
  };
};

export type Share = { readonly type: NamespaceType; readonly with: string };

/** A plugin of the container: a built-in one by name, or a file by absolute path. */
export type PluginUse = {
  readonly label: string;
  readonly name: string;
  readonly options: unknown;
  /** The hooks that it taps. */
  readonly hooks: readonly string[];
  /** The host names it for every container. */
  readonly ofHost?: true;
};

/** Whether some plugin of the container taps this hook. */
export function isTapped({ box: { plugins } }: State, hook: string): boolean {
  for (let index = 0; index < plugins.length; index++) if (plugins[index]?.hooks.includes(hook) === true) return true;
  return false;
}

/** The state file is untrusted once written: a torn or foreign one is no state. */
export function parseState(text: string): State | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(value) || !isRecord(value.box)) return undefined;
  const { box } = value;
  const right =
    typeof value.id === "string" &&
    typeof value.status === "string" &&
    Number.isSafeInteger(value.pid) &&
    Number.isSafeInteger(box.startTime) &&
    areCgroups(box.cgroups) &&
    areControlGroups(box.resctrl) &&
    areShares(box.shares) &&
    arePlugins(box.plugins);
  return right ? (value as State) : undefined;
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

function areCgroups(list: unknown): boolean {
  if (!Array.isArray(list)) return false;
  for (let index = 0; index < list.length; index++) {
    const one: unknown = list[index];
    if (!isRecord(one) || !isCgroupPath(one.version, one.path)) return false;
  }
  return true;
}

/** Box removes some of these, though no folder with anything in it but what the kernel put there. */
function areControlGroups(value: unknown): boolean {
  if (value === undefined) return true;
  if (!isRecord(value) || !Array.isArray(value.enter) || !Array.isArray(value.remove)) return false;
  for (const path of [value.mount, ...value.enter, ...value.remove])
    if (typeof path !== "string" || !path.startsWith("/") || path.includes("/../") || path.endsWith("/..")) return false;
  return true;
}

function areShares(list: unknown): boolean {
  if (list === undefined) return true;
  if (!Array.isArray(list)) return false;
  for (let index = 0; index < list.length; index++) {
    const one: unknown = list[index];
    if (!isRecord(one) || typeof one.type !== "string" || typeof one.with !== "string") return false;
  }
  return true;
}

function arePlugins(list: unknown): boolean {
  if (!Array.isArray(list)) return false;
  for (let index = 0; index < list.length; index++) {
    const one: unknown = list[index];
    if (!isRecord(one) || typeof one.label !== "string" || typeof one.name !== "string" || !Array.isArray(one.hooks)) return false;
  }
  return true;
}

const cgroups = "/sys/fs/cgroup/";

/** Box ends all processes in these folders and removes them, so nothing but a cgroup below a hierarchy's root may stand here. */
function isCgroupPath(version: unknown, path: unknown): boolean {
  if (typeof path !== "string" || !path.startsWith(cgroups) || (version !== 1 && version !== 2)) return false;
  let parts = 0;
  for (let from = cgroups.length; ; parts++) {
    const slash = path.indexOf("/", from);
    const part = path.slice(from, slash < 0 ? path.length : slash);
    if (part === "" || part === "." || part === "..") return false;
    if (slash < 0) return parts + 1 >= (version === 1 ? 2 : 1);
    from = slash + 1;
  }
}

/** Field 22 of proc_pid_stat(5). */
export const startTimeOf = (stat: string): number => statField(stat, 22);

/** A number among the fields of proc_pid_stat(5) behind the third. The name in field 2 may hold spaces and parentheses, so they are counted from its end. */
export function statField(stat: string, number: number): number {
  // Before field 3 is one blank, before field 22 are twenty.
  let at = stat.lastIndexOf(")");
  for (let field = 3; field <= number; field++) {
    at = stat.indexOf(" ", at + 1);
    if (at < 0) return Number.NaN;
  }
  return Number(stat.slice(at, stat.indexOf(" ", at + 1)));
}
