// What is measured, one function for each row of the table. Each takes a few samples of one entrant; bench.ts goes round
// the entrants and back, so that a busy moment of the machine falls on all of them.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { runChild } from "./bench-child.ts";
import { buildHelper } from "./bench-entrants.ts";
import { timeEach, timeExec, timeHundred, timeLife, timeList } from "./bench-lives.ts";
import { takeDetachedPss, takeExecPss, takeHeldPss } from "./bench-memory.ts";
import { everythingText, podmanText, timePlans } from "./bench-plan.ts";
import { missingProfile } from "./bench-podman.ts";
import { type Entrant, inLayout, type Workshop } from "./bench-workshop.ts";

export type Measure = {
  readonly title: string;
  readonly unit: "ms" | "KiB" | "calls";
  /** Rounds that are enough for what hardly varies from run to run. */
  readonly mostRounds: number;
  /** What it measures with, if that is another program. */
  readonly tool?: { readonly executable: string; readonly debianPackage: string };
  /** It takes commands other than run, which bubblewrap does not have. */
  readonly lives?: true;
  /** It is the same in every layout of cgroups, and needs no root. */
  readonly anywhere?: true;
  /** The other runtimes have nothing like it. */
  readonly boxAlone?: true;
  /** Too long for a look at whether everything works. */
  readonly long?: true;
  /** Samples in `unit`; `runs` says how many runs one visit is worth where a single one is short. */
  readonly take: (workshop: Workshop, entrant: Entrant, runs: number) => Promise<Taken>;
};

/** One that is measured on the way of another, whose `take` has its samples too. */
export type Part = Pick<Measure, "title" | "unit"> & { readonly partOf: MeasureName };

/** Samples, or those of a measure and of its parts, by name. */
export type Taken = readonly number[] | Readonly<Record<string, readonly number[]>>;

export const measureNames = [
  ...([
    "version",
    "plan",
    "planEverything",
    "first",
    "run",
    "plugins",
    "podman",
    "exec",
    "life",
    "create",
    "start",
    "state",
    "kill",
    "delete",
    "hundred",
    "list",
  ] as const),
  ...(["rss", "held", "heldDetached", "heldExec", "syscalls"] as const),
] as const;
export type MeasureName = (typeof measureNames)[number];

const always = Number.POSITIVE_INFINITY;
const hyperfine = { executable: "hyperfine", debianPackage: "hyperfine" };
const cc = { executable: "cc", debianPackage: "gcc" };

const planned = { unit: "ms", mostRounds: always, anywhere: true, boxAlone: true } as const;

export const measures: Readonly<Record<MeasureName, Measure | Part>> = {
  version: { title: "--version", unit: "ms", mostRounds: always, tool: hyperfine, anywhere: true, take: timeVersion },
  plan: { ...planned, title: "plan of podman's defaults, warm", take: (_, __, runs) => timePlans(podmanText(), runs) },
  planEverything: { ...planned, title: "plan of nearly every field, long lists", take: (_, __, runs) => timePlans(everythingText(), runs) },
  // Box keeps what it has compiled of a container that starts again; the first start has nothing to begin from.
  first: { title: "first run of /bin/true", unit: "ms", mostRounds: always, tool: hyperfine, take: timeFirstRun },
  run: { title: "run of /bin/true again", unit: "ms", mostRounds: always, tool: hyperfine, take: timeRun },
  plugins: {
    title: "three plugin files, added to that run",
    unit: "ms",
    mostRounds: always,
    tool: cc,
    boxAlone: true,
    take: timePlugins,
  },
  podman: { title: "first run with podman's defaults", unit: "ms", mostRounds: always, tool: hyperfine, lives: true, take: timePodman },
  exec: { title: "exec of /bin/true", unit: "ms", mostRounds: always, tool: cc, lives: true, take: timeExec },
  life: { title: "create, start, kill and delete", unit: "ms", mostRounds: always, tool: cc, lives: true, take: timeLife },
  create: { title: "create", unit: "ms", partOf: "life" },
  start: { title: "start", unit: "ms", partOf: "life" },
  state: { title: "state", unit: "ms", partOf: "life" },
  kill: { title: "kill", unit: "ms", partOf: "life" },
  delete: { title: "delete", unit: "ms", partOf: "life" },
  hundred: { title: "100 containers at once", unit: "ms", mostRounds: 5, tool: cc, lives: true, long: true, take: timeHundred },
  list: { title: "list of 500 containers", unit: "ms", mostRounds: 5, tool: cc, lives: true, take: timeList },
  rss: { title: "peak RSS of that run", unit: "KiB", mostRounds: 5, tool: cc, take: takePeakRss },
  held: { title: "PSS held while it sleeps", unit: "KiB", mostRounds: 3, take: takeHeldPss },
  heldDetached: { title: "PSS held by a detached one", unit: "KiB", mostRounds: 2, tool: cc, lives: true, take: takeDetachedPss },
  heldExec: { title: "PSS held while an exec sleeps", unit: "KiB", mostRounds: 2, tool: cc, lives: true, take: takeExecPss },
  syscalls: {
    title: "system calls of that run",
    unit: "calls",
    mostRounds: 3,
    tool: { executable: "strace", debianPackage: "strace" },
    take: countSystemCalls,
  },
};

function timeVersion(workshop: Workshop, entrant: Entrant, runs: number): Promise<number[]> {
  return timeWords(workshop, entrant, [entrant.path, "--version"], runs);
}

function timeRun(workshop: Workshop, entrant: Entrant, runs: number): Promise<number[]> {
  return timeWords(workshop, entrant, workshop.runWords(entrant, "true"), runs);
}

/** What the same container costs more with three plugins, each a file that changes what it is given: in turns, since it is little. */
async function timePlugins(workshop: Workshop, entrant: Entrant, runs: number): Promise<number[]> {
  const bare = workshop.runWords(entrant, "true");
  const named = [1, 2, 3].flatMap((number) => {
    const path = `${workshop.folder}/plugin-${number}.ts`;
    writeFileSync(path, pluginText(number), { mode: 0o644 });
    return ["--plugin", path];
  });
  // A container of its own, since each has one place where its program is kept.
  const plugged = [...bare.slice(0, -1), ...named, workshop.containerId(entrant, "plugged")];
  const turns = TURNS_BEFORE + PLUGIN_TURNS * runs;
  const times = await timeEach(workshop, entrant, Array.from({ length: turns }, () => [[bare], [plugged]]).flat());
  return Array.from({ length: PLUGIN_TURNS * runs }, (_, index) => {
    const at = 2 * (TURNS_BEFORE + index);
    return (times[at + 1] ?? Number.NaN) - (times[at] ?? Number.NaN);
  });
}

/** Enough for both to have kept what they keep. */
const TURNS_BEFORE = 3;
/** For each run of another measure. */
const PLUGIN_TURNS = 4;

const pluginText = (number: number): string => `const name: string = "plugin-${number}";
export default {
  name,
  options: { type: "object", properties: { value: { type: "string", default: "${number}" } } },
  apply(hooks: { config: { tap(name: string, change: (spec: { annotations?: object }) => void): void } }, { value }: { value: string }): void {
    hooks.config.tap(name, (spec) => {
      spec.annotations = { ...spec.annotations, [name]: value };
    });
  },
};
`;

function timeFirstRun(workshop: Workshop, entrant: Entrant, runs: number): Promise<number[]> {
  return timeForgotten(workshop, entrant, workshop.runWords(entrant, "true"), runs);
}

/** Each of podman's containers starts only once as long as nobody asks for more. */
async function timePodman(workshop: Workshop, entrant: Entrant, runs: number): Promise<number[]> {
  if (!existsSync(workshop.bundle(entrant.layout, "podman"))) throw new Error(missingProfile);
  return timeForgotten(workshop, entrant, workshop.runWords(entrant, "podman"), runs);
}

function timeForgotten(workshop: Workshop, entrant: Entrant, words: readonly string[], runs: number): Promise<number[]> {
  const forget = ["rm", "-rf", `${workshop.stateFolder(entrant.name)}/.kept`];
  return timeWords(workshop, entrant, words, runs, [`--prepare=${forget.map(quote).join(" ")}`]);
}

/** hyperfine without a shell in between; the mount namespace of the layout is made around hyperfine, not timed by it. */
async function timeWords(
  workshop: Workshop,
  entrant: Entrant,
  words: readonly string[],
  runs: number,
  more: readonly string[] = [],
): Promise<number[]> {
  const results = `${workshop.folder}/hyperfine.json`;
  const flags = ["--shell=none", "--style=none", "--warmup=1", `--runs=${runs}`, `--export-json=${results}`, ...more];
  const before = inLayout(entrant.layout);
  try {
    await runChild([...before, "hyperfine", ...flags, words.map(quote).join(" ")], workshop.optionsFor(entrant));
  } catch (error) {
    // hyperfine knows only the exit code: let the runtime say it itself.
    workshop.signal.throwIfAborted();
    await runChild([...before, ...words], workshop.optionsFor(entrant));
    throw error;
  }
  const { results: commandResults } = JSON.parse(readFileSync(results, "utf8")) as { results: { times: number[] }[] };
  return commandResults.flatMap(({ times }) => times.map((seconds) => seconds * 1000));
}

const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** The largest single process of the run; bench/peak-rss.c says why that takes a program of its own. */
async function takePeakRss(workshop: Workshop, entrant: Entrant): Promise<number[]> {
  const helper = await buildHelper(workshop, "peak-rss", []);
  const words = [...inLayout(entrant.layout), helper, ...workshop.runWords(entrant, "true")];
  return [Number(await runChild(words, workshop.optionsFor(entrant)))];
}

/** Calls of the runtime, of all that it starts, and of the container's own /bin/true, which is the same for all. */
async function countSystemCalls(workshop: Workshop, entrant: Entrant): Promise<number[]> {
  const counts = `${workshop.folder}/strace.txt`;
  const strace = ["strace", "--follow-forks", "--summary-only", `--output=${counts}`];
  await runChild([...inLayout(entrant.layout), ...strace, ...workshop.runWords(entrant, "true")], workshop.optionsFor(entrant));
  return [readTotalCalls(readFileSync(counts, "utf8"))];
}

/** The number of calls in the last line of strace's summary: `100.00 0.012 15 773 31 total`. */
export function readTotalCalls(summary: string): number {
  const words = summary.trimEnd().split("\n").at(-1)?.trim().split(/\s+/) ?? [];
  const calls = Number(words[3]);
  if (words.at(-1) !== "total" || !Number.isInteger(calls)) throw new Error(`strace's summary has no total:\n${summary}`);
  return calls;
}

/** The steps of `box plan` for /bin/true: those always made by each actor, and those made only on a condition. */
export type StepCounts = { readonly box: number; readonly stage: number; readonly init: number; readonly onCondition: number };

export async function countSteps(workshop: Workshop, box: Entrant): Promise<StepCounts> {
  const words = [...inLayout(box.layout), box.path, "plan", "--json", "--bundle", workshop.bundle(box.layout, "true"), workshop.id];
  const { steps } = JSON.parse(await runChild(words, workshop.optionsFor(box))) as { steps: { actor: string; when?: string }[] };
  const counts = { box: 0, stage: 0, init: 0, onCondition: 0 };
  for (const { actor, when } of steps) counts[when === undefined ? (actor as "box" | "stage" | "init") : "onCondition"]++;
  return counts;
}
