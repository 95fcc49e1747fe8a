// Signals to a container's processes. Every one goes through a pidfd that was opened before it was asked whose process it
// is, so a pid that is used again meanwhile is never hit.

import type { State } from "../state/state.ts";
import { processesOf } from "./container-processes.ts";
import { readText } from "./files.ts";
import { initLives } from "./init-lives.ts";
import { systemCall } from "./libc.ts";
import { thawToDie } from "./thaw-to-die.ts";
import { writeText } from "./write-text.ts";

const SIGKILL = 9;
const ESRCH = 3;

/** Returns 0, or the negative errno: -ESRCH when init has ended. */
export function signalInit(state: State, signal: number): number {
  if (state.pid <= 0) return -ESRCH;
  const pidfd = systemCall("pidfd_open", state.pid, 0);
  if (pidfd < 0) return pidfd;
  const sent = initLives(state) ? systemCall("pidfd_send_signal", pidfd, signal, 0, 0) : -ESRCH;
  systemCall("close", pidfd);
  if (sent === 0 && signal === SIGKILL) thaw(state);
  return sent;
}

/** Enough for processes that fork while they are looked at; a fork bomb is for the limit on pids. */
const ROUNDS = 100;
/** So many pidfds are open at once. */
const CHUNK = 128;

/** Returns how many processes got the signal, or the negative errno of the first that could not be sent it. */
export function signalAll(state: State, signal: number): number {
  // Nobody is left, and its cgroups may be another's by now.
  if (state.box.ownPids && !initLives(state)) return 0;
  const seen = new Set<number>();
  let [sent, failed] = [0, 0];
  for (let round = 0; round < ROUNDS; round++) {
    const fresh = processesOf(state).filter((pid) => !seen.has(pid));
    if (fresh.length === 0) break;
    for (const pid of fresh) seen.add(pid);
    for (let from = 0; from < fresh.length; from += CHUNK) {
      const result = signalChunk(state, fresh.slice(from, from + CHUNK), signal);
      sent += result.sent;
      if (failed === 0) failed = result.failed;
    }
  }
  if (signal === SIGKILL) {
    killAtOnce(state);
    thaw(state);
  }
  return failed === 0 ? sent : failed;
}

/** A pid that is still in the list after its pidfd was opened means the process that the pidfd means, or that one is dead. */
function signalChunk(state: State, pids: readonly number[], signal: number): { sent: number; failed: number } {
  const pidfds = pids.map((pid) => systemCall("pidfd_open", pid, 0));
  const current = new Set(processesOf(state));
  let [sent, failed] = [0, 0];
  for (const [index, pidfd] of pidfds.entries()) {
    if (pidfd < 0) continue;
    const result = current.has(pids[index] as number) ? systemCall("pidfd_send_signal", pidfd, signal, 0, 0) : -ESRCH;
    if (result === 0) sent += 1;
    else if (result !== -ESRCH && failed === 0) failed = result;
    systemCall("close", pidfd);
  }
  return { sent, failed };
}

/** On v2 since Linux 5.14 the kernel ends a whole cgroup, and nothing in it can fork away. */
function killAtOnce({ box }: State): void {
  for (const { version, path } of box.cgroups) if (version === 2) writeText(`${path}/cgroup.kill`, "1");
}

/** In a frozen cgroup of v1 SIGKILL waits for the end of the frost; on v2 it does not (cgroup-v2.rst, cgroup.freeze). */
function thaw({ box: { cgroups } }: State): void {
  for (let index = 0; index < cgroups.length; index++) {
    const { version, path } = cgroups[index] as State["box"]["cgroups"][number];
    if (version === 1) thawToDie(path);
  }
}

/** Whether init is the first process of a pid namespace, so that all others in there end with it (pid_namespaces(7)). */
export function hasOwnPidNamespace(state: State): boolean {
  if (!initLives(state)) return false;
  const status = readText(`/proc/${state.pid}/status`);
  if (typeof status !== "string") return false;
  // NSpid: its pid in each namespace, the innermost last.
  const at = status.indexOf("\nNSpid:");
  return at >= 0 && status.slice(at, status.indexOf("\n", at + 1)).endsWith("\t1");
}
