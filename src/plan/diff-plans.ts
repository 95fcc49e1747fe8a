// Two plans held against each other, step by step: which steps only one of them has. Numbers, and what merely tells where in
// the configuration a step comes from, do not count: those of all later mounts change with one mount more.

import { type ArgKind, syscalls } from "../linux/syscalls.ts";
import { escapeControls } from "../tape/escape-controls.ts";
import { printArg, quote } from "../tape/print.ts";
import type { AnyArg, Step } from "../tape/step.ts";
import type { Plan } from "./plan.ts";
import { headingOf, type ListedStep, listSteps, type PlannedStep, type PluginOf, stepLines } from "./print-plan.ts";

export type Side = { readonly name: string; readonly plan: Plan; readonly pluginOf?: PluginOf };

export type PlanDiff = {
  readonly notes: { readonly removed: readonly string[]; readonly added: readonly string[] };
  readonly changes: readonly Change[];
};

/** `differs`: where the step looks like the one before it that it replaces, in what it is another one. */
export type Change = { readonly change: "removed" | "added"; readonly step: PlannedStep; readonly differs?: readonly string[] };

type Edit = { readonly change: Change["change"]; readonly listed: ListedStep; readonly differs: readonly string[] };

export const isSame = ({ notes, changes }: PlanDiff): boolean => notes.removed.length + notes.added.length + changes.length === 0;

export function diffPlans(from: Side, to: Side): PlanDiff {
  const changes = editsOf(from, to).map(({ change, listed, differs }): Change => {
    const step = listed.shown;
    return differs.length === 0 ? { change, step } : { change, step, differs };
  });
  return { notes: notesOf(from, to), changes };
}

const notesOf = ({ plan: from }: Side, { plan: to }: Side): PlanDiff["notes"] => ({
  removed: from.notes.filter((note) => !to.notes.includes(note)),
  added: to.notes.filter((note) => !from.notes.includes(note)),
});

/** As lines, `-` for what only the first has and `+` for what only the second has; empty when they are the same. */
export function printDiff(from: Side, to: Side): string {
  const notes = notesOf(from, to);
  const lines: string[] = [];
  for (const note of notes.removed) lines.push(`-note: ${escapeControls(note)}`);
  for (const note of notes.added) lines.push(`+note: ${escapeControls(note)}`);
  let title = "";
  for (const { change, listed, differs } of editsOf(from, to)) {
    const heading = headingOf(listed.shown);
    if (heading !== title) lines.push("", heading);
    title = heading;
    const sign = change === "removed" ? "-" : "+";
    const indent = "    ".repeat(listed.depth);
    for (const line of stepLines(listed)) lines.push(`${sign}${line}`);
    for (const line of differs) lines.push(`${sign}      ${indent}  ${escapeControls(line)}`);
  }
  return lines.length === 0 ? "" : [`--- ${from.name}`, `+++ ${to.name}`, ...lines].join("\n");
}

/** What is removed stands before what is added in its place. */
function editsOf(from: Side, to: Side): Edit[] {
  const [before, after] = [listSteps(from.plan, from.pluginOf), listSteps(to.plan, to.pluginOf)];
  const out: Edit[] = [];
  for (const { removed, added } of gapsBetween(before.map(keyOf), after.map(keyOf))) {
    const [gone, come] = [before.slice(...removed), after.slice(...added)];
    for (const listed of gone) out.push({ change: "removed", listed, differs: [] });
    for (const listed of come) {
      const { call, why, when } = listed.shown;
      const lookAlike = gone.find(({ shown }) => shown.call === call && shown.why === why && shown.when === when);
      out.push({ change: "added", listed, differs: lookAlike === undefined ? [] : differences(lookAlike.step, listed.step) });
    }
  }
  return out;
}

/** All that makes a step what it is. A printed call leaves out most of a long list, and all of what bytes hold. */
function keyOf({ shown: { actor, section, text, when, label, goto, ignoresErrors, againOn }, step, depth }: ListedStep): string {
  const { args, expect, equal, failed, explain } = step;
  const flow = [when, label, goto, ignoresErrors, againOn, equal?.value, expect, failed, explain];
  return JSON.stringify([actor, section, depth, text, plain(args), flow]);
}

/** Names instead of places: those of all later variables change with one variable more. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return value;
  const { place: _, ...rest } = value as Record<string, unknown>;
  return Object.fromEntries(Object.entries(rest).map(([key, one]) => [key, plain(one)]));
}

/** What the printed calls of two steps do not show: entries of long lists, contents of bytes. */
function differences(before: Step, after: Step): string[] {
  const out: string[] = [];
  const kinds: readonly ArgKind[] = after.call === "compute" ? [] : syscalls[after.call].args;
  for (const [index, kind] of kinds.entries()) {
    const [old, now] = [before.args[index] as AnyArg, after.args[index] as AnyArg];
    if (JSON.stringify(plain(old)) === JSON.stringify(plain(now))) continue;
    if (kind === "argv" && Array.isArray(old) && Array.isArray(now)) {
      for (const one of old) if (!now.includes(one)) out.push(`without ${quote(one)}`);
      for (const one of now) if (!old.includes(one)) out.push(`with ${quote(one)}`);
    } else if (printArg(old, kind) === printArg(now, kind)) out.push(`argument ${index + 1} has other contents`);
  }
  return out;
}

type Gap = { readonly removed: readonly [from: number, to: number]; readonly added: readonly [from: number, to: number] };

/** What lies between the steps of a longest common subsequence. */
function gapsBetween(before: readonly string[], after: readonly string[]): Gap[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let [endBefore, endAfter] = [before.length, after.length];
  while (endBefore > start && endAfter > start && before[endBefore - 1] === after[endAfter - 1]) {
    endBefore -= 1;
    endAfter -= 1;
  }
  const lengths = commonLengths(before.slice(start, endBefore), after.slice(start, endAfter));
  const width = endAfter - start + 1;
  const gaps: Gap[] = [];
  let [row, column] = [start, start];
  while (row < endBefore || column < endAfter) {
    const [fromRow, fromColumn] = [row, column];
    const common = (): boolean => row < endBefore && column < endAfter && before[row] === after[column];
    const left = (atRow: number, atColumn: number): number => lengths[(atRow - start) * width + atColumn - start] as number;
    while ((row < endBefore || column < endAfter) && !common())
      if (column >= endAfter || (row < endBefore && left(row + 1, column) >= left(row, column + 1))) row += 1;
      else column += 1;
    if (row > fromRow || column > fromColumn) gaps.push({ removed: [fromRow, row], added: [fromColumn, column] });
    while (common()) {
      row += 1;
      column += 1;
    }
  }
  return gaps;
}

/** How many steps the rests from each pair of places on have in common, row by row. */
function commonLengths(before: readonly string[], after: readonly string[]): Uint32Array {
  const width = after.length + 1;
  const lengths = new Uint32Array((before.length + 1) * width);
  for (let row = before.length - 1; row >= 0; row--)
    for (let column = after.length - 1; column >= 0; column--) {
      const at = row * width + column;
      lengths[at] =
        before[row] === after[column]
          ? (lengths[at + width + 1] as number) + 1
          : Math.max(lengths[at + width] as number, lengths[at + 1] as number);
    }
  return lengths;
}
