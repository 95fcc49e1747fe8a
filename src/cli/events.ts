// box events: what a container uses, again and again, and when it ran out of memory, as lines of JSON in runc's shape.
// It waits in one ppoll(2) for the container's end, for an OOM kill, for the next interval and for a reader that leaves.

import { readdirSync } from "node:fs";
import { hugePageSizes } from "../cgroup/counters.ts";
import { readStatistics, statisticsEvent } from "../cgroup/statistics.ts";
import { statisticsResctrl } from "../cgroup/statistics-resctrl.ts";
import { BoxError } from "../errors.ts";
import { readText } from "../execute/files.ts";
import { initLives } from "../execute/init-lives.ts";
import { systemCall } from "../execute/libc.ts";
import { listFolder } from "../execute/list-folder.ts";
import { liveStatus } from "../execute/live-status.ts";
import { watchOom } from "../execute/oom-watch.ts";
import { POLLIN, waitFor } from "../execute/poll.ts";
import { STDOUT, writeLine } from "../execute/write-line.ts";
import type { State } from "../state/state.ts";
import { type FlagRow, parseFlags } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { parseInterval } from "./duration.ts";
import { oneContainer } from "./one-container.ts";

export const flags: readonly FlagRow[] = [
  { name: "interval", value: "DURATION", help: "time between two lines of statistics, such as 500ms or 1m30s (default: 5s)" },
  { name: "stats", help: "show the statistics once, and end" },
  { name: "help", short: "h", help: "show this help" },
];

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const parsed = parseFlags(argv, flags, "events", true);
  if (parsed.switches.has("help")) return (await import("./help.ts")).printHelp("events");
  const container = oneContainer(parsed.rest, globals, "events [flags] ID");
  const intervalMs = parseInterval(parsed.values.interval ?? "5s", "--interval");
  // These two in runc's words.
  if (intervalMs <= 0) throw new BoxError({ origin: "--interval", what: "duration interval must be greater than 0", exitCode: 1 });
  const { state } = container;
  if (state.pid <= 0 || liveStatus(container) === "stopped") throw notRunning(state);
  if (parsed.switches.has("stats")) writeLine(statisticsLine(state));
  else follow(state, intervalMs);
  return 0;
}

const notRunning = ({ id }: State): BoxError => new BoxError({ what: `container with id ${id} is not running`, exitCode: 1 });

const pageSizes = (): string[] => {
  try {
    return hugePageSizes(readdirSync("/sys/kernel/mm/hugepages")).sort();
  } catch {
    // A kernel without huge pages.
    return [];
  }
};

function statisticsLine({ id, box: { cgroups, resctrl } }: State): string {
  const read = (path: string): string | undefined => {
    const text = readText(path);
    return typeof text === "string" ? text : undefined;
  };
  const statistics = readStatistics(cgroups, pageSizes(), read);
  return statisticsEvent(
    id,
    resctrl === undefined ? statistics : { ...statistics, intel_rdt: statisticsResctrl(resctrl, read, foldersIn) },
  );
}

function foldersIn(path: string): string[] {
  const entries = listFolder(path);
  const names: string[] = [];
  for (const { name, isFolder } of typeof entries === "number" ? [] : entries) if (isFolder) names.push(name);
  return names;
}

/** Until the container ends, or nobody reads any more. */
function follow(state: State, intervalMs: number): void {
  const init = systemCall("pidfd_open", state.pid, 0);
  // Asked after the pidfd is there, so that it cannot be of a later process with the same pid.
  if (init < 0 || !initLives(state)) throw notRunning(state);
  const oom = watchOom(state.box.cgroups);
  const polls = [{ fd: init, events: POLLIN }, { fd: STDOUT, events: 0 }, ...(oom === undefined ? [] : [oom.poll])];
  let next = performance.now() + intervalMs;
  for (;;) {
    const [ended, unread, killed] = waitFor(polls, next - performance.now());
    // An init that was killed for its memory is the common case: so this comes before the end.
    if (oom !== undefined && (ended || killed) && oom.happened() && !writeLine(JSON.stringify({ type: "oom", id: state.id }))) return;
    if (ended || unread) return;
    if (performance.now() < next) continue;
    const line = statisticsLine(state);
    // What was read while the container was being removed is only a part.
    if (waitFor(polls, 0)[0]) continue;
    if (!writeLine(line)) return;
    next = Math.max(next + intervalMs, performance.now());
  }
}
