// box run: plan, start, and become the supervisor.

import { BoxError } from "../errors.ts";
import { type Started, startContainer, superviseContainer } from "../execute/run-container.ts";
import { planContainer } from "../plan/plan-container.ts";
import { firstState } from "../state/first-state.ts";
import { parseFlags } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { containerFlags } from "./container-flags.ts";
import { type Loaded, loadContainer } from "./load-container.ts";

export const flags = containerFlags;

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const parsed = parseFlags(argv, flags, "run");
  if (parsed.switches.has("help")) return (await import("./help.ts")).printHelp("run");
  const loaded = await loadContainer(parsed, globals, true);
  return superviseContainer(await startOrReclaim(loaded), undefined);
}

async function startOrReclaim(loaded: Loaded): Promise<Started> {
  try {
    return await start(loaded);
  } catch (error) {
    if (!isDuplicate(error)) throw error;
    await (await import("../execute/reclaim.ts")).reclaim(loaded.facts.stateRoot, loaded.container.id);
    return await start(loaded);
  }
}

const isDuplicate = (error: unknown): boolean => error instanceof BoxError && error.facts.origin === "id" && error.facts.errno === "EEXIST";

async function start({ container, facts }: Loaded): Promise<Started> {
  const plan = planContainer(container, facts);
  return await startContainer(plan, firstState(container, facts), `${facts.stateRoot}/${container.id}`, {});
}
