// Who is who while a trace runs: for each process its command, its container and when it began, kept up to date by the
// events themselves. A new process is what its parent is, so a container's are known however soon they end; /proc is
// read for what was there before, and at each exec. It reads through the functions that it is given.

import { startTimeOf } from "../state/state.ts";
import { escapeControls } from "../tape/escape-controls.ts";
import type { ProcessEvent } from "./process-event.ts";
import { terminalOf } from "./process-table.ts";

export type Traced = {
  readonly pid: number;
  /** Id of the container that it belongs to. */
  container: string | undefined;
  /** The arguments, or a name in brackets, fit for a terminal; undefined when it ended before anyone could read them. */
  command: string | undefined;
  /** Of one without: what it was before the exec that nobody could read. */
  was: string | undefined;
  /** Nanoseconds of CLOCK_MONOTONIC. */
  startNs: number | undefined;
  /** It is, or descends from, a process whose tree is followed. */
  followed: boolean;
  /** Of box making a container, or running something in one: asks for that container, which may not be there yet. */
  startsFor: StartsFor | undefined;
  /** Where owners are wanted. */
  owner: Owner | undefined;
};

export type StartsFor = () => string | undefined;

export type Owner = { readonly uid: number; readonly euid: number; readonly terminal: string };

export type Sources = {
  /** The text of a file below /proc; undefined when there is none. */
  readonly read: (path: string) => string | undefined;
  /** For which container a process with these arguments starts others; undefined when it is not box doing that. */
  readonly startsFor: (pid: number, argv: readonly string[]) => StartsFor | undefined;
  /** The container that a process is in by its cgroups. */
  readonly containerOf: (pid: number) => string | undefined;
  /** Whether users and terminals are wanted, which takes two more files of /proc for each exec. */
  readonly owners: boolean;
  /** Pids whose trees are followed. */
  readonly trees: readonly number[];
  /** What CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC, in nanoseconds: /proc counts with the former, events with the latter. */
  readonly sleptNs: number;
};

/** An event and whom it is about, as they were when it happened. */
export type Seen = {
  readonly event: ProcessEvent;
  readonly process: Readonly<Traced>;
  /** Of a fork the new process. */
  readonly child: Readonly<Traced> | undefined;
  /** Of an exec or a comm: what the command was. */
  readonly before: string | undefined;
};

export type Tracker = {
  /** Looks at processes that are there already: once they have ended, nobody can say what they were. */
  readonly meet: (pids: readonly number[]) => void;
  /** Says that processes that are there already belong to a container. */
  readonly place: (pids: readonly number[], container: string) => void;
  readonly apply: (event: ProcessEvent) => Seen;
};

const TICK_NS = 10_000_000;
/** Of a command line, which may have megabytes. */
const MOST_CHARACTERS = 4096;

export function newTracker(sources: Sources): Tracker {
  const known = new Map<number, Traced>();
  const find = (pid: number): Traced => {
    const old = known.get(pid);
    if (old !== undefined) return old;
    const made = readProcess(pid, sources);
    known.set(pid, made);
    return made;
  };
  const seen = (event: ProcessEvent, process: Traced, more: { child?: Traced; before?: string | undefined } = {}): Seen => ({
    event,
    process: { ...process },
    child: more.child === undefined ? undefined : { ...more.child },
    before: more.before,
  });
  return {
    meet(pids) {
      for (const pid of pids) find(pid);
    },
    place(pids, container) {
      for (const pid of pids) find(pid).container = container;
    },
    apply(event) {
      // What has ended is not looked at again, and is not kept either.
      const process = event.kind === "exit" ? (known.get(event.pid) ?? readProcess(event.pid, sources)) : find(event.pid);
      switch (event.kind) {
        case "fork": {
          const child = childOf(process, event);
          known.set(child.pid, child);
          return seen(event, process, { child });
        }
        case "exec": {
          const before = process.command;
          becomeProgram(process, event, sources);
          return seen(event, process, { before });
        }
        case "exit":
          if (event.tid === event.pid) known.delete(event.pid);
          return seen(event, process);
        case "comm": {
          const before = process.command;
          // A name is better than none.
          if (before === undefined && event.comm !== undefined) process.command = `[${escapeControls(event.comm)}]`;
          return seen(event, process, { before });
        }
        case "uid":
          if (event.ids !== undefined) setOwner(process, event.ids.real, event.ids.effective);
          return seen(event, process);
        default:
          return seen(event, process);
      }
    },
  };
}

const childOf = (parent: Traced, { child = 0, timeNs }: ProcessEvent): Traced => ({
  pid: child,
  container: parent.container ?? parent.startsFor?.(),
  command: parent.command,
  was: parent.was,
  startNs: timeNs,
  followed: parent.followed,
  startsFor: undefined,
  owner: parent.owner,
});

/** One that was there before, or whose fork was lost. */
function readProcess(pid: number, sources: Sources): Traced {
  const { read, startsFor, containerOf, trees, sleptNs } = sources;
  const stat = read(`/proc/${pid}/stat`);
  const cmdline = read(`/proc/${pid}/cmdline`);
  return {
    pid,
    container: containerOf(pid),
    command: commandOf(cmdline, stat),
    was: undefined,
    startNs: stat === undefined ? undefined : startTimeOf(stat) * TICK_NS - sleptNs,
    followed: trees.includes(pid) || (trees.length > 0 && descendsFrom(trees, stat, read)),
    startsFor: startsFor(pid, wordsOf(cmdline ?? "")),
    owner: readOwner(pid, sources),
  };
}

function becomeProgram(process: Traced, event: ProcessEvent, sources: Sources): void {
  const { read, startsFor, containerOf } = sources;
  const cmdline = event.cmdline ?? read(`/proc/${process.pid}/cmdline`);
  process.was = process.command ?? process.was;
  // Of one that has ended, and was not yet waited for, the name is left.
  process.command = commandOf(cmdline, cmdline === "" ? read(`/proc/${process.pid}/stat`) : undefined);
  process.startsFor = startsFor(process.pid, wordsOf(cmdline ?? ""));
  if (process.container === undefined) process.container = containerOf(process.pid);
  // A program with the set-user-ID bit gives itself another one without an event.
  process.owner = readOwner(process.pid, sources) ?? process.owner;
}

const wordsOf = (cmdline: string): string[] => cmdline.replace(/\0$/, "").split("\0");

/** A process without arguments, a kernel thread or a zombie, has its name in brackets. */
function commandOf(cmdline: string | undefined, stat: string | undefined): string | undefined {
  if (cmdline !== undefined && cmdline !== "")
    return escapeControls(cmdline.slice(0, MOST_CHARACTERS).replace(/\0+$/, "").replaceAll("\0", " "));
  return stat === undefined ? undefined : `[${escapeControls(stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")")))}]`;
}

/** Fields of proc_pid_stat(5) from the third on. */
const fieldsOf = (stat: string): string[] => stat.slice(stat.lastIndexOf(")") + 2).split(" ");

function descendsFrom(trees: readonly number[], stat: string | undefined, read: Sources["read"]): boolean {
  for (let text = stat; text !== undefined; ) {
    const parent = Number(fieldsOf(text)[1]);
    if (trees.includes(parent)) return true;
    text = parent > 0 ? read(`/proc/${parent}/stat`) : undefined;
  }
  return false;
}

function readOwner(pid: number, { read, owners }: Sources): Owner | undefined {
  if (!owners) return undefined;
  const [, uid, euid] = /^Uid:\t(\d+)\t(\d+)/m.exec(read(`/proc/${pid}/status`) ?? "") ?? [];
  const stat = read(`/proc/${pid}/stat`);
  if (uid === undefined || stat === undefined) return undefined;
  return { uid: Number(uid), euid: Number(euid), terminal: terminalOf(Number(fieldsOf(stat)[4])) };
}

function setOwner(process: Traced, uid: number, euid: number): void {
  process.owner = { uid, euid, terminal: process.owner?.terminal ?? "?" };
}
