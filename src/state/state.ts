// A container's state as it is kept on disk: the runtime-spec's state object, and under `box` what box needs to find
// and undo everything again. Written before the things it names are made.

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
    /** Pid of the box that runs it in the foreground. */
    readonly supervisor: number;
    readonly cgroups: readonly { readonly version: 1 | 2; readonly path: string }[];
    readonly plugins: readonly string[];
  };
};

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
    Array.isArray(box.cgroups) &&
    box.cgroups.every((one) => isRecord(one) && (one.version === 1 || one.version === 2) && isCgroupPath(one.path));
  return right ? (value as State) : undefined;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Box removes these folders later, so nothing but a cgroup may stand here. */
const isCgroupPath = (path: unknown): boolean =>
  typeof path === "string" && path.startsWith("/sys/fs/cgroup/") && !path.split("/").includes("..");

/** Field 22 of proc_pid_stat(5). The name in field 2 may hold spaces and parentheses, so fields are counted from its end. */
export function startTimeOf(stat: string): number {
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
}
