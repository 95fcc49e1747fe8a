// Undoes a container by its state alone, whoever made it and wherever that stopped: ends its processes, removes its
// cgroups, then its state. Safe to repeat and to race.

import { BoxError } from "../errors.ts";
import { errnoName } from "../linux/errno-name.ts";
import { notifyFolder, notifySocket } from "../plan/notify.ts";
import {
  answerFifo,
  exitFile,
  keptConfig,
  keptFilter,
  newConfig,
  newStateFile,
  rootFolder,
  stateFile,
  waitFifo,
} from "../plan/state-files.ts";
import type { State } from "../state/state.ts";
import { readText } from "./files.ts";
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
    // 0 stands for a process that is not in this pid namespace; to kill(2) it would be box's own group.
    const pids = readText(`${cgroup}/cgroup.procs`);
    for (const pid of typeof pids === "string" ? pids.split("\n") : [])
      if (pid !== "" && pid !== "0") systemCall("kill", Number(pid), SIGKILL);
    thawToDie(cgroup);
  }
}

/**
 * Removes the cgroups; processes in them are killed again and again, since a fork may be faster than one look. Before
 * there was an init, nothing in them can be the container's but a child that ends by itself: what else is there came
 * from someone who took the same cgroup at the same moment, and stays.
 */
function removeCgroups(state: State, hadInit: boolean): void {
  const { cgroups } = state.box;
  const until = performance.now() + (hadInit ? PATIENCE_MS : CHILD_PATIENCE_MS);
  for (let wait = 1; ; wait = wait < 25 ? wait * 2 : 50) {
    if (hadInit) for (const { path } of cgroups) killCgroup(path);
    const left = cgroups.filter(({ path }) => !(hadInit ? withChildren(path) : [path]).every(removeCgroup));
    if (left.length === 0) return;
    if (performance.now() > until && !hadInit) return;
    if (performance.now() > until)
      throw new BoxError({
        what: "cannot remove the cgroup",
        object: left[0]?.path ?? "",
        errno: "EBUSY",
        hint: "a process in it cannot be killed; it may be waiting for a device",
      });
    if (hadInit) thawAll(state);
    Bun.sleepSync(wait);
  }
}

/** Removes the cgroups of a container that has ended, which nothing is in; whether that is all there was to do. */
function removeIdle({ box: { cgroups } }: State): boolean {
  for (const { path } of cgroups) if (!removeCgroup(path)) return false;
  return true;
}

/** Whether it is gone. */
function removeCgroup(path: string): boolean {
  const removed = remove(path, AT_REMOVEDIR);
  return removed === 0 || removed === -ENOENT;
}

/** 0, or the negative errno. */
function remove(path: string, flags: number): number {
  const name = cString(path);
  return systemCall("unlinkat", AT_FDCWD, name.address, flags);
}

/**
 * Ends and removes everything of the container; `folder` is its state folder. `poststop` runs when all processes have
 * ended and while the state still says that there is something to do.
 */
export async function removeContainer(state: State, folder: string, poststop?: () => Promise<void>): Promise<void> {
  signalInit(state, SIGKILL);
  if (!removeIdle(state)) {
    thawAll(state);
    removeCgroups(state, state.pid > 0);
  }
  if (poststop !== undefined) await poststop();
  removeStateFolder(folder);
}

/** Removes a state folder and the few names that box ever puts there; anything else in it is not box's. */
export function removeStateFolder(folder: string): void {
  for (const name of [newStateFile, newConfig, keptConfig, keptFilter, waitFifo, answerFifo, exitFile, stateFile])
    removeOrThrow(`${folder}/${name}`, 0);
  removeOrThrow(`${folder}/${notifyFolder}/${notifySocket}`, 0);
  removeOrThrow(`${folder}/${notifyFolder}`, AT_REMOVEDIR);
  removeOrThrow(`${folder}/${rootFolder}`, AT_REMOVEDIR);
  removeOrThrow(folder, AT_REMOVEDIR);
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
