// A plan with the time taken on the way: before and after each step of box's own, and where each part of the child's begins.
// Only box run --trace asks for it. The steps are those of the plan, with clock_gettime(2) between them; what hangs on a
// step (alternatives, what follows success) is within that step's time.

import { structFields } from "../linux/structs.ts";
import { address, type Buffer, newBuffer, type Step, step, type Variables } from "../tape/step.ts";
import type { Actor, Plan, Section } from "./plan.ts";

/** A struct timespec that the tape fills, zero until then: when this section, or this step of it, begins. */
export type Clock = {
  readonly actor: Actor;
  readonly section: string;
  /** undefined where the section as a whole begins, or ends when it is box's. */
  readonly step: Step | undefined;
  readonly time: Buffer;
};

export type TracedPlan = { readonly plan: Plan; readonly box: readonly (readonly Clock[])[]; readonly child: readonly Clock[] };

const CLOCK_MONOTONIC = 1;

/** Until box becomes the supervisor; that and what comes after is no part of a start. */
const sections = [
  "prepare",
  "awaitHelper",
  "observe",
  "writeIdMaps",
  "moveDevices",
  "runtimeHooks",
  "record",
  "release",
  "report",
] as const;

export function traceSteps(plan: Plan): TracedPlan {
  const box: Clock[][] = [];
  const each = (section: Section): Section => {
    if (section.steps.length === 0) return section;
    const clocks: Clock[] = [];
    const steps: Step[] = [];
    for (const one of section.steps) steps.push(readClock(plan.box.variables, section, one, clocks), one);
    steps.push(readClock(plan.box.variables, section, undefined, clocks));
    box.push(clocks);
    return { ...section, steps };
  };
  const own: { [name in (typeof sections)[number]]?: Section } = {};
  for (const name of sections) own[name] = each(plan[name]);
  const poststartHooks = plan.poststartHooks.map(each);
  const child: Clock[] = [];
  const parts = plan.child.map((section) => ({ ...section, steps: withClock(plan, section, child) }));
  return { plan: { ...plan, ...own, poststartHooks, child: parts }, box, child };
}

/** The child's times are in the page that it shares with box, which has no room for one of each step. */
function withClock(plan: Plan, section: Section, clocks: Clock[]): readonly Step[] {
  const clock = readClock(plan.childVariables.variables, section, undefined, clocks, true);
  const [first, ...rest] = section.steps;
  // Whoever goes to a label begins with that step.
  return first?.label === undefined ? [clock, ...section.steps] : [first, clock, ...rest];
}

function readClock(variables: Variables, section: Section, of: Step | undefined, clocks: Clock[], shared = false): Step {
  const time = newBuffer(variables, `time ${clocks.length} of ${section.title}`, structFields.timespec.bytes, undefined, shared);
  clocks.push({ actor: section.actor, section: section.title, step: of, time });
  return step("clock_gettime", [CLOCK_MONOTONIC, address(time)], "--trace", "note the time", { onError: "ignore" });
}
