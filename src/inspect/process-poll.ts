// What box trace sees where the kernel tells nothing: differences between two looks at /proc. What begins and ends
// between them is missed, and how a process ended is not known. Pure but for the reader that it is given.

import { startTimeOf } from "../state/state.ts";
import type { EventKind, ProcessEvent } from "./process-event.ts";

type Read = (path: string) => string | undefined;

type Snapshot = {
  readonly start: number;
  readonly parent: number;
  readonly session: number;
  readonly comm: string;
  /** Only where an exec is wanted. */
  readonly cmdline: string | undefined;
  /** Real and effective uid and gid, and who traces it; only where these are wanted. */
  readonly ids: readonly number[] | undefined;
};

/** Kinds of events that a look at /proc can show: no threads, no cores. */
export const polledKinds: readonly EventKind[] = ["fork", "exec", "exit", "comm", "ptrace", "uid", "gid", "sid"];

/** Every call of what it answers with is a look; the first one shows nothing. */
export function newPoll(pids: () => readonly number[], read: Read, wanted: ReadonlySet<EventKind>): (nowNs: number) => ProcessEvent[] {
  const needs = { cmdline: wanted.has("exec"), ids: (["uid", "gid", "ptrace"] as const).some((kind) => wanted.has(kind)) };
  let before: Map<number, Snapshot> | undefined;
  return (nowNs) => {
    const now = new Map<number, Snapshot>();
    for (const pid of pids()) {
      const one = readSnapshot(pid, read, needs);
      if (one !== undefined) now.set(pid, one);
    }
    const events = before === undefined ? [] : differences(before, now, nowNs);
    before = now;
    return events;
  };
}

/** undefined for one that has ended, waited for or not. */
function readSnapshot(pid: number, read: Read, needs: { readonly cmdline: boolean; readonly ids: boolean }): Snapshot | undefined {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  const end = stat.lastIndexOf(")");
  // Fields 3 to 6 of proc_pid_stat(5): state, parent, process group, session.
  const [state, parent, , session] = stat.slice(end + 2).split(" ");
  if (state === "Z" || state === "X") return undefined;
  return {
    start: startTimeOf(stat),
    parent: Number(parent),
    session: Number(session),
    comm: stat.slice(stat.indexOf("(") + 1, end),
    cmdline: needs.cmdline ? read(`/proc/${pid}/cmdline`) : undefined,
    ids: needs.ids ? idsIn(read(`/proc/${pid}/status`) ?? "") : undefined,
  };
}

/** Uid, euid, gid, egid, tracer. */
function idsIn(status: string): number[] {
  const numbers = (name: string): number[] => (new RegExp(`^${name}:\t(.*)$`, "m").exec(status)?.[1] ?? "").split("\t").map(Number);
  const [[uid = 0, euid = 0], [gid = 0, egid = 0], [tracer = 0]] = [numbers("Uid"), numbers("Gid"), numbers("TracerPid")];
  return [uid, euid, gid, egid, tracer];
}

function differences(before: ReadonlyMap<number, Snapshot>, now: ReadonlyMap<number, Snapshot>, timeNs: number): ProcessEvent[] {
  const events: ProcessEvent[] = [];
  const isSame = (pid: number, { start }: Snapshot): boolean => before.get(pid)?.start === start;
  const gone = [...before].filter(([pid, one]) => now.get(pid)?.start !== one.start);
  // Children before their parents, as most end.
  for (const [pid] of gone.sort(([a, one], [b, other]) => other.start - one.start || b - a))
    events.push({ kind: "exit", timeNs, pid, tid: pid, status: undefined });
  // Parents before their children.
  const fresh = [...now].filter(([pid, one]) => !isSame(pid, one)).sort(([a, one], [b, other]) => one.start - other.start || a - b);
  for (const [pid, one] of fresh) {
    events.push({ kind: "fork", timeNs, pid: one.parent, tid: one.parent, child: pid });
    const parent = now.get(one.parent) ?? before.get(one.parent);
    if (one.cmdline !== parent?.cmdline) events.push({ kind: "exec", timeNs, pid, tid: pid });
  }
  for (const [pid, one] of now) {
    const old = before.get(pid);
    if (old !== undefined && isSame(pid, one)) events.push(...changes(pid, old, one, timeNs));
  }
  return events;
}

function changes(pid: number, old: Snapshot, one: Snapshot, timeNs: number): ProcessEvent[] {
  const base = { timeNs, pid, tid: pid };
  const events: ProcessEvent[] = [];
  if (old.cmdline !== one.cmdline) events.push({ kind: "exec", ...base });
  else if (old.comm !== one.comm) events.push({ kind: "comm", ...base, comm: one.comm });
  if (old.session !== one.session) events.push({ kind: "sid", ...base });
  const [uid = 0, euid = 0, gid = 0, egid = 0, tracer = 0] = one.ids ?? [];
  const differs = (...places: readonly number[]): boolean => places.some((place) => old.ids?.[place] !== one.ids?.[place]);
  if (differs(0, 1)) events.push({ kind: "uid", ...base, ids: { real: uid, effective: euid } });
  if (differs(2, 3)) events.push({ kind: "gid", ...base, ids: { real: gid, effective: egid } });
  if (differs(4)) events.push({ kind: "ptrace", ...base, tracer });
  return events;
}
