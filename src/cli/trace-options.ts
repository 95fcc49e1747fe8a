// What a command line of box trace asks for, checked.

import { checkContainerId } from "../config/container-id.ts";
import { BoxError } from "../errors.ts";
import { monotonicNs } from "../execute/clock.ts";
import { hostReader } from "../execute/files.ts";
import { terminalSize } from "../execute/terminal-size.ts";
import { isForeign } from "../inspect/foreign-container.ts";
import { type EventKind, eventKinds } from "../inspect/process-event.ts";
import { namesOfUsers } from "../inspect/process-text.ts";
import type { Seen } from "../inspect/process-tracker.ts";
import type { TraceLook } from "../inspect/trace-lines.ts";
import type { Parsed } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { parseDuration } from "./duration.ts";
import { rootOfStates } from "./invocation.ts";
import { tableStyle } from "./show-table.ts";

export type TraceOptions = {
  readonly stateRoot: string;
  readonly containers: ReadonlySet<string>;
  readonly trees: readonly number[];
  readonly pids: ReadonlySet<number>;
  readonly kinds: ReadonlySet<EventKind>;
  readonly durationMs: number;
  readonly stats: boolean;
  readonly quiet: boolean;
  readonly json: boolean;
  readonly look: TraceLook;
};

export function readTraceOptions({ values, lists, switches }: Parsed, globals: Globals): TraceOptions {
  const durationMs = values.duration === undefined ? Number.POSITIVE_INFINITY : parseDuration(values.duration, "--duration");
  if (durationMs <= 0) throw new BoxError({ origin: "--duration", what: "the duration must be greater than 0" });
  const [stats, quiet] = [switches.has("stats"), switches.has("quiet")];
  if (quiet && !stats) throw new BoxError({ origin: "--quiet", what: "nothing would be printed", hint: "box trace --quiet --stats" });
  return {
    stateRoot: globals.root ?? rootOfStates(),
    containers: new Set((lists.container ?? []).map((name) => (isForeign(name) ? name : checkContainerId(name)))),
    trees: (lists.tree ?? []).map((text) => pidOf(text, "--tree")),
    pids: new Set((lists.pid ?? []).map((text) => pidOf(text, "--pid"))),
    kinds: kindsOf(values.events),
    durationMs,
    stats,
    quiet,
    json: switches.has("json"),
    look: readLook(switches.has("extra"), switches.has("short")),
  };
}

function pidOf(text: string, flag: string): number {
  if (/^[1-9][0-9]{0,9}$/.test(text)) return Number(text);
  throw new BoxError({ origin: flag, what: `expected a process id, got ${JSON.stringify(text)}` });
}

function kindsOf(list: string | undefined): ReadonlySet<EventKind> {
  if (list === undefined) return new Set(["fork", "exec", "exit"]);
  if (list === "all") return new Set(eventKinds);
  return new Set(
    list.split(",").map((word) => {
      const kind = eventKinds.find((one) => one === word);
      if (kind === undefined)
        throw new BoxError({ origin: "--events", what: `expected some of ${eventKinds.join(",")}, or all, got ${JSON.stringify(word)}` });
      return kind;
    }),
  );
}

function readLook(extra: boolean, short: boolean): TraceLook {
  const { width, colour } = tableStyle();
  const isTerminal = terminalSize() !== undefined;
  return {
    width: isTerminal ? width : undefined,
    coloured: colour,
    extra,
    short,
    epochNs: Date.now() * 1e6 - monotonicNs(),
    users: namesOfUsers(hostReader.read("/etc/passwd") ?? ""),
  };
}

/** Whether an event, or either process of a fork, is one of those asked for. */
export function isWanted({ event, process, child }: Seen, { containers, pids, trees, kinds }: TraceOptions): boolean {
  // A thread's end belongs to its beginning.
  const isThread = event.kind === "exit" && event.tid !== event.pid;
  if (!kinds.has(event.kind) || (isThread && !kinds.has("clone"))) return false;
  if (containers.size === 0 && pids.size === 0 && trees.length === 0) return true;
  for (const one of child === undefined ? [process] : [process, child])
    if (pids.has(one.pid) || one.followed || (one.container !== undefined && containers.has(one.container))) return true;
  return false;
}
