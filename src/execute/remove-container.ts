// Undoes a container by its state alone, whoever made it and wherever that stopped: ends its processes, removes its
// cgroups, then its state. Safe to repeat and to race.

import { BoxError } from "../errors.ts";
import { errnoName } from "../linux/errno-name.ts";
import { notifyFolder } from "../plan/notify.ts";
import {
  answerFifo,
  execFolder,
  exitFile,
  frontName,
  keptConfig,
  keptFilter,
  newConfig,
  newStateFile,
  rootFolder,
  stateFile,
  stdioFolder,
  traceFile,
  waitFifo,
} from "../plan/state-files.ts";
import type { State } from "../state/state.ts";
import { readText } from "./files.ts";
import { initLives } from "./init-lives.ts";
import { cString, systemCall } from "./libc.ts";
import { listFolder } from "./list-folder.ts";
import { signalInit } from "./signal-container.ts";
import { thawToDie } from "./thaw-to-die.ts";
import { writeText } from "./write-text.ts";

const SIGKILL = 9;
const PATIENCE_MS = 10_000;
const CHILD_PATIENCE_MS = 1000;

const AT_FDCWD = -100;
const AT_REMOVEDIR = 0x200;
const ENOENT = 2;
const ENOTEMPTY = 39;

/** Ends init, if it has not ended yet. A paused one ends too. */
export function killInit(state: State): void {
  signalInit(state, SIGKILL);
  thawAll(state);
}

/** Also below the container's cgroup: it may have frozen a part of itself, and init's end waits for all in its pid namespace. */
function thawAll({ box: { cgroups } }: State): void {
  for (const { version, path } of cgroups) if (version === 1 && thawToDie(path)) for (const cgroup of withChildren(path)) thawToDie(cgroup);
}

/** Cgroups below one, deepest first, itself last; none when it is gone. */
function withChildren(path: string): string[] {
  const out: string[] = [];
  const entries = listFolder(path);
  if (typeof entries === "number") return out;
  for (const { name, isFolder } of entries) if (isFolder) out.push(...withChildren(`${path}/${name}`));
  out.push(path);
  return out;
}

function killCgroup(path: string): void {
  // Where there is no such file it is a v1 cgroup, or v2 before Linux 5.14: one process at a time, until none is left.
  if (writeText(`${path}/cgroup.kill`, "1") === 0) return;
  for (const cgroup of withChildren(path)) {
    killMembers(`${cgroup}/cgroup.procs`);
    thawToDie(cgroup);
  }
}

/** A pid that is still in the list after its pidfd was opened means the process that the pidfd means, or that one is dead. */
function killMembers(procs: string): void {
  for (const pid of pidsIn(procs)) {
    const pidfd = systemCall("pidfd_open", pid, 0);
    if (pidfd < 0) continue;
    if (pidsIn(procs).includes(pid)) systemCall("pidfd_send_signal", pidfd, SIGKILL, 0, 0);
    systemCall("close", pidfd);
  }
}

/** 0 in the list stands for a process that is not in this pid namespace. */
function pidsIn(procs: string): number[] {
  const text = readText(procs);
  const pids: number[] = [];
  for (const line of typeof text === "string" ? text.split("\n") : []) if (line !== "" && line !== "0") pids.push(Number(line));
  return pids;
}

/** What there may be in the cgroups of a container that is to be removed. */
type Remains = {
  /** Processes of the container, which are killed again and again: a fork may be faster than one look. */
  readonly processes: boolean;
  /** Cgroups below the container's own. */
  readonly children: boolean;
};

/**
 * Removes the cgroups. Where no process in them can be the container's but one that is about to end, what stays there is
 * somebody else's, who took them when they were empty; then they stay too.
 */
function removeCgroups(state: State, { processes, children }: Remains): void {
  const { cgroups } = state.box;
  const until = performance.now() + (processes ? PATIENCE_MS : CHILD_PATIENCE_MS);
  for (let wait = 1; ; wait = wait < 25 ? wait * 2 : 50) {
    if (processes) for (const { path } of cgroups) killCgroup(path);
    const left = cgroups.filter(({ path }) => !(children ? withChildren(path) : [path]).every(removeCgroup));
    if (left.length === 0) return;
    if (performance.now() > until && !processes) return;
    if (performance.now() > until)
      throw new BoxError({
        what: "cannot remove the cgroup",
        object: left[0]?.path ?? "",
        errno: "EBUSY",
        hint: "a process in it cannot be killed; it may be waiting for a device",
      });
    if (processes) thawAll(state);
    Bun.sleepSync(wait);
  }
}

/** The usual case, without a look into any of them. */
function removeIdle({ box: { cgroups } }: State): boolean {
  for (const { path } of cgroups) if (!removeCgroup(path)) return false;
  return true;
}

/** Whether it is gone. */
function removeCgroup(path: string): boolean {
  const removed = remove(path, AT_REMOVEDIR);
  return removed === 0 || removed === -ENOENT;
}

/** A resctrl group goes with all that the kernel keeps in it; tasks in it are in the one above from then on. */
function removeControlGroup(path: string): void {
  const removed = remove(path, AT_REMOVEDIR);
  if (removed === 0 || removed === -ENOENT) return;
  throw new BoxError({ origin: "linux.intelRdt", what: "cannot remove the resctrl group", object: path, errno: errnoName(-removed) });
}

/** 0, or the negative errno. */
function remove(path: string, flags: number): number {
  const name = cString(path);
  return systemCall("unlinkat", AT_FDCWD, name.address, flags);
}

/**
 * Ends and removes everything of the container; `folder` is its state folder. `poststop` runs when all processes have
 * ended and while the state still says that there is something to do. `begun`: for a start that failed, whether there was a
 * child.
 */
export async function removeContainer(state: State, folder: string, poststop?: () => Promise<void>, begun?: boolean): Promise<void> {
  // All of a pid namespace ends with its init (pid_namespaces(7)): when that is dead, the container has nobody left.
  const processes = begun ?? (state.pid > 0 && (!state.box.ownPids || initLives(state)));
  signalInit(state, SIGKILL);
  if (!removeIdle(state)) {
    if (processes) thawAll(state);
    removeCgroups(state, { processes, children: begun ?? state.pid > 0 });
  }
  for (const path of state.box.resctrl?.remove ?? []) removeControlGroup(path);
  if (poststop !== undefined) await poststop();
  removeStateFolder(folder);
}

/** Removes a state folder and the few names that box ever puts there; anything else in it is not box's. */
export function removeStateFolder(folder: string): void {
  for (const name of [newStateFile, newConfig, keptConfig, keptFilter, waitFifo, answerFifo, exitFile, traceFile, frontName, stateFile])
    removeOrThrow(`${folder}/${name}`, 0);
  // The container may have put more into the folder of the socket, and an exec that is at work may be about to keep a program.
  for (let tries = 0; tries < 2; tries++) if (removeFolders(folder, remove)) return;
  removeFolders(folder, removeOrThrow);
}

/** Whether the state folder is gone, with the folders in it. */
function removeFolders(folder: string, removeOne: (path: string, flags: number) => unknown): boolean {
  for (const name of [notifyFolder, stdioFolder, execFolder]) {
    const entries = listFolder(`${folder}/${name}`);
    for (const entry of typeof entries === "number" ? [] : entries) remove(`${folder}/${name}/${entry.name}`, 0);
    removeOne(`${folder}/${name}`, AT_REMOVEDIR);
  }
  removeOne(`${folder}/${rootFolder}`, AT_REMOVEDIR);
  return removeOne(folder, AT_REMOVEDIR) === 0;
}

function removeOrThrow(path: string, flags: number): void {
  const removed = remove(path, flags);
  if (removed === 0 || removed === -ENOENT) return;
  throw new BoxError({
    origin: "id",
    what: "cannot remove",
    object: path,
    errno: errnoName(-removed),
    ...(removed === -ENOTEMPTY ? { hint: "there is something in it that box did not put there" } : {}),
  });
}
