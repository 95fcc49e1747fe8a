// What the steps of a program that the front runs have in common: src/plan/exec-at-front.ts, src/plan/front-conditions.ts.

import { RESTORE_ADDRESS } from "../front/layout.ts";
import { wordOf } from "../front/shared-words.ts";
import { type ComputeArg, compute, type Slot, type Step } from "../tape/step.ts";

export const origin = "front";

/** The front's words, as slots of a tape that is mapped where it goes on with one. */
export const word = wordOf(RESTORE_ADDRESS);

/** Stops the tape. */
export const refuse = (why: string): Step => compute([0, 0, 1, -1], origin, why);
export const go = (label: string): Step => compute([0, 0, 0, 0], origin, "go on", { goto: label });
/** A step that does nothing, for others to lead to. */
export const here = (label: string, why: string): Step => compute([0, 0, 0, 0], origin, why, { label });
export const set = (value: ComputeArg, out: Slot, why: string): Step => compute([value, 0, 0, -1], origin, why, { out });
