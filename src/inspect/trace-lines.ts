// How box trace shows an event: rows in forkstat's columns with the container added, or an object for JSON. Pure.

import { escapeControls } from "../tape/escape-controls.ts";
import { endingOf, endingText } from "./process-event.ts";
import type { Seen, Traced } from "./process-tracker.ts";
import { cut } from "./table.ts";

export type TraceLook = {
  /** Columns of the terminal; undefined for a file or a pipe, where nothing is cut. */
  readonly width: number | undefined;
  readonly coloured: boolean;
  /** Columns UID, EUID and TTY. */
  readonly extra: boolean;
  /** The command's name alone, without folder and arguments. */
  readonly short: boolean;
  /** What to add to CLOCK_MONOTONIC to get the time since 1970, in nanoseconds. */
  readonly epochNs: number;
  /** By uid. */
  readonly users: ReadonlyMap<number, string>;
};

const CONTAINER_WIDTH = 12;
const WIDE = 100;
const WIDER = 24;

type Cells = {
  readonly time: string;
  readonly event: string;
  readonly pid: string;
  readonly owner: readonly [uid: string, euid: string, terminal: string];
  readonly container: string;
  readonly info: string;
  readonly duration: string;
  readonly process: string;
};

const headings: Cells = {
  time: "TIME",
  event: "EVENT",
  pid: "PID",
  owner: ["UID", "EUID", "TTY"],
  container: "CONTAINER",
  info: "INFO",
  duration: "DURATION",
  process: "PROCESS",
};

export const traceHeading = (look: TraceLook): string => layOut(headings, look);

/** One row; of a fork two, for the parent and the child. */
export function traceRows(seen: Seen, look: TraceLook): string[] {
  const { event, process, child } = seen;
  const row = (about: Readonly<Traced>, pid: number, info: string, more: { duration?: string; process?: string } = {}): string =>
    layOut(
      {
        time: clockOf((event.timeNs + look.epochNs) / 1e6),
        event: event.kind,
        pid: String(pid),
        owner: [about.owner === undefined ? "-" : String(about.owner.uid), String(about.owner?.euid ?? "-"), about.owner?.terminal ?? "-"],
        container: about.container ?? "-",
        info,
        duration: more.duration ?? "",
        process: more.process ?? shownCommand(about, look.short),
      },
      look,
    );
  switch (event.kind) {
    case "fork":
      return child === undefined ? [] : [row(process, process.pid, "parent"), row(child, child.pid, "child")];
    case "clone":
      return [row(process, event.child ?? 0, "thread")];
    case "exit":
      return [row(process, event.tid, endingText(event.status), { duration: durationOf(seen) })];
    case "comm":
      return [
        row(process, event.tid, "", {
          process: `${shownCommand({ command: seen.before, was: process.was }, look.short)} -> ${escapeControls(event.comm ?? "")}`,
        }),
      ];
    case "ptrace":
      return [row(process, event.tid, event.tracer === 0 ? "detached" : `by ${event.tracer}`)];
    case "uid":
      return [row(process, event.tid, look.users.get(event.ids?.effective ?? -1) ?? String(event.ids?.effective))];
    case "gid":
      return [row(process, event.tid, String(event.ids?.effective))];
    case "sid":
      return [row(process, event.tid, String(event.pid))];
    default:
      return [row(process, event.tid, "")];
  }
}

/** A row that is about no process: how many events are missing here. */
export const lostRow = (count: number, timeMs: number, look: TraceLook): string =>
  `${clockOf(timeMs)} ${paint("lost", "lost", look.coloured)}   ${count} event${count === 1 ? "" : "s"}`;

function layOut({ time, event, pid, owner, container, info, duration, process }: Cells, look: TraceLook): string {
  const { width } = look;
  const containerWidth = width !== undefined && width >= WIDE ? WIDER : CONTAINER_WIDTH;
  const [uid, euid, terminal] = owner.map((cell) => cell.padEnd(6));
  const fit = width === undefined ? container : cut(container, containerWidth);
  const rest = [
    pid.padStart(7),
    ...(look.extra ? [uid, euid, terminal] : []),
    fit.padEnd(containerWidth),
    info.padEnd(12),
    duration.padStart(8),
    process,
  ].join(" ");
  const line = width === undefined ? rest : cut(rest, width - 16);
  return `${time.padEnd(8)} ${paint(event, event.padEnd(6), look.coloured)} ${line}`.trimEnd();
}

const colours: Readonly<Record<string, string>> = { fork: "32", clone: "32", exec: "36", exit: "33", core: "31", lost: "31" };

function paint(kind: string, text: string, coloured: boolean): string {
  const colour = colours[kind];
  return coloured && colour !== undefined ? `\u001b[${colour}m${text}\u001b[0m` : text;
}

/** Of one that ended before anybody could read its command, what it was before, in parentheses: it was started by that. */
export function shownCommand({ command, was }: Pick<Traced, "command" | "was">, short: boolean): string {
  if (command === undefined) return was === undefined ? "?" : `(${shortened(was, short)})`;
  return shortened(command, short);
}

function shortened(command: string, short: boolean): string {
  if (!short || command.startsWith("[")) return command;
  const [first = ""] = command.split(" ", 1);
  return first.slice(first.lastIndexOf("/") + 1);
}

/** Of the local time zone. */
const clockOf = (timeMs: number): string => new Date(timeMs).toTimeString().slice(0, 8);

const lifeNs = ({ event, process: { startNs } }: Seen): number | undefined =>
  startNs === undefined ? undefined : Math.max(0, event.timeNs - startNs);

/** `0.004s`, `999.999s`, `1h02m`, `12d03h`; nothing when the beginning is not known. */
function durationOf(seen: Seen): string {
  const life = lifeNs(seen);
  if (life === undefined) return "";
  const seconds = life / 1e9;
  if (seconds < 1000) return `${seconds.toFixed(3)}s`;
  const two = (value: number): string => String(Math.floor(value)).padStart(2, "0");
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h${two((seconds / 60) % 60)}m`;
  return `${Math.floor(seconds / 86_400)}d${two((seconds / 3600) % 24)}h`;
}

/** Keys in this order, those that an event has none for left out. */
export function traceObject(seen: Seen, epochNs: number): Readonly<Record<string, unknown>> {
  const { event, process, child, before } = seen;
  const life = lifeNs(seen);
  return {
    time: new Date((event.timeNs + epochNs) / 1e6).toISOString(),
    event: event.kind,
    pid: event.pid,
    ...(event.tid === event.pid ? {} : { tid: event.tid }),
    container: (child ?? process).container ?? null,
    command: process.command ?? null,
    ...(event.child === undefined ? {} : { child: event.child }),
    ...(event.kind === "exec" || event.kind === "comm" ? { before: before ?? null } : {}),
    ...(process.command === undefined && process.was !== undefined ? { was: process.was } : {}),
    ...(event.comm === undefined ? {} : { comm: escapeControls(event.comm) }),
    ...(event.kind === "exit" ? (event.status === undefined ? { code: null } : endingOf(event.status)) : {}),
    ...(event.kind === "exit" && life !== undefined ? { durationMs: life / 1e6 } : {}),
    ...(event.tracer === undefined ? {} : { tracer: event.tracer === 0 ? null : event.tracer }),
    ...(event.ids === undefined ? {} : event.ids),
  };
}
