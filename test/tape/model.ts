// What a list of steps does, by the words of step.ts and nothing else: the encoder is measured by it. Its calls are
// make-believe: each is told beforehand whether it succeeds, with which result, and with which errno it fails.

import type { Errno } from "../../src/linux/errno.ts";
import type { EncodeOptions } from "../../src/tape/encode.ts";
import type { Step } from "../../src/tape/step.ts";

export type Fate = { readonly result: number; readonly says?: string } | { readonly errno: Errno };
/** How a tape ended, and what its calls wrote until then. */
export type End = { readonly written: string; readonly failed?: Step; readonly errno?: Errno };

type Left = { readonly goto: string } | undefined;

class Failed {
  readonly step: Step;
  readonly errno: Errno;
  constructor(step: Step, errno: Errno) {
    this.step = step;
    this.errno = errno;
  }
}

/** A failure that another list explains: nothing around it hears of it. */
class Explained {
  readonly list: number;
  constructor(list: number) {
    this.list = list;
  }
}

export function runModel(lists: readonly (readonly Step[])[], options: EncodeOptions, fates: ReadonlyMap<Step, Fate>): End {
  let written = "";
  const fail = (step: Step, name: Errno): never => {
    const list = step.explain === undefined ? undefined : options.explanations?.[step.explain];
    throw list === undefined ? new Failed(step, name) : new Explained(list);
  };

  const runList = (steps: readonly Step[]): Left => {
    for (const step of steps) {
      const left = runStep(step);
      if (left !== undefined) return left;
    }
    return undefined;
  };

  const runStep = (step: Step): Left => {
    const fate = fates.get(step) as Fate;
    const go: Left = step.goto === undefined ? undefined : { goto: step.goto };
    if ("errno" in fate) return afterError(step, fate.errno, go);
    written += fate.says ?? "";
    if (step.equal?.value === fate.result) return afterEqual(step.equal);
    if (step.expect !== undefined && step.expect.value !== fate.result) return fail(step, "EPERM");
    return go ?? runList(step.ok ?? []);
  };

  const afterEqual = ({ steps, onFailure = [] }: NonNullable<Step["equal"]>): Left => {
    try {
      return runList(steps);
    } catch (error) {
      if (!(error instanceof Failed) || onFailure.length === 0) throw error;
    }
    return runList(onFailure);
  };

  const afterError = (step: Step, name: Errno, go: Left): Left => {
    if (step.onError === "ignore") return go;
    const table = typeof step.onError === "object" ? step.onError : [];
    const [, alternative, fallback] = table.find(([one]) => one === name) ?? [];
    if (alternative === undefined) return fail(step, name);
    if (alternative === "again") throw new Error("the model makes no call twice");
    try {
      return runList(alternative);
    } catch (error) {
      if (!(error instanceof Failed) || fallback === undefined) throw error;
      return fail(step, name);
    }
  };

  const runWhole = (steps: readonly Step[]): void => {
    let from = 0;
    for (;;) {
      const left = runList(steps.slice(from));
      if (left === undefined) return;
      from = steps.findIndex(({ label }) => label === left.goto);
    }
  };

  const run = (list: number): End => {
    try {
      runWhole(lists[list] as readonly Step[]);
      return { written };
    } catch (error) {
      if (error instanceof Explained) return run(error.list);
      if (!(error instanceof Failed)) throw error;
      if (options.failureList === undefined || options.failureList === list) return { written, failed: error.step, errno: error.errno };
      return run(options.failureList);
    }
  };
  return run(0);
}
