// box plan: the plan that run would execute, printed. Needs no privilege and changes nothing.

import type { Stdio } from "../config/stdio-choice.ts";
import { foreground } from "../plan/launch.ts";
import { type Container, planContainer } from "../plan/plan-container.ts";
import { planToJson, printPlan } from "../plan/print-plan.ts";
import { type FlagRow, parseFlags } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { containerFlags } from "./container-flags.ts";
import { logFlags } from "./launch-flags.ts";
import { loadContainer } from "./load-container.ts";
import { locating } from "./located.ts";

export const flags: readonly FlagRow[] = [...containerFlags, ...logFlags, { name: "json", help: "print it as JSON" }];

async function withStdio(container: Container, stdio: Stdio): Promise<Container> {
  const { stdioSteps } = await import("../plan/stdio-steps.ts");
  return { ...container, launch: { ...foreground, stdio }, ...(stdio.kind === "inherit" ? {} : { stdioSteps }) };
}

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const parsed = parseFlags(argv, flags, "plan");
  if (parsed.switches.has("help")) return (await import("./help.ts")).printHelp("plan");
  const { container: bare, facts, plugins, stdio, notes, locate } = await loadContainer(parsed, globals, false);
  const container = stdio === undefined ? bare : await withStdio(bare, stdio);
  const planned = locating(locate, () => planContainer(container, facts));
  if (plugins !== undefined) await (await import("./plugin-hooks.ts")).callPlan(plugins, planned, container.id);
  const plan = { ...planned, notes: [...notes, ...(plugins?.notes ?? []), ...planned.notes] };
  console.log(parsed.switches.has("json") ? JSON.stringify(planToJson(plan), null, 2) : printPlan(plan));
  return 0;
}
