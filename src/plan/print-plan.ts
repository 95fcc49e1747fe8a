// A plan as text and as JSON: every step in the order in which it begins, with who makes it, the call, where it comes
// from and why. Alternatives are shown below the step that they belong to.

import type { Errno } from "../linux/errno.ts";
import { escapeControls } from "../tape/escape-controls.ts";
import { printStep } from "../tape/print.ts";
import type { Step } from "../tape/step.ts";
import type { Actor, Plan, Section } from "./plan.ts";

/** The sections in the order in which they begin; box's and init's run side by side from the clone on. */
export const sectionsOf = (plan: Plan): readonly Section[] =>
  [
    plan.prepare,
    ...plan.child,
    ...plan.explanations,
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
    plan.waitHere,
    plan.becomeSupervisor,
    plan.startSupervisor,
    plan.supervise,
    plan.handOver,
  ].filter(({ steps }) => steps.length > 0);

export type PlannedStep = {
  readonly number: number;
  readonly actor: Actor;
  readonly section: string;
  readonly call: string;
  readonly text: string;
  readonly origin: string;
  /** The plugin that put that part into the configuration. */
  readonly plugin?: string;
  readonly why: string;
  /** Only on this condition, such as `ENOENT` of the step it belongs to. */
  readonly when?: string;
  /** Number of the step that it belongs to. */
  readonly of?: number;
  /** A name that others go to, and where this one goes on instead of the step that follows. */
  readonly label?: string;
  readonly goto?: string;
  /** The tape goes on after any error. */
  readonly ignoresErrors?: true;
  /** Errnos after which the call is made once more. */
  readonly againOn?: readonly Errno[];
};

export type PluginOf = (origin: string) => string | undefined;
const noPlugin: PluginOf = () => undefined;

export type ListedStep = {
  readonly shown: PlannedStep;
  readonly step: Step;
  /** How many steps it hangs on. */
  readonly depth: number;
};

/** Every step, those in alternatives included, numbered in order. */
export function listSteps(plan: Plan, pluginOf = noPlugin): ListedStep[] {
  const out: ListedStep[] = [];
  const add = (section: Section, step: Step, condition: { when: string; of: number } | undefined, depth: number): void => {
    const number = out.length + 1;
    const { origin, why, call, label, goto, onError } = step;
    const plugin = pluginOf(origin);
    const shown: PlannedStep = {
      number,
      actor: section.actor,
      section: section.title,
      call,
      text: printStep(step),
      origin,
      ...(plugin === undefined ? {} : { plugin }),
      why,
      ...condition,
      ...(label === undefined ? {} : { label }),
      ...(goto === undefined ? {} : { goto }),
      ...(onError === "ignore" ? { ignoresErrors: true } : {}),
      ...againOn(onError),
    };
    out.push({ shown, step, depth });
    for (const { when, steps } of branches(step)) for (const one of steps) add(section, one, { when, of: number }, depth + 1);
  };
  for (const section of sectionsOf(plan)) for (const step of section.steps) add(section, step, undefined, 0);
  return out;
}

function againOn(onError: Step["onError"]): Pick<PlannedStep, "againOn"> {
  if (typeof onError !== "object") return {};
  const errnos = onError.filter(([, steps]) => steps === "again").map(([errno]) => errno);
  return errnos.length === 0 ? {} : { againOn: errnos };
}

/** What hangs on a step, with the condition in words. */
export function branches(step: Step): { when: string; steps: readonly Step[] }[] {
  const out: { when: string; steps: readonly Step[] }[] = [];
  if (step.ok !== undefined) out.push({ when: "done", steps: step.ok });
  if (step.equal !== undefined) {
    const when = step.call === "clone3" || step.call === "clone" ? "in the child" : `if ${step.equal.value}`;
    out.push({ when, steps: step.equal.steps }, { when: `${when}, on failure`, steps: step.equal.onFailure ?? [] });
  }
  if (step.onError !== undefined && typeof step.onError !== "string")
    for (const [errno, steps] of step.onError) if (steps !== "again") out.push({ when: errno, steps });
  return out;
}

export function printPlan(plan: Plan, pluginOf = noPlugin): string {
  const lines: string[] = plan.notes.map((note) => `note: ${escapeControls(note)}`);
  let title = "";
  for (const listed of listSteps(plan, pluginOf)) {
    const heading = headingOf(listed.shown);
    if (heading !== title) lines.push("", heading);
    title = heading;
    lines.push(...stepLines(listed));
  }
  return lines.join("\n").trimStart();
}

export const headingOf = ({ actor, section }: PlannedStep): string => `${actor}: ${section}`;

/** The call with its number, and below it where it comes from and why. */
export function stepLines({ shown, depth }: ListedStep): [call: string, reason: string] {
  const indent = "    ".repeat(depth);
  const when = shown.when === undefined ? "" : `[${shown.when}] `;
  return [
    `${String(shown.number).padStart(4)}  ${indent}${when}${shown.text}${flowOf(shown)}`,
    `      ${indent}  ${escapeControls(`${originOf(shown)}: ${shown.why}`)}`,
  ];
}

const originOf = ({ plugin, origin }: PlannedStep): string => (plugin === undefined ? origin : `${plugin}: ${origin}`);

/** What a reader must know to follow loops: where a step can be reached from, and where it leads. */
function flowOf({ label, goto, ignoresErrors, againOn }: PlannedStep): string {
  const words = [
    label === undefined ? "" : `here: ${label}`,
    ignoresErrors === true ? "errors ignored" : "",
    againOn === undefined ? "" : `again on ${againOn.join(", ")}`,
    goto === undefined ? "" : `then: ${goto}`,
  ];
  const said = words.filter((word) => word !== "").join(", ");
  return said === "" ? "" : `   (${said})`;
}

export const planToJson = (plan: Plan, pluginOf = noPlugin): { notes: readonly string[]; steps: PlannedStep[] } => ({
  notes: plan.notes,
  steps: listSteps(plan, pluginOf).map(({ shown }) => shown),
});
