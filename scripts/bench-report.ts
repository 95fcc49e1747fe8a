// The figures as data and as text: medians, ratios against each peer, and the targets they are held to.

import { cpus, release, totalmem } from "node:os";
import type { Notes } from "./bench-entrants.ts";
import { type MeasureName, measures, type StepCounts } from "./bench-measures.ts";
import { type Layout, layoutTitles, type RuntimeName, runtimeNames } from "./bench-workshop.ts";

export type Samples = {
  readonly measure: MeasureName;
  readonly layout: Layout;
  readonly values: ReadonlyMap<RuntimeName, readonly number[]>;
};

type Peer = Exclude<RuntimeName, "box">;
type RatioName = `box/${Peer}`;
const peers = runtimeNames.filter((name) => name !== "box") as Peer[];

export type Row = {
  readonly measure: MeasureName;
  readonly layout: Layout;
  readonly unit: string;
  readonly medians: Partial<Record<RuntimeName, number>>;
  /** box's median divided by the peer's, where both have one. */
  readonly ratios: Partial<Record<RatioName, number>>;
};

export type Target = {
  readonly measure: MeasureName;
  /** `box` by itself: the figure in the row's own unit. */
  readonly ratio: RatioName | "box";
  readonly layout: Layout;
  readonly limit: number;
  readonly value: number;
  readonly met: boolean;
};

export type Report = {
  readonly date: string;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memoryBytes: number; readonly architecture: string };
  readonly kernel: string;
  readonly versions: Partial<Record<RuntimeName | "hyperfine", string>>;
  readonly rounds: number;
  readonly runsPerRound: number;
  readonly rows: readonly Row[];
  readonly targets: readonly Target[];
  readonly steps: Partial<Record<Layout, StepCounts>>;
  readonly leftOut: readonly string[];
  readonly remarks: readonly string[];
};

type Limits = Partial<Record<Target["ratio"], number>>;
const ofRun: Limits = { "box/runc": 0.4, "box/crun": 1.25 };
const ofOthers: Limits = { "box/runc": 0.6 };

/** Limits of box's time as a multiple of the peer's, or of itself where no peer has the like. */
const limits: Partial<Record<MeasureName, Limits>> = {
  plan: { box: 3 },
  first: ofRun,
  run: ofRun,
  plugins: { box: 2 },
  podman: ofOthers,
  exec: { "box/runc": 0.6, "box/crun": 1.25 },
  life: ofOthers,
  create: ofOthers,
  start: ofOthers,
  state: ofOthers,
  kill: ofOthers,
  delete: ofOthers,
  hundred: ofOthers,
  list: ofOthers,
};

export type Findings = Pick<Report, "versions" | "rounds" | "runsPerRound" | "steps"> & { samples: readonly Samples[]; notes: Notes };

export function makeReport({ samples, notes, ...findings }: Findings): Report {
  const rows = samples.filter(({ values }) => values.size > 0).map(makeRow);
  return {
    date: new Date().toISOString(),
    machine: { cpu: cpus()[0]?.model ?? "unknown", cores: cpus().length, memoryBytes: totalmem(), architecture: process.arch },
    kernel: release(),
    ...findings,
    rows,
    targets: rows.flatMap(judge),
    ...notes,
  };
}

export function makeRow({ measure, layout, values }: Samples): Row {
  const medians: Row["medians"] = {};
  for (const [name, all] of values) medians[name] = round(median(all), 3);
  const ratios: Row["ratios"] = {};
  for (const peer of peers) {
    const [ours, theirs] = [medians.box, medians[peer]];
    if (ours !== undefined && theirs !== undefined && theirs > 0) ratios[`box/${peer}`] = round(ours / theirs, 3);
  }
  return { measure, layout, unit: measures[measure].unit, medians, ratios };
}

/** The middle value, or the mean of the two middle ones. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  if (upper === undefined || lower === undefined) throw new Error("no value has no median");
  return (lower + upper) / 2;
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits));

function judge({ measure, layout, ratios, medians }: Row): Target[] {
  const figures: Partial<Record<Target["ratio"], number>> = { ...ratios, ...(medians.box === undefined ? {} : { box: medians.box }) };
  return Object.entries(figures).flatMap(([name, value]) => {
    const ratio = name as Target["ratio"];
    const limit = limits[measure]?.[ratio];
    return limit === undefined ? [] : [{ measure, ratio, layout, limit, value, met: value <= limit }];
  });
}

/** The report for a terminal, without a newline at the end. */
export function printReport(report: Report): string {
  const { rows, targets, steps, leftOut, remarks, machine, kernel, rounds, runsPerRound } = report;
  const versions = Object.entries(report.versions).map(([name, version]) => `${name} ${version}`);
  const lines = [
    versions.join(", "),
    `Linux ${kernel}, ${machine.architecture}, ${machine.cores} × ${machine.cpu}`,
    `medians of ${rounds} interleaved rounds, times of ${runsPerRound} runs each`,
    "",
    ...printTable(rows),
    "",
  ];
  for (const { measure, ratio, layout, limit, value, met } of targets) {
    lines.push(
      `target: ${titleOf(measure, layout)}: ${ratio} at most ${limit}${unitOf(measure, ratio)}, is ${value}: ${met ? "met" : "missed"}`,
    );
  }
  for (const [layout, { box, stage, init, onCondition }] of Object.entries(steps)) {
    const all = box + stage + init;
    const title = layoutTitles[layout as Layout];
    lines.push(`steps of box's plan, ${title}: ${all} (box ${box}, stage ${stage}, init ${init}), and ${onCondition} only on a condition`);
  }
  lines.push(...leftOut.map((text) => `left out: ${text}`), ...remarks.map((text) => `note: ${text}`));
  return lines.join("\n").trimEnd();
}

const unitOf = (measure: MeasureName, ratio: Target["ratio"]): string => (ratio === "box" ? ` ${measures[measure].unit}` : "");

/** Some things are the same wherever the cgroups are. */
function titleOf(name: MeasureName, layout: Layout): string {
  const measure = measures[name];
  return "anywhere" in measure ? measure.title : `${measure.title}, ${layoutTitles[layout]}`;
}

function printTable(rows: readonly Row[]): string[] {
  const header = ["", ...runtimeNames, ...peers.map((peer) => `box/${peer}`)];
  const body = rows.map(({ measure, layout, unit, medians, ratios }) => [
    `${titleOf(measure, layout)}, ${unit}`,
    ...runtimeNames.map((name) => cell(medians[name], unit === "ms" ? 1 : 0)),
    ...peers.map((peer) => cell(ratios[`box/${peer}`], 2)),
  ]);
  const table = [header, ...body];
  const widths = header.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const pad = (text: string, column: number): string => (column === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[column] ?? 0));
  return table.map((row) => row.map(pad).join("  ").trimEnd());
}

const cell = (value: number | undefined, digits: number): string => (value === undefined ? "–" : value.toFixed(digits));
