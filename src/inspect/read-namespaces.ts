// Reads what box ns shows: every process, the mounts of every mount namespace, whose container a process is, and how the
// namespaces stand to each other. What ends or changes meanwhile is as it was when it was looked at, or left out.

import type { ContainerWithPids } from "../execute/all-containers.ts";
import { hostReader } from "../execute/files.ts";
import { addRelations, type Relations } from "../execute/namespace-relations.ts";
import { type Links, type Probed, probeAll, probeProcess } from "../execute/probe-processes.ts";
import { namespaceLinks, namespaceTypes } from "../linux/namespace-types.ts";
import { foreignContainer } from "./foreign-container.ts";
import { mountedNamespaces } from "./mounted-namespaces.ts";
import { type Drafts, draftNamespaces, finishNamespaces, firstMember, type Holder, type Namespace, type Survey } from "./namespaces.ts";

export type ReadNamespaces = {
  readonly namespaces: readonly Namespace[];
  readonly containerOf: ReadonlyMap<number, string>;
  readonly processes: number;
  /** Processes whose namespaces this user may not see. */
  readonly unseen: number;
};

const MNT = namespaceTypes.indexOf("mnt");

export function readNamespaces(containers: readonly ContainerWithPids[]): ReadNamespaces {
  const processes = probeAll();
  const host = hostLinks();
  const containerOf = containersByPid(processes, host, containers);
  const survey = { processes, host, containerOf, mounts: readMounts(processes) };
  const drafts = draftNamespaces(survey);
  const namespaces = finishNamespaces(drafts, host, readRelations(drafts));
  return { namespaces, containerOf, processes: processes.length, unseen: processes.filter(({ seen }) => !seen).length };
}

/** The namespaces of process 1; those of box where this user may not see them. */
export function hostLinks(): Links {
  for (const pid of [1, process.pid]) {
    const probed = probeProcess(pid);
    if (probed?.links.some((id) => id !== 0) === true) return probed.links;
  }
  return [];
}

/**
 * Other runtimes' containers are looked for where a process is not in the host's mount namespace, and in one only where the
 * first process in it is of such a container: the kernel takes long to say which cgroups a process is in.
 */
function containersByPid(processes: readonly Probed[], host: Links, containers: readonly ContainerWithPids[]): Map<number, string> {
  const found = new Map<number, string>();
  for (const { state, pids } of containers) for (const pid of pids) found.set(pid, state.id);
  const others = processes.filter(({ pid, links }) => !found.has(pid) && links[MNT] !== 0 && links[MNT] !== host[MNT]);
  for (const members of Map.groupBy(others, ({ links }) => links[MNT]).values()) {
    const first = firstMember({ members });
    if (first === undefined || foreignOf(first.pid) === undefined) continue;
    for (const { pid } of members) {
      const foreign = foreignOf(pid);
      if (foreign !== undefined) found.set(pid, foreign);
    }
  }
  return found;
}

const foreignOf = (pid: number): string | undefined => foreignContainer(hostReader.read(`/proc/${pid}/cgroup`) ?? "");

/** Of each mount namespace as the first process in it that lets them be read sees them. */
function readMounts(processes: readonly Probed[]): Survey["mounts"] {
  const done = new Set<number>([0]);
  return processes.flatMap(({ pid, links }) => {
    const mountNamespace = links[MNT] ?? 0;
    const mountinfo = done.has(mountNamespace) ? undefined : hostReader.read(`/proc/${pid}/mountinfo`);
    if (mountinfo === undefined) return [];
    done.add(mountNamespace);
    return mountedNamespaces(mountinfo).map((one) => ({ ...one, pid, mountNamespace }));
  });
}

function readRelations(drafts: Drafts): Map<number, Relations> {
  const known = new Map<number, Relations>();
  const own = probeProcess(process.pid)?.links[MNT];
  for (const [id, { type, members, holders }] of drafts) {
    for (const { pid, links, strays } of members) {
      if (known.has(id)) break;
      const thread = strays.find((one) => one.links[namespaceTypes.indexOf(type)] === id);
      const folder = links[namespaceTypes.indexOf(type)] === id || thread === undefined ? `/proc/${pid}` : `/proc/${pid}/task/${thread.id}`;
      addRelations(known, `${folder}/ns/${type}`, id);
    }
    for (const holder of holders) {
      const path = known.has(id) ? undefined : pathOf(holder, own);
      if (path !== undefined) addRelations(known, path, id);
    }
  }
  return known;
}

/** Another mount namespace's paths are not walked: a filesystem in it may be one that its owner answers for, or never does. */
function pathOf(holder: Holder, ownMounts: number | undefined): string | undefined {
  if ("of" in holder) return undefined;
  if (holder.by === "fd") return `/proc/${holder.pid}/fd/${holder.fd}`;
  if (holder.by === "mount") return holder.mountNamespace === ownMounts ? holder.path : undefined;
  return `/proc/${holder.pid}/task/${holder.thread}/ns/${holder.by}`;
}

/** Of one process, by the names of its links; a thread's id will do as well. undefined when there is no such process. */
export function linksOf(pid: number): ReadonlyMap<(typeof namespaceLinks)[number], number> | undefined {
  const probed = probeProcess(pid);
  return probed === undefined ? undefined : new Map(namespaceLinks.map((link, index) => [link, probed.links[index] ?? 0]));
}
