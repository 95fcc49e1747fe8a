// What the steps of tapes that the front runs have in common: commands.ts, src/plan/exec-at-front.ts, src/plan/front-conditions.ts.

import { structFields } from "../linux/structs.ts";
import { type Buffer, type ComputeArg, compute, type Slot, type Step, slotIn } from "../tape/step.ts";
import { RESTORE_ADDRESS } from "./layout.ts";
import { wordOf } from "./shared-words.ts";

export const origin = "front";

/** The front's words, as slots of a tape that is mapped where it goes on with one. */
export const word = wordOf(RESTORE_ADDRESS);

/** Stops the tape. */
export const refuse = (why: string): Step => compute([0, 0, 1, -1], origin, why);
export const go = (label: string): Step => compute([0, 0, 0, 0], origin, "go on", { goto: label });
/** A step that does nothing, for others to lead to. */
export const here = (label: string, why: string): Step => compute([0, 0, 0, 0], origin, why, { label });
export const set = (value: ComputeArg, out: Slot, why: string): Step => compute([value, 0, 0, -1], origin, why, { out });

const POLLIN = 1;
const FD_BITS = 2 ** 32;
/** A struct pollfd is one word: the descriptor, what is asked of it, and what is true of it. */
export const pollfd = (polled: Buffer, index: number): Slot<"int"> =>
  slotIn("int", polled, index * structFields.pollfd.bytes, "struct pollfd");
export const askFor = (polled: Buffer, file: Slot<"fd">, index = 0): Step =>
  compute([file, POLLIN * FD_BITS, 0, -1], origin, "to be asked whether it can be read", { out: pollfd(polled, index) });
