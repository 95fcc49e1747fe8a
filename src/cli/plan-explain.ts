// box plan --explain N: one step in full.

import { BoxError } from "../errors.ts";
import { writeLine } from "../execute/write-line.ts";
import { type Described, describeStep } from "../plan/describe-step.ts";
import { headingOf, listSteps } from "../plan/print-plan.ts";
import { escapeControls } from "../tape/escape-controls.ts";
import type { Planned } from "./plan.ts";
import { valueAt } from "./spec-origins.ts";

type Explained = Described & {
  /** What the configuration has at the step's origin, where that is a part of it. */
  readonly value?: unknown;
  /** Where a person wrote it: `box.yaml:3:5: mounts[0]`. */
  readonly place?: string;
};

/** `wanted`: the number as it was given. */
export function printStepInFull({ plan, pluginOf, loaded }: Planned, wanted: string, asJson: boolean): void {
  const all = listSteps(plan, pluginOf);
  const found = /^\d{1,9}$/.test(wanted) ? all[Number(wanted) - 1] : undefined;
  if (found === undefined)
    throw new BoxError({ origin: "--explain", what: `expected the number of a step, 1 to ${all.length}, got ${JSON.stringify(wanted)}` });
  const { origin } = found.shown;
  const value = valueAt(loaded.container.spec, origin);
  const place = loaded.locate?.(origin);
  const explained: Explained = {
    ...describeStep(found, all),
    ...(value === undefined ? {} : { value }),
    ...(place === undefined || place === origin ? {} : { place }),
  };
  writeLine(asJson ? JSON.stringify(explained, null, 2) : textOf(explained));
}

function textOf({ step, of, does, page, arguments: args, result, errors, undo, value, place }: Explained): string {
  const origin = place ?? step.origin;
  const lines = [
    `step ${step.number} of ${of}, ${headingOf(step)}`,
    ...(step.of === undefined ? [] : [`only on ${step.when} of step ${step.of}`]),
    "",
    `  ${step.text}`,
    "",
    ...part("call", [does, ...(page === undefined ? [] : [`man 2 ${page.slice(0, -3)}`])]),
    ...args.flatMap(({ name, value: printed, meaning }) => part(name, [printed, ...meaning.map((line) => `  ${line}`)])),
    ...part("result", result),
    ...part("on error", errors),
    ...part("origin", [origin, ...(value === undefined ? [] : [`  ${shorten(JSON.stringify(value))}`])]),
    ...part("why", [step.why]),
    ...(undo.length === 0 ? [] : part("undo", undo)),
  ];
  return lines.map(escapeControls).join("\n");
}

const part = (name: string, [first = "", ...rest]: readonly string[]): string[] => [
  `${name.padEnd(NAME_WIDTH)}${first}`,
  ...rest.map((line) => " ".repeat(NAME_WIDTH) + line),
];

const NAME_WIDTH = 14;
const VALUE_MAX = 400;

const shorten = (text: string): string => (text.length <= VALUE_MAX ? text : `${text.slice(0, VALUE_MAX)}… (${text.length} characters)`);
