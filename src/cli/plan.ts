// box plan: the plan that run would execute, printed. Needs no privilege and changes nothing.

import { planContainer } from "../plan/plan-container.ts";
import { planToJson, printPlan } from "../plan/print-plan.ts";
import { sharingNotes } from "../plan/sharing-notes.ts";
import { type FlagRow, parseFlags } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { containerFlags } from "./container-flags.ts";
import { loadContainer } from "./load-container.ts";

export const flags: readonly FlagRow[] = [...containerFlags, { name: "json", help: "print it as JSON" }];

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const parsed = parseFlags(argv, flags, "plan");
  if (parsed.switches.has("help")) return (await import("./help.ts")).printHelp("plan");
  const { container, facts, plugins } = await loadContainer(parsed, globals, false);
  const bare = planContainer(container, facts);
  if (plugins !== undefined) await (await import("./plugin-hooks.ts")).callPlan(plugins, bare, container.id);
  const notes = [...(plugins?.notes ?? []), ...sharingNotes(container.spec, container.joins ?? []), ...bare.notes];
  const plan = { ...bare, notes };
  const pluginOf = (origin: string): string | undefined => plugins?.origins?.of(origin).plugin;
  console.log(parsed.switches.has("json") ? JSON.stringify(planToJson(plan, pluginOf), null, 2) : printPlan(plan, pluginOf));
  return 0;
}
