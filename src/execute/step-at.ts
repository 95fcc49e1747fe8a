// From a record's address to the step that it belongs to and what led there. The words for an error are blame.ts's.

import type { Encoded } from "../tape/encode.ts";
import { record } from "../tape/layout.ts";
import type { Step } from "../tape/step.ts";

export type Failed = {
  readonly step: Step;
  /** Positive. */
  readonly errno: number;
  /** What the child fetched about it: a mount context's message or the head of a script. */
  readonly explanation: string;
  /** The path of the program, for an execve. */
  readonly program?: string | undefined;
  /** The steps that led to it in the same tape, oldest first. */
  readonly before: readonly Step[];
  /** The call itself went well, but its result was not the one that the step expects. */
  readonly refused: boolean;
};

/** The step that a record's address belongs to; undefined for an address that is none (the child's memory is untrusted). */
export function stepAt(encoded: Encoded, address: number): Pick<Failed, "step" | "before" | "refused"> | undefined {
  const index = (address - encoded.recordsAddress) / record.bytes;
  const step = Number.isInteger(index) ? encoded.owners[index] : undefined;
  if (step === undefined) return undefined;
  const before: Step[] = [];
  for (const list of encoded.lists) if (leadsTo(step, list, before)) break;
  // A step that expects a result is two records at its start: the call, and the comparison (encode.ts, writeNext).
  const refused = step.call === "compute" || (encoded.owners[index - 1] === step && encoded.owners[index - 2] !== step);
  const calls = before.filter(({ call }) => call !== "compute").slice(-flightSteps);
  return { step, before: calls, refused: step.expect !== undefined && refused };
}

/** Whether `steps` hold `wanted`; then `before` gets what ran before it, and not the branches that were not taken. */
function leadsTo(wanted: Step, steps: readonly Step[], before: Step[]): boolean {
  const own = before.length;
  for (const one of steps) {
    if (one === wanted) return true;
    before.push(one);
    for (const branch of branchesOf(one)) if (leadsTo(wanted, branch, before)) return true;
  }
  before.length = own;
  return false;
}

const branchesOf = ({ ok, equal, onError }: Step): readonly (readonly Step[])[] => [
  ok ?? [],
  equal?.steps ?? [],
  equal?.onFailure ?? [],
  ...(typeof onError === "object" ? onError.map(([, alternative]) => (alternative === "again" ? [] : alternative)) : []),
];

/** How many steps before the failed one the flight record shows. */
const flightSteps = 5;
