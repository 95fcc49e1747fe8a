// A plan's steps in the order in which they begin, alternatives right after the step that they belong to, and plans
// changed on purpose, to show that a rule notices.

import type { Plan, Section } from "../../src/plan/plan.ts";
import { branches, sectionsOf } from "../../src/plan/print-plan.ts";
import type { Step } from "../../src/tape/step.ts";

export type Placed = {
  readonly step: Step;
  readonly actor: Section["actor"];
  /** Made whenever the tape gets that far, and no alternative or part of one. */
  readonly certain: boolean;
  /** Made by a process that becomes a hook, and not by the actor itself. */
  readonly hook: boolean;
};

function add(out: Placed[], actor: Section["actor"], steps: readonly Step[], certain: boolean, hook: boolean): void {
  for (const step of steps) {
    out.push({ step, actor, certain, hook });
    if (step.ok === undefined && step.equal === undefined && typeof step.onError !== "object") continue;
    const inHook = hook || isHook(step) || mapsIds(step);
    for (const branch of branches(step)) add(out, actor, branch.steps, false, inHook);
  }
}

/** The clone whose child becomes a hook; an error of it leads nowhere. */
export const isHook = ({ call, origin }: Step): boolean => call === "clone3" && origin.startsWith("hooks.");

/** The clone whose child becomes newuidmap or newgidmap. */
const mapsIds = ({ call, origin }: Step): boolean => call === "clone3" && /^linux\.[ug]idMappings$/.test(origin);

/** Many rules look at one plan, so each walk is made once. */
function remembered(sectionsIn: (plan: Plan) => readonly Section[]): (plan: Plan) => readonly Placed[] {
  const known = new WeakMap<Plan, readonly Placed[]>();
  return (plan) => {
    const before = known.get(plan);
    if (before !== undefined) return before;
    const out: Placed[] = [];
    for (const { actor, steps } of sectionsIn(plan)) add(out, actor, steps, true, false);
    known.set(plan, out);
    return out;
  };
}

/** What stage and init do, from the first record to execve. */
export const childSteps = remembered((plan) => plan.child);

/** What the stage and init do with a failure. */
export const explainingSteps = remembered((plan) => plan.explanations);

/** What box does until it becomes the supervisor. */
export const boxSteps = remembered((plan) => [
  plan.prepare,
  plan.awaitHelper,
  plan.observe,
  plan.writeIdMaps,
  plan.moveDevices,
  plan.runtimeHooks,
  plan.record,
  plan.agent,
  plan.release,
  ...plan.poststartHooks,
  plan.report,
]);

type Choice = (step: Step) => boolean;

/** The plan with every list of steps, also those within steps, put through `change`. */
function changeLists(plan: Plan, change: (steps: readonly Step[]) => readonly Step[]): Plan {
  const inStep = (step: Step): Step => ({
    ...step,
    ...(step.ok === undefined ? {} : { ok: inList(step.ok) }),
    ...(step.equal === undefined ? {} : { equal: inEqual(step.equal) }),
    ...(step.onError === undefined || typeof step.onError === "string"
      ? {}
      : { onError: step.onError.map(([errno, steps, ...kind]) => [errno, steps === "again" ? steps : inList(steps), ...kind] as const) }),
  });
  const inEqual = (equal: NonNullable<Step["equal"]>): NonNullable<Step["equal"]> => ({
    ...equal,
    steps: inList(equal.steps),
    ...(equal.onFailure === undefined ? {} : { onFailure: inList(equal.onFailure) }),
  });
  const inList = (steps: readonly Step[]): readonly Step[] => change(steps.map(inStep));
  const inSection = (section: Section): Section => ({ ...section, steps: inList(section.steps) });
  const changed = { ...plan, child: plan.child.map(inSection) };
  const names = ["prepare", "observe", "writeIdMaps", "moveDevices", "runtimeHooks", "record", "agent", "release", "report"] as const;
  for (const section of names) changed[section] = inSection(plan[section]);
  const [context, program, start] = plan.explanations;
  return {
    ...changed,
    poststartHooks: plan.poststartHooks.map(inSection),
    explanations: [inSection(context), inSection(program), inSection(start)],
  };
}

function changing(plan: Plan, choice: Choice, change: (step: Step) => readonly Step[]): Plan {
  let found = 0;
  const changed = changeLists(plan, (steps) =>
    steps.flatMap((step) => {
      if (!choice(step)) return [step];
      found += 1;
      return change(step);
    }),
  );
  if (found === 0) throw new Error("the plan has no such step to change");
  return changed;
}

export const without = (plan: Plan, choice: Choice): Plan => changing(plan, choice, () => []);
export const replaced = (plan: Plan, choice: Choice, change: (step: Step) => Step): Plan =>
  changing(plan, choice, (step) => [change(step)]);
export const withBefore = (plan: Plan, choice: Choice, ...added: readonly Step[]): Plan =>
  changing(plan, choice, (step) => [...added, step]);
export const withAfter = (plan: Plan, choice: Choice, ...added: readonly Step[]): Plan =>
  changing(plan, choice, (step) => [step, ...added]);

/** The first of the chosen steps, moved in front of the first one that `place` chooses. */
export function movedBefore(plan: Plan, choice: Choice, place: Choice): Plan {
  const all = sectionsOf(plan).flatMap(({ steps }) => steps);
  const step = all.find(choice);
  const target = all.find(place);
  if (step === undefined || target === undefined) throw new Error("the plan has no such step to move, or no such place");
  return withBefore(without(plan, sameAs(step)), sameAs(target), step);
}

/** Changing a plan copies its steps, so they are found again by what they say. */
const sameAs =
  (wanted: Step): Choice =>
  ({ call, origin, why }) =>
    call === wanted.call && origin === wanted.origin && why === wanted.why;
