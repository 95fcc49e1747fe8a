// box create: plan and start a container, up to where its first process waits for box start.

import { blockSignals } from "../execute/libc.ts";
import { parseFlags } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { containerFlags } from "./container-flags.ts";
import { checkStdio, launchFlags, lenientFlag } from "./launch-flags.ts";
import { startPlanned } from "./start-planned.ts";

export const flags = [...containerFlags, ...launchFlags, lenientFlag];

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const parsed = parseFlags(argv, flags, "create", true);
  if (parsed.switches.has("help")) return (await import("./help.ts")).printHelp("create");
  // Before more is loaded: a thread that Bun makes for that takes over what is blocked by then.
  blockSignals();
  checkStdio();
  const { planRun } = await import("./plan-run.ts");
  await startPlanned(await planRun(parsed, globals, "created"));
  return 0;
}
