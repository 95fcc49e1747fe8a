// What is measured, one function for each row of the table. Each takes a few samples of one entrant; bench.ts goes round
// the entrants and back, so that a busy moment of the machine falls on all of them.

import { readdirSync, readFileSync } from "node:fs";
import { Child, runChild } from "./bench-child.ts";
import { buildHelper } from "./bench-entrants.ts";
import { commands, type Entrant, inLayout, type Workshop } from "./bench-workshop.ts";

export type Measure = {
  readonly title: string;
  readonly unit: "ms" | "KiB" | "calls";
  /** Rounds that are enough for what hardly varies from run to run. */
  readonly mostRounds: number;
  /** What it measures with, if that is another program. */
  readonly tool?: { readonly executable: string; readonly debianPackage: string };
  /** Samples in `unit`; `runs` says how many runs one visit is worth where a single one is short. */
  readonly take: (workshop: Workshop, entrant: Entrant, runs: number) => Promise<number[]>;
};

const hyperfine = { executable: "hyperfine", debianPackage: "hyperfine" };

export const measures = {
  version: { title: "--version", unit: "ms", mostRounds: Number.POSITIVE_INFINITY, tool: hyperfine, take: timeVersion },
  // Box keeps what it has compiled of a container that starts again; the first start has nothing to begin from.
  first: { title: "first run of /bin/true", unit: "ms", mostRounds: Number.POSITIVE_INFINITY, tool: hyperfine, take: timeFirstRun },
  run: { title: "run of /bin/true again", unit: "ms", mostRounds: Number.POSITIVE_INFINITY, tool: hyperfine, take: timeRun },
  rss: { title: "peak RSS of that run", unit: "KiB", mostRounds: 5, tool: { executable: "cc", debianPackage: "gcc" }, take: takePeakRss },
  held: { title: "PSS held while it sleeps", unit: "KiB", mostRounds: 3, take: takeHeldPss },
  syscalls: {
    title: "system calls of that run",
    unit: "calls",
    mostRounds: 3,
    tool: { executable: "strace", debianPackage: "strace" },
    take: countSystemCalls,
  },
} as const satisfies Record<string, Measure>;

export type MeasureName = keyof typeof measures;
export const measureNames = Object.keys(measures) as MeasureName[];

function timeVersion(workshop: Workshop, entrant: Entrant, runs: number): Promise<number[]> {
  return timeWords(workshop, entrant, [entrant.path, "--version"], runs);
}

function timeRun(workshop: Workshop, entrant: Entrant, runs: number): Promise<number[]> {
  return timeWords(workshop, entrant, workshop.runWords(entrant, "true"), runs);
}

function timeFirstRun(workshop: Workshop, entrant: Entrant, runs: number): Promise<number[]> {
  const forget = ["rm", "-rf", `${workshop.stateFolder(entrant.name)}/.kept`];
  return timeWords(workshop, entrant, workshop.runWords(entrant, "true"), runs, [`--prepare=${forget.map(quote).join(" ")}`]);
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

const SETTLED_KIB = 64;
const SETTLED_LOOKS = 5;
const LOOK_MS = 20;
const READY_LIMIT_MS = 10_000;

/** What a foreground run keeps of the host's memory: all its processes but the container's own command. */
async function takeHeldPss(workshop: Workshop, entrant: Entrant): Promise<number[]> {
  const words = [...inLayout(entrant.layout), ...workshop.runWords(entrant, "sleep")];
  using child = new Child(words, workshop.optionsFor(entrant));
  let last = Number.NaN;
  let steady = 0;
  const limit = performance.now() + READY_LIMIT_MS;
  // The runtime may still be giving memory back when the command is seen, and the figure moves a little with every process
  // on the machine that shares a library: so wait until it stays about the same.
  while (steady < SETTLED_LOOKS) {
    if (child.process.exitCode !== null) await child.succeed();
    if (performance.now() > limit) throw new Error(`${commands.sleep.join(" ")} did not come to rest within ${READY_LIMIT_MS / 1000} s`);
    await Bun.sleep(LOOK_MS);
    const { command, others } = processesOf(child.process.pid);
    if (command === undefined) continue;
    const pss = others.reduce((sum, pid) => sum + readPss(pid), 0);
    steady = Math.abs(pss - last) <= SETTLED_KIB ? steady + 1 : 0;
    last = pss;
  }
  const { command } = processesOf(child.process.pid);
  if (command === undefined) throw new Error("the container ended before its memory was read");
  process.kill(command, "SIGKILL");
  await child.end();
  return [last];
}

/** The container's command, once it runs, and the other processes from `ancestor` down. */
function processesOf(ancestor: number): { command: number | undefined; others: number[] } {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    const parent = Number.isInteger(pid) ? /^PPid:\s+(\d+)$/m.exec(readOrEmpty(`/proc/${pid}/status`))?.[1] : undefined;
    if (parent !== undefined) children.set(Number(parent), [...(children.get(Number(parent)) ?? []), pid]);
  }
  const below = (pid: number): number[] => [pid, ...(children.get(pid) ?? []).flatMap(below)];
  const all = below(ancestor);
  const command = all.find((pid) => readOrEmpty(`/proc/${pid}/cmdline`) === `${commands.sleep.join("\0")}\0`);
  return { command, others: all.filter((pid) => pid !== command) };
}

/** Proportional set size: memory shared with others is counted by its share. */
const readPss = (pid: number): number => Number(/^Pss:\s+(\d+) kB$/m.exec(readOrEmpty(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // A process may end between the look at /proc and this one.
    return "";
  }
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
