// npm run bench: box beside runc, crun and bubblewrap. The machine is never quiet, so only ratios within one run count:
// round after round, each a few runs of every runtime in a row, and medians over all rounds. Prints a table and writes
// bench/latest.json. It judges box against its targets but does not fail when one is missed.

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { runChild } from "./bench-child.ts";
import { findEntrants, findRuntimes, messageOf, type Notes, readVersions } from "./bench-entrants.ts";
import { countSteps, type Measure, type MeasureName, measureNames, measures, type StepCounts } from "./bench-measures.ts";
import { makeReport, printReport, type Report, type Samples } from "./bench-report.ts";
import { type Entrant, type Layout, layoutsHere, layoutTitles, type RuntimeName, Workshop } from "./bench-workshop.ts";

const repository = new URL("..", import.meta.url).pathname;

const usage = `usage: npm run bench -- [flags]

  --rounds N   rounds to go (default 10)
  --quick      two rounds of three runs: enough to see that it works, not to judge
  --only NAME  one of ${[...measureNames, "steps"].join(", ")}
  --output F   where to write the figures (default bench/latest.json)

BOX_BINARY names the box to measure (default dist/box).`;

type Wishes = { rounds: number; runs: number; only: MeasureName | "steps" | undefined; output: string };

function parseWishes(argv: readonly string[]): Wishes | "help" {
  const wishes: Wishes = { rounds: 10, runs: 5, only: undefined, output: `${repository}bench/latest.json` };
  const words = [...argv];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === "--help") return "help";
    if (word === "--quick") Object.assign(wishes, { rounds: 2, runs: 3 });
    else if (word === "--rounds") wishes.rounds = parseRounds(words.shift());
    else if (word === "--only") wishes.only = parseName(words.shift());
    else if (word === "--output") wishes.output = parseFile(words.shift());
    else throw new Error(`unknown flag ${word} (--help lists them)`);
  }
  return wishes;
}

function parseRounds(word: string | undefined): number {
  if (word === undefined || !/^[1-9]\d{0,3}$/.test(word))
    throw new Error(`--rounds: expected a number from 1 to 9999, got ${word ?? "nothing"}`);
  return Number(word);
}

function parseName(word: string | undefined): MeasureName | "steps" {
  const names = [...measureNames, "steps"] as const;
  const name = names.find((one) => one === word);
  if (name === undefined) throw new Error(`--only: expected one of ${names.join(", ")}, got ${word ?? "nothing"}`);
  return name;
}

function parseFile(word: string | undefined): string {
  if (word === undefined || word === "") throw new Error("--output: expected a file, got nothing");
  return word;
}

/** Measures everything that was wished for. */
async function bench(wishes: Wishes, signal: AbortSignal): Promise<Report> {
  const binary = process.env.BOX_BINARY ?? `${repository}dist/box`;
  if (!existsSync(binary)) throw new Error(`${binary} is missing: npm run build makes it`);
  const notes: Notes = { leftOut: [], remarks: [] };
  await using workshop = new Workshop(signal);
  const runtimes = findRuntimes(workshop, binary, notes);
  const versions: Report["versions"] = await readVersions(runtimes, signal);
  if (Bun.which("hyperfine") !== null) versions.hyperfine = (await runChild(["hyperfine", "--version"])).trim().split(" ").at(-1) ?? "";
  const races: Race[] = [];
  if (wishes.only === undefined || wishes.only === "version") {
    const asTheyAre = runtimes.map((runtime): Entrant => ({ ...runtime, layout: "host", environment: {} }));
    races.push(new Race("version", "host", asTheyAre));
  }
  const steps: Report["steps"] = {};
  if (process.getuid?.() !== 0) notes.leftOut.push("all but --version: containers from the default spec need root");
  else if (wishes.only !== "version") {
    const layouts = layoutsHere();
    await workshop.makeBundles(runtimes[0], layouts);
    for (const layout of layouts) {
      const entrants = await findEntrants(workshop, runtimes, layout, notes);
      const box = entrants.find(({ name }) => name === "box");
      if (box === undefined) throw new Error(`nothing to compare: ${notes.leftOut.join("\n")}`);
      const counts = (wishes.only ?? "steps") === "steps" ? await readSteps(workshop, box, notes) : undefined;
      if (counts !== undefined) steps[layout] = counts;
      for (const name of measureNames) {
        if (name !== "version" && (wishes.only ?? name) === name) races.push(new Race(name, layout, entrants));
      }
    }
  }
  const { rounds, runs } = wishes;
  await goRounds(workshop, races.filter(hasTool(notes)), rounds, runs, notes);
  return makeReport({ samples: races, notes, versions, steps, rounds, runsPerRound: runs });
}

async function readSteps(workshop: Workshop, box: Entrant, notes: Notes): Promise<StepCounts | undefined> {
  try {
    return await countSteps(workshop, box);
  } catch (error) {
    workshop.signal.throwIfAborted();
    notes.leftOut.push(`box, ${layoutTitles[box.layout]}, steps: ${messageOf(error)}`);
    return undefined;
  }
}

/** One row of the table while it is being measured. */
class Race implements Samples {
  readonly measure: MeasureName;
  readonly layout: Layout;
  readonly values = new Map<RuntimeName, number[]>();
  entrants: readonly Entrant[];

  constructor(measure: MeasureName, layout: Layout, entrants: readonly Entrant[]) {
    this.measure = measure;
    this.layout = layout;
    this.entrants = entrants;
  }
}

const hasTool =
  (notes: Notes) =>
  ({ measure }: Race): boolean => {
    const { tool }: Measure = measures[measure];
    if (tool === undefined || Bun.which(tool.executable) !== null) return true;
    const text = `${measure}: ${tool.executable} is not installed (Debian package ${tool.debianPackage})`;
    if (!notes.leftOut.includes(text)) notes.leftOut.push(text);
    return false;
  };

async function goRounds(workshop: Workshop, races: readonly Race[], rounds: number, runs: number, notes: Notes): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const race of races) {
      const { take, mostRounds }: Measure = measures[race.measure];
      if (round >= mostRounds) continue;
      // There and back, so that nobody always comes after the same one.
      for (const entrant of round % 2 === 0 ? race.entrants : race.entrants.toReversed()) {
        try {
          const values = await take(workshop, entrant, runs);
          race.values.set(entrant.name, [...(race.values.get(entrant.name) ?? []), ...values]);
        } catch (error) {
          workshop.signal.throwIfAborted();
          await workshop.removeContainers(entrant);
          race.values.delete(entrant.name);
          race.entrants = race.entrants.filter((one) => one !== entrant);
          notes.leftOut.push(`${entrant.name}, ${layoutTitles[race.layout]}, ${race.measure}: ${messageOf(error)}`);
        }
      }
    }
  }
}

async function main(): Promise<number> {
  const wishes = parseWishes(process.argv.slice(2));
  if (wishes === "help") {
    console.log(usage);
    return 0;
  }
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(name, () => stop.abort(new Error(`ended by ${name}`)));
  const report = await bench(wishes, stop.signal);
  console.log(printReport(report));
  mkdirSync(dirname(wishes.output), { recursive: true });
  writeFileSync(wishes.output, `${JSON.stringify(report, null, 2)}\n`);
  console.log(`written to ${wishes.output}`);
  return 0;
}

if (import.meta.main) {
  try {
    process.exitCode = await main();
  } catch (error) {
    console.error(`bench: ${messageOf(error)}`);
    process.exitCode = 1;
  }
}
