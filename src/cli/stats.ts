// box stats: what containers use, as a table that is redrawn in place on a terminal, and elsewhere once: as a table, as
// JSON, or for Prometheus. Reading: sample-containers.ts; columns: src/inspect/stats-table.ts.

import { BoxError } from "../errors.ts";
import { listStates } from "../execute/list-states.ts";
import { readFolder } from "../execute/state-folder.ts";
import { terminalSize } from "../execute/terminal-size.ts";
import { writeLine, writeOut } from "../execute/write-line.ts";
import { type Sample, sampleObject } from "../inspect/container-sample.ts";
import { exposition } from "../inspect/prometheus.ts";
import { type BytesText, type SortKey, sortKeys, sortSamples, statsTable } from "../inspect/stats-table.ts";
import { type FlagRow, type Parsed, parseFlags } from "./arguments.ts";
import { loadBytesText } from "./bytes-text.ts";
import type { Globals } from "./commands.ts";
import { parseInterval } from "./duration.ts";
import { rootOfStates } from "./invocation.ts";
import { namedContainer } from "./named-container.ts";
import { newSampler } from "./sample-containers.ts";
import { showJson, tableStyle } from "./show-table.ts";
import { type Watched, watchInPipe, watchOnScreen } from "./watch-screen.ts";

export const flags: readonly FlagRow[] = [
  { name: "interval", short: "i", value: "DURATION", help: "time between two looks, such as 500ms or 5s (default 1s)" },
  { name: "once", help: "on a terminal too, print once and end" },
  { name: "watch", short: "w", help: "not on a terminal too, print again after each interval" },
  { name: "sort", value: sortKeys.join("|"), help: "in this order, the largest first (default id)" },
  { name: "json", help: "an array with an object for each container" },
  { name: "prom", help: "once, in Prometheus's text exposition format" },
  { name: "help", short: "h", help: "show this help" },
];

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const parsed = parseFlags(argv, flags, "stats", true);
  if (parsed.switches.has("help")) return (await import("./help.ts")).printHelp("stats");
  const options = readOptions(parsed);
  const pressure = options.json || options.way === "prom";
  const look = lookerOf(parsed.rest, globals.root ?? rootOfStates(), globals.root === undefined, pressure);
  if (options.way === "prom") writeOut(exposition(look()));
  else await watch(look, { ...options, bytes: await loadBytesText() });
  return 0;
}

type Options = {
  readonly way: "prom" | "live" | "once" | "again";
  readonly intervalMs: number;
  readonly sort: SortKey;
  readonly json: boolean;
  /** Whether it is about these containers alone, and ends with the last of them. */
  readonly named: boolean;
};
type Watch = Options & { readonly bytes: BytesText };

function readOptions({ values, switches, rest }: Parsed): Options {
  const [once, again, json, prom] = (["once", "watch", "json", "prom"] as const).map((name) => switches.has(name));
  if (once && again) throw new BoxError({ origin: "--once", what: "does not go together with --watch" });
  if (prom && (again || json)) throw new BoxError({ origin: "--prom", what: `does not go together with --${again ? "watch" : "json"}` });
  const intervalMs = parseInterval(values.interval ?? "1s", "--interval");
  if (intervalMs <= 0) throw new BoxError({ origin: "--interval", what: "the interval must be greater than 0" });
  const sort = sortKeys.find((key) => key === (values.sort ?? "id"));
  if (sort === undefined)
    throw new BoxError({ origin: "--sort", what: `expected ${sortKeys.join(", ")}, got ${JSON.stringify(values.sort)}` });
  const isLive = !once && !json && terminalSize() !== undefined;
  return { way: prom ? "prom" : isLive ? "live" : again ? "again" : "once", intervalMs, sort, json: json === true, named: rest.length > 0 };
}

/** All containers that have not ended, however many there are by then; or those named, as long as they are there. */
function lookerOf(ids: readonly string[], stateRoot: string, mayLack: boolean, pressure: boolean): () => Sample[] {
  const sampler = newSampler(pressure);
  if (ids.length === 0) return () => sampler(listStates(stateRoot, mayLack)).filter(({ status }) => status !== "stopped");
  const folders = [...new Set(ids)].map((id) => namedContainer(stateRoot, id).folder);
  return () =>
    sampler(
      folders.flatMap((folder) => {
        const { state } = readFolder(folder);
        return state === undefined ? [] : [{ folder, state }];
      }),
    );
}

/** What is seen at each moment, and how it is shown. */
function watch(look: () => Sample[], options: Watch): Promise<void> {
  let samples: Sample[] = [];
  const watched: Watched = {
    intervalMs: options.intervalMs,
    look() {
      samples = look();
      return samples.length > 0 || !options.named;
    },
    table: () => tableOf(samples, options),
  };
  if (options.way === "live") return watchOnScreen(watched);
  return watchInPipe(watched, () => print(samples, options), options.way === "again");
}

const print = (samples: readonly Sample[], options: Watch): boolean =>
  options.json ? showJson(sortSamples(samples, options.sort).map(sampleObject)) : writeLine(tableOf(samples, options));

/** One or two moments make no trend. */
const tableOf = (samples: readonly Sample[], { way, sort, bytes }: Watch): string =>
  statsTable(sortSamples(samples, sort), tableStyle(), bytes, way === "live");
