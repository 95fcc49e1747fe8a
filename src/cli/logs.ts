// box logs: what a container has written, from the log that its supervisor keeps, or from the file that it writes by itself.

import { isSupervised } from "../config/stdio-choice.ts";
import { BoxError } from "../errors.ts";
import { LogReader } from "../execute/log-reader.ts";
import { openSupervisor } from "../execute/supervisor-handle.ts";
import { logPlace } from "../plan/log-layout.ts";
import { type FlagRow, type Parsed, parseFlags } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { follow } from "./follow-log.ts";
import { type LogRequest, newLogPrinter } from "./log-printer.ts";
import { parseTime } from "./log-time.ts";
import { oneContainer } from "./one-container.ts";
import { warnOf } from "./warn-of.ts";

export const flags: readonly FlagRow[] = [
  { name: "follow", short: "f", help: "go on with what is written, until the container ends" },
  { name: "since", value: "TIME|DURATION", help: "from this time on, or so long ago: 2026-01-31T12:00:00Z, 1769860800, 10m" },
  { name: "until", value: "TIME|DURATION", help: "up to this time" },
  { name: "tail", short: "n", value: "N|all", help: "the last N lines (default all)" },
  { name: "timestamps", short: "t", help: "each line behind its time" },
  { name: "json", help: "a JSON object a line, as Docker's json-file has them: log, stream, time" },
  { name: "help", short: "h", help: "show this help" },
];

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const parsed = parseFlags(argv, flags, "logs", true);
  if (parsed.switches.has("help")) return (await import("./help.ts")).printHelp("logs");
  const request = requestOf(parsed);
  const { folder, state } = oneContainer(parsed.rest, globals, "logs [flags] ID");
  const { stdio } = state.box;
  if (stdio?.kind === "file") return (await import("./file-logs.ts")).printFiles(stdio, state, request);
  if (stdio === undefined || !isSupervised(stdio))
    throw refused(
      `the container ${state.id} has no log: what it writes goes where box run was told to`,
      "run -d --log-driver local keeps one",
    );
  if (stdio.driver === "journald")
    throw refused(`what the container ${state.id} writes is in the journal`, `journalctl CONTAINER_ID_FULL=${state.id}`);
  const place = logPlace(folder, stdio);
  // Opened before the log is read, so that nothing is written after its end is seen.
  const supervisor = openSupervisor(state);
  using reader = new LogReader(place.folder, place.name, stdio.files, (problem) => warnOf(new BoxError({ what: problem })));
  const printer = newLogPrinter(request);
  follow(reader, printer, { folder: place.folder, supervisor, goOn: request.follow, untilNs: request.untilNs });
  return 0;
}

const refused = (what: string, hint: string): BoxError => new BoxError({ origin: "id", what, hint, exitCode: 1 });

function requestOf({ values, switches }: Parsed): LogRequest {
  const now = Date.now();
  const time = (flag: "since" | "until"): bigint | undefined => {
    const text = values[flag];
    return text === undefined ? undefined : parseTime(text, `--${flag}`, now);
  };
  return {
    follow: switches.has("follow"),
    sinceNs: time("since"),
    untilNs: time("until"),
    tail: tailOf(values.tail),
    timestamps: switches.has("timestamps"),
    json: switches.has("json"),
  };
}

function tailOf(text: string | undefined): number | undefined {
  if (text === undefined || text === "all") return undefined;
  if (!/^\d{1,9}$/.test(text))
    throw new BoxError({ origin: "--tail", what: `expected a number of lines or all, got ${JSON.stringify(text)}`, exitCode: 1 });
  return Number(text);
}
