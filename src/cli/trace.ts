// box trace: what happens to processes, as it happens, each with its container. The kernel's process events where it
// gives them, else a look at /proc several times a second, which is said. Who is who: src/inspect/process-tracker.ts.

import { BoxError } from "../errors.ts";
import { type CaughtSignals, catchSignals, LONGEST_WAIT_MS } from "../execute/caught-signals.ts";
import { sleptNs } from "../execute/clock.ts";
import { processesOf } from "../execute/container-processes.ts";
import { hostReader } from "../execute/files.ts";
import { hurry } from "../execute/hurry.ts";
import { listProcesses } from "../execute/list-processes.ts";
import { type Listed, listStates } from "../execute/list-states.ts";
import { POLLIN, waitFor } from "../execute/poll.ts";
import { terminalRows } from "../execute/terminal-size.ts";
import { STDOUT, writeLine } from "../execute/write-line.ts";
import { readCgroups } from "../host/read-facts.ts";
import { cgroupOwners, ownerOfCgroups } from "../inspect/cgroup-owners.ts";
import { foreignContainer } from "../inspect/foreign-container.ts";
import { eventKinds } from "../inspect/process-event.ts";
import { newTracker, type Tracker } from "../inspect/process-tracker.ts";
import { lostRow, traceHeading, traceObject, traceRows } from "../inspect/trace-lines.ts";
import { newTraceStatistics, statisticsTable, type TraceStatistics } from "../inspect/trace-statistics.ts";
import { type FlagRow, parseFlags } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { launchReader } from "./launch-reader.ts";
import { showTable } from "./show-table.ts";
import { isWanted, readTraceOptions, type TraceOptions } from "./trace-options.ts";
import { openSource, type Source } from "./trace-source.ts";

export const flags: readonly FlagRow[] = [
  { name: "container", short: "c", value: "ID", repeats: true, help: "only this container's processes; it need not be there yet" },
  { name: "tree", short: "t", value: "PID", repeats: true, help: "only this process and what descends from it" },
  { name: "pid", short: "p", value: "PID", repeats: true, help: "only this process" },
  { name: "events", short: "e", value: "LIST", help: `which of ${eventKinds.join(",")}, or all (default fork,exec,exit)` },
  { name: "duration", short: "D", value: "DURATION", help: "end after this time, such as 10s (default: at Ctrl-C)" },
  { name: "stats", short: "S", help: "count events by command, and print the table at the end" },
  { name: "quiet", short: "q", help: "print no events; with --stats" },
  { name: "extra", short: "x", help: "columns UID, EUID and TTY too" },
  { name: "short", short: "s", help: "commands by name, without folder and arguments" },
  { name: "json", help: "one JSON object a line" },
  { name: "poll", help: "look at /proc even where the kernel tells of its events" },
  { name: "help", short: "h", help: "show this help" },
];

const synopsis = "box trace [flags]";

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const parsed = parseFlags(argv, flags, "trace", true);
  if (parsed.switches.has("help")) return (await import("./help.ts")).printHelp("trace");
  if (parsed.rest.length > 0) throw new BoxError({ what: `expected flags alone, got ${parsed.rest[0]}`, hint: synopsis });
  const options = readTraceOptions(parsed, globals);
  // Before /proc is looked at, so that nothing falls in between.
  const source = openSource(parsed.switches.has("poll"), options.kinds);
  if (source.fd !== undefined) hurry();
  const tracker = await startTracker(options);
  const caught = catchSignals(["SIGINT", "SIGTERM", "SIGHUP"]);
  try {
    await follow(source, tracker, options, caught);
  } finally {
    caught.stop();
    source.close();
  }
  return 0;
}

/** Nobody but root sees the states of others; then processes are in no container, as far as one can tell. */
async function startTracker({ stateRoot, trees, look, json }: TraceOptions): Promise<Tracker> {
  const facts = readCgroups(hostReader);
  let owners = new Map<string, string>();
  let readAt = Number.NEGATIVE_INFINITY;
  const refresh = (): Listed[] => {
    const listed = listStates(stateRoot, true);
    owners = cgroupOwners(
      listed.map(({ state }) => state),
      facts,
    );
    readAt = performance.now();
    return listed;
  };
  const listed = refresh();
  const tracker = newTracker({
    read: hostReader.read,
    startsFor: await launchReader(stateRoot),
    containerOf(pid) {
      if (performance.now() - readAt > STALE_MS) refresh();
      const cgroups = hostReader.read(`/proc/${pid}/cgroup`) ?? "";
      return (owners.size === 0 ? undefined : ownerOfCgroups(cgroups, owners)) ?? foreignContainer(cgroups);
    },
    owners: look.extra || json,
    trees,
    sleptNs: sleptNs(),
  });
  tracker.meet(listProcesses());
  for (const { state } of listed) tracker.place(processesOf(state), state.id);
  return tracker;
}

/** A container that was made without this trace seeing its box is known this much later at most. */
const STALE_MS = 1000;

async function follow(source: Source, tracker: Tracker, options: TraceOptions, caught: CaughtSignals): Promise<void> {
  const { json, quiet, durationMs } = options;
  const end = performance.now() + durationMs;
  const statistics = newTraceStatistics();
  const print = printer(options);
  if (!json && !quiet) print([]);
  const show = shower(source, tracker, options, statistics, print);
  const polls = [{ fd: STDOUT, events: 0 }, ...(source.fd === undefined ? [] : [{ fd: source.fd, events: POLLIN }])];
  let isEnded = false;
  for (let asked = performance.now(); !isEnded && show() && performance.now() < end; ) {
    const ready = waitFor(polls, Math.min(source.everyMs, end - performance.now(), LONGEST_WAIT_MS));
    if (ready[0] !== 0) return;
    // A turn of the event loop takes as long as some processes live, so while there are events it has to wait.
    if (ready[1] !== 0 && performance.now() - asked < LONGEST_WAIT_MS) continue;
    isEnded = (await caught.came()).length > 0;
    asked = performance.now();
  }
  if (show() && options.stats) printStatistics(statistics, source.lost(), json);
}

function printStatistics(statistics: TraceStatistics, lost: number, json: boolean): void {
  const commands = statistics.counts();
  if (json) return void writeLine(JSON.stringify({ event: "statistics", lost, commands }));
  const { columns, rows } = statisticsTable(commands);
  showTable(columns, rows, false);
  if (lost > 0) writeLine(`lost: ${lost} event${lost === 1 ? "" : "s"}`);
}

type Print = (lines: readonly string[]) => boolean;

/** A function that shows all events that wait, and says whether anyone still reads. */
function shower(source: Source, tracker: Tracker, options: TraceOptions, statistics: TraceStatistics, print: Print): () => boolean {
  const { look, json, quiet } = options;
  let told = 0;
  const lostLines = (): string[] => {
    const count = source.lost() - told;
    if (count <= 0) return [];
    told += count;
    const now = Date.now();
    return [json ? JSON.stringify({ time: new Date(now).toISOString(), event: "lost", count }) : lostRow(count, now, look)];
  };
  const linesOf = (event: ReturnType<Source["take"]>[number]): readonly string[] => {
    if (event === "lost") return lostLines();
    const seen = tracker.apply(event);
    if (!isWanted(seen, options)) return [];
    statistics.add(seen);
    if (quiet) return [];
    return json ? [JSON.stringify(traceObject(seen, look.epochNs))] : traceRows(seen, look);
  };
  return () => {
    for (let events = source.take(); events.length > 0; events = source.fd === undefined ? [] : source.take())
      if (!print(events.flatMap(linesOf))) return false;
    return print(lostLines());
  };
}

/** Writes lines, with the heading above the first and, on a terminal, again after each screenful. */
function printer({ look, json, quiet }: TraceOptions): Print {
  const screenful = look.width === undefined ? Number.POSITIVE_INFINITY : terminalRows() - 2;
  const isHeaded = !json && !quiet;
  let sinceHeading = -1;
  return (lines) => {
    const out: string[] = [];
    for (const line of isHeaded && sinceHeading < 0 ? [undefined, ...lines] : lines) {
      if (isHeaded && (sinceHeading < 0 || sinceHeading >= screenful)) {
        out.push(traceHeading(look));
        sinceHeading = 0;
      }
      if (line === undefined) continue;
      out.push(line);
      sinceHeading += 1;
    }
    return out.length === 0 || writeLine(out.join("\n"));
  };
}
