// box run: plan, start, and become the supervisor.

import { BoxError } from "../errors.ts";
import { compile, type Program } from "../execute/compile.ts";
import { blockSignals } from "../execute/libc.ts";
import { inWords, type Started, startContainer, superviseContainer } from "../execute/run-container.ts";
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
  blockSignals();
  const loaded = await loadContainer(parsed, globals, true);
  const planned = await planStart(loaded);
  try {
    return superviseContainer(await startOrReclaim(loaded, planned.start));
  } catch (error) {
    throw located(await inWords(error, planned.program), loaded.locate);
  }
}

async function startOrReclaim(loaded: Loaded, start: () => Promise<Started>): Promise<Started> {
  for (;;) {
    try {
      return await start();
    } catch (error) {
      if (!isDuplicate(error)) throw error;
      // Throws when the container lives, so this goes round only while boxes of dead containers are in the way.
      await reclaimId(loaded.facts.stateRoot, loaded.container.id);
    }
  }
}

async function reclaimId(stateRoot: string, id: string): Promise<void> {
  const { reclaim } = await import("../execute/reclaim.ts");
  await reclaim(stateRoot, id, async (state) => {
    if (state.box.plugins.length > 0) await (await import("./plugin-hooks.ts")).poststopFromState(state, stateRoot);
  });
}

/** The error with its origin in the words of the file that the container came from. */
function located(error: unknown, locate: Loaded["locate"]): unknown {
  if (!(error instanceof BoxError) || error.facts.origin === undefined || locate === undefined) return error;
  return new BoxError({ ...error.facts, origin: locate(error.facts.origin) }, { cause: error.cause });
}

/** EAGAIN: another box holds the lock. */
const isDuplicate = (error: unknown): boolean =>
  error instanceof BoxError && error.facts.origin === "id" && (error.facts.errno === "EEXIST" || error.facts.errno === "EAGAIN");

/** A start that may be tried again; plugins see its plan once. */
async function planStart({ container, facts, plugins }: Loaded): Promise<{ program: Program; start: () => Promise<Started> }> {
  const plan = planContainer(container, facts);
  const program = compile(plan);
  const folder = `${facts.stateRoot}/${container.id}`;
  let tries = 0;
  // A program runs once: what it has run in holds its traces.
  const fresh = (): Program => (tries++ === 0 ? program : compile(plan));
  if (plugins === undefined) return { program, start: () => startContainer(fresh(), firstState(container, facts), folder, {}) };
  const { betweenOf, callPlan } = await import("./plugin-hooks.ts");
  await callPlan(plugins, plan, container.id);
  return { program, start: () => startContainer(fresh(), firstState(container, facts, plugins.uses), folder, betweenOf(plugins)) };
}
