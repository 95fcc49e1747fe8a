// box plan: the plan that run would execute, printed; one step of it in full; or two plans compared. Needs no privilege and
// changes nothing.

import type { Stdio } from "../config/stdio-choice.ts";
import { writeLine } from "../execute/write-line.ts";
import { foreground } from "../plan/launch.ts";
import { limitNotes } from "../plan/limit-notes.ts";
import type { Plan } from "../plan/plan.ts";
import { type Container, planContainer } from "../plan/plan-container.ts";
import { type PluginOf, planToJson, printPlan } from "../plan/print-plan.ts";
import { sharingNotes } from "../plan/sharing-notes.ts";
import { type FlagRow, type Parsed, parseFlags } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { containerFlags } from "./container-flags.ts";
import { checkDropped } from "./dropped-limits.ts";
import { lenientFlag, logFlags } from "./launch-flags.ts";
import { type Loaded, loadContainer } from "./load-container.ts";
import { locating } from "./located.ts";

export const flags: readonly FlagRow[] = [
  ...containerFlags,
  ...logFlags,
  lenientFlag,
  { name: "json", help: "print it as JSON" },
  { name: "explain", value: "N", help: "print step N alone, in full" },
  { name: "diff", help: "compare two configurations, which stand in place of ID; ends with 1 when they differ" },
];

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const parsed = parseFlags(argv, flags, "plan");
  const { switches, values } = parsed;
  if (switches.has("help")) return (await import("./help.ts")).printHelp("plan");
  if (switches.has("diff")) return await (await import("./plan-diff.ts")).diffConfigs(parsed, globals);
  const planned = await plannedAs(parsed, globals);
  if (values.explain !== undefined) (await import("./plan-explain.ts")).printStepInFull(planned, values.explain, switches.has("json"));
  else {
    const { plan, pluginOf } = planned;
    writeLine(switches.has("json") ? JSON.stringify(planToJson(plan, pluginOf), null, 2) : printPlan(plan, pluginOf));
  }
  return 0;
}

export type Planned = { readonly plan: Plan; readonly pluginOf: PluginOf; readonly loaded: Loaded };

/** The plan with all that a reader of it should know in its notes. */
export async function plannedAs(parsed: Parsed, globals: Globals): Promise<Planned> {
  const loaded = await loadContainer(parsed, globals, false);
  const { facts, plugins, stdio, locate } = loaded;
  const container = stdio === undefined ? loaded.container : await withStdio(loaded.container, stdio);
  const bare = locating(locate, () => planContainer(container, facts));
  if (plugins !== undefined) await (await import("./plugin-hooks.ts")).callPlan(plugins, bare, container.id);
  const ofPlugins = [...(plugins?.notes ?? []), ...(plugins?.origins?.changes() ?? [])];
  checkDropped(bare, parsed, locate);
  const notes = [
    ...loaded.notes,
    ...ofPlugins,
    ...sharingNotes(container.spec, container.joins ?? []),
    ...limitNotes(bare.limits, facts),
    ...bare.notes,
  ];
  const plan: Plan = { ...bare, notes };
  return { plan, loaded, pluginOf: (origin) => plugins?.origins?.of(origin).plugin };
}

async function withStdio(container: Container, stdio: Stdio): Promise<Container> {
  const { stdioSteps } = await import("../plan/stdio-steps.ts");
  return { ...container, launch: { ...foreground, stdio }, ...(stdio.kind === "inherit" ? {} : { stdioSteps }) };
}
