import { describe, expect, test } from "bun:test";
import { printStep } from "../../src/tape/print.ts";
import { address, compute, newBuffer, newSlot, newVariables, slotIn, type Step, step, type Variables } from "../../src/tape/step.ts";
import { planNames, planOf, tapesOf } from "./plans.ts";
import { proveSlots, type Tape } from "./prove-slots.ts";

/** Faults and unreachable steps as lines. */
function prove(tape: Tape): string[] {
  const { faults, unreachable } = proveSlots(tape);
  return [
    ...faults.map(({ step, slot, fault }) => `${printStep(step)}: ${slot}: ${fault}`),
    ...unreachable.map((step) => `${printStep(step)}: unreachable`),
  ];
}

describe.each(planNames)("every descriptor is there when it is used: %s", (name) => {
  const tapes = tapesOf(planOf(name, "x64"));

  test("box's tape", () => {
    const { lists, ...tape } = tapes.box;
    expect(prove({ ...tape, steps: lists.flat() })).toEqual([]);
  });

  test("the child's tape", () => {
    const { lists, ...tape } = tapes.child;
    const [steps = [], context = [], program = []] = lists;
    expect(prove({ ...tape, steps, explanations: { context, program } })).toEqual([]);
  });

  test("the supervisor's tape", () => {
    const { lists, ...tape } = tapes.supervisor;
    const [steps = [], failureList = []] = lists;
    expect(prove({ ...tape, steps, failureList })).toEqual([]);
  });
});
