// The processes of a container, as the host sees them. They are told from its cgroup, where they cannot get out of; a
// container without one, which is how a user without root may run it, has its init and what descends from that. Then a
// process that was left by its parent outside of a pid namespace, or that joined the container, is missing.

import type { State } from "../state/state.ts";
import { readText } from "./files.ts";
import { initLives } from "./init-lives.ts";
import { listFolder } from "./list-folder.ts";

/** Pids in ascending order; none when the container has ended. */
export function processesOf(state: State): number[] {
  const { cgroups, ownPids } = state.box;
  // By now somebody else's processes may be in the same cgroups.
  if (ownPids && !initLives(state)) return [];
  // A process is in the container's cgroup of every hierarchy, so the first that is there will do.
  for (let index = 0; index < cgroups.length; index++) {
    const found = new Set<number>();
    if (addCgroup(found, cgroups[index]?.path ?? "")) return ascending(found);
  }
  return cgroups.length === 0 && initLives(state) ? ascending(withDescendants(state.pid)) : [];
}

const ascending = (pids: Set<number>): number[] => [...pids].sort((one, other) => one - other);

/** Adds the processes of a cgroup and of those below it. False when there is no such cgroup. */
function addCgroup(found: Set<number>, path: string): boolean {
  const entries = listFolder(path);
  if (typeof entries === "number") return false;
  // A threaded cgroup of v2 has no list of its own: its processes are in the one above (cgroups(7), "Thread mode").
  const procs = readText(`${path}/cgroup.procs`);
  if (typeof procs === "string") addPids(found, procs);
  for (const { name, isFolder } of entries) if (isFolder) addCgroup(found, `${path}/${name}`);
  return true;
}

/** 0 stands for a process that is not in this pid namespace. */
function addPids(found: Set<number>, procs: string): void {
  for (const line of procs.split("\n")) if (line !== "" && line !== "0") found.add(Number(line));
}

function withDescendants(init: number): Set<number> {
  const children = childrenByParent();
  const found = new Set([init]);
  // A set that grows while it is walked is walked to its new end.
  for (const pid of found) for (const child of children.get(pid) ?? []) found.add(child);
  return found;
}

function childrenByParent(): Map<number, number[]> {
  const children = new Map<number, number[]>();
  const entries = listFolder("/proc");
  for (const { name } of typeof entries === "number" ? [] : entries) {
    const pid = Number(name);
    const stat = Number.isInteger(pid) ? readText(`/proc/${name}/stat`) : 0;
    if (typeof stat !== "string") continue;
    // Fields 3 and 4 of proc_pid_stat(5) follow the name: the process's state and its parent.
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [pid]);
    else siblings.push(pid);
  }
  return children;
}
