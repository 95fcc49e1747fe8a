// The processes of containers with all that box ps shows of them. What ends meanwhile is left out.

import type { ContainerWithPids } from "../execute/all-containers.ts";
import { hostReader } from "../execute/files.ts";
import { type Links, type Probed, probeProcess } from "../execute/probe-processes.ts";
import { TICKS_PER_SECOND } from "../host/process-stat.ts";
import { type NamespaceType, namespaceTypes } from "../linux/namespace-types.ts";
import { commandLine, type ProcessCgroup, parseCgroups, pidsWithin } from "./process-text.ts";
import { hostLinks } from "./read-namespaces.ts";

export type ContainerProcess = {
  readonly container: string;
  readonly pid: number;
  /** What the process has for its own pid. */
  readonly inside: number;
  readonly parent: number;
  /** The effective user, in box's user namespace. */
  readonly uid: number;
  readonly state: string;
  readonly threads: number;
  readonly elapsedSeconds: number;
  /** Below the container's own cgroup, as a path that begins there: `/`, `/below`; null where it has none. */
  readonly cgroup: string | null;
  /** Types of namespaces that it shares with the host; null where this user may not see that. */
  readonly shared: readonly NamespaceType[] | null;
  readonly name: string;
  readonly command: string;
};

const read = (path: string): string => hostReader.read(path) ?? "";

export function readContainerProcesses(containers: readonly ContainerWithPids[]): ContainerProcess[] {
  const host = hostLinks();
  const uptime = Number.parseFloat(read("/proc/uptime"));
  return containers.flatMap((container) =>
    container.pids.flatMap((pid) => {
      const probed = probeProcess(pid);
      return probed === undefined ? [] : [describe(container, probed, host, uptime)];
    }),
  );
}

function describe({ state: { id, box } }: ContainerWithPids, probed: Probed, host: Links, uptime: number): ContainerProcess {
  const { pid, uid, stat, links, seen } = probed;
  return {
    container: id,
    pid,
    inside: pidsWithin(read(`/proc/${pid}/status`)).at(-1) ?? pid,
    parent: stat.parent,
    uid,
    state: stat.state,
    threads: stat.threads,
    elapsedSeconds: Math.max(0, Math.floor(uptime - stat.startTicks / TICKS_PER_SECOND)),
    cgroup: cgroupBelow(
      box.cgroups.map(({ path }) => path),
      parseCgroups(read(`/proc/${pid}/cgroup`)),
    ),
    shared: seen ? namespaceTypes.filter((_, index) => links[index] === host[index] && links[index] !== 0) : null,
    name: stat.name,
    command: commandLine(read(`/proc/${pid}/cmdline`), stat.name),
  };
}

/**
 * Where a process is below its container's cgroup, in the hierarchy in which it is farthest down. `own` are folders below
 * the mounts of the hierarchies, so a cgroup's path is what one of them ends in.
 */
export function cgroupBelow(own: readonly string[], cgroups: readonly ProcessCgroup[]): string | null {
  let longest: string | null = null;
  for (const folder of own)
    for (const { path } of cgroups) {
      const below = pathBelow(folder, path);
      if (below !== undefined && below.length > (longest?.length ?? 0)) longest = below;
    }
  return longest;
}

function pathBelow(folder: string, path: string): string | undefined {
  for (let at = folder.indexOf("/"); at >= 0; at = folder.indexOf("/", at + 1)) {
    const end = folder.slice(at);
    if (path === end) return "/";
    if (path.startsWith(`${end}/`)) return path.slice(end.length);
  }
  return undefined;
}
