// npm run bench: box beside runc, crun and bubblewrap. The machine is never quiet, so only ratios within one run count:
// round after round, each a few runs of every runtime in a row, and medians over all rounds. Prints a table and writes
// bench/latest.json. It judges box against its targets but does not fail when one is missed.

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { runChild } from "./bench-child.ts";
import { findEntrants, findRuntimes, messageOf, type Notes, readVersions } from "./bench-entrants.ts";
import { countSteps, type Measure, type MeasureName, measureNames, measures, type StepCounts, type Taken } from "./bench-measures.ts";
import { makeReport, printReport, type Report, type Samples } from "./bench-report.ts";
import { type Entrant, type Layout, layoutsHere, layoutTitles, type RuntimeName, Workshop } from "./bench-workshop.ts";

const repository = new URL("..", import.meta.url).pathname;

const usage = `usage: npm run bench -- [flags]

  --rounds N   rounds to go (default 10)
  --quick      one round of three runs, without what takes long: enough to see that it works, not to judge
  --only NAME  one of ${[...measuredNames(), "steps"].join(", ")}
  --output F   where to write the figures (default bench/latest.json)

BOX_BINARY names the box to measure (default dist/box).`;

type Wishes = { rounds: number; runs: number; quick: boolean; only: MeasureName | "steps" | undefined; output: string };

/** What can be measured by itself. */
function measuredNames(): MeasureName[] {
  return measureNames.filter((name) => measureOf(name) !== undefined);
}

/** undefined for a part of another. */
function measureOf(name: MeasureName): Measure | undefined {
  const measure = measures[name];
  return "take" in measure ? measure : undefined;
}

function parseWishes(argv: readonly string[]): Wishes | "help" {
  const wishes: Wishes = { rounds: 10, runs: 5, quick: false, only: undefined, output: `${repository}bench/latest.json` };
  const words = [...argv];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === "--help") return "help";
    if (word === "--quick") Object.assign(wishes, { rounds: 1, runs: 3, quick: true });
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
  const names = [...measuredNames(), "steps"] as const;
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
  const asTheyAre = runtimes.map((runtime): Entrant => ({ ...runtime, layout: "host", environment: {} }));
  const anywhere = measuredNames().filter((name) => measureOf(name)?.anywhere === true);
  for (const name of anywhere) if ((wishes.only ?? name) === name) races.push(new Race(name, "host", asTheyAre));
  const steps: Report["steps"] = {};
  if (process.getuid?.() !== 0) notes.leftOut.push("all but --version and plans: containers from the default spec need root");
  else if (wishes.only === undefined || !anywhere.some((name) => name === wishes.only)) {
    const layouts = layoutsHere();
    await workshop.makeBundles(runtimes[0], layouts);
    for (const layout of layouts) {
      const entrants = await findEntrants(workshop, runtimes, layout, notes);
      const box = entrants.find(({ name }) => name === "box");
      if (box === undefined) throw new Error(`nothing to compare: ${notes.leftOut.join("\n")}`);
      const counts = (wishes.only ?? "steps") === "steps" ? await readSteps(workshop, box, notes) : undefined;
      if (counts !== undefined) steps[layout] = counts;
      for (const name of measuredNames()) {
        if (anywhere.includes(name) || (wishes.only ?? name) !== name) continue;
        if (wishes.quick && wishes.only === undefined && measureOf(name)?.long === true) continue;
        races.push(new Race(name, layout, entrants));
      }
    }
  }
  const { rounds, runs } = wishes;
  await goRounds(workshop, races.filter(hasTool(notes)), rounds, runs, notes);
  return makeReport({ samples: races.flatMap((race) => race.samples()), notes, versions, steps, rounds, runsPerRound: runs });
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

/** One row of the table while it is being measured, with those of its parts. */
class Race {
  readonly name: MeasureName;
  readonly measure: Measure;
  readonly layout: Layout;
  entrants: readonly Entrant[];
  readonly #values = new Map<MeasureName, Map<RuntimeName, number[]>>();

  constructor(name: MeasureName, layout: Layout, entrants: readonly Entrant[]) {
    const measure = measureOf(name);
    if (measure === undefined) throw new Error(`${name} is part of another measure`);
    this.name = name;
    this.measure = measure;
    this.layout = layout;
    const able = measure.boxAlone === true ? entrants.filter((one) => one.name === "box") : entrants;
    this.entrants = measure.lives === true ? able.filter((one) => one.name !== "bubblewrap") : able;
    this.#values.set(name, new Map());
    for (const part of measureNames) if ("partOf" in measures[part] && measures[part].partOf === name) this.#values.set(part, new Map());
  }

  add({ name }: Entrant, taken: Taken): void {
    const byMeasure: Readonly<Record<string, readonly number[]>> = Array.isArray(taken) ? { [this.name]: taken } : (taken as never);
    for (const [measure, values] of this.#values) values.set(name, [...(values.get(name) ?? []), ...(byMeasure[measure] ?? [])]);
  }

  /** It takes no part any more, and what was measured of it does not count. */
  remove(entrant: Entrant): void {
    for (const values of this.#values.values()) values.delete(entrant.name);
    this.entrants = this.entrants.filter((one) => one !== entrant);
  }

  samples(): Samples[] {
    return [...this.#values].map(([measure, values]) => ({ measure, layout: this.layout, values }));
  }
}

const hasTool =
  (notes: Notes) =>
  ({ name, measure: { tool } }: Race): boolean => {
    if (tool === undefined || Bun.which(tool.executable) !== null) return true;
    const text = `${name}: ${tool.executable} is not installed (Debian package ${tool.debianPackage})`;
    if (!notes.leftOut.includes(text)) notes.leftOut.push(text);
    return false;
  };

async function goRounds(workshop: Workshop, races: readonly Race[], rounds: number, runs: number, notes: Notes): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const race of races) {
      const { take, mostRounds } = race.measure;
      if (round >= mostRounds) continue;
      // There and back, so that nobody always comes after the same one.
      for (const entrant of round % 2 === 0 ? race.entrants : race.entrants.toReversed()) {
        try {
          race.add(entrant, await take(workshop, entrant, runs));
        } catch (error) {
          workshop.signal.throwIfAborted();
          await workshop.removeContainers(entrant);
          race.remove(entrant);
          notes.leftOut.push(`${entrant.name}, ${layoutTitles[race.layout]}, ${race.name}: ${messageOf(error)}`);
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
