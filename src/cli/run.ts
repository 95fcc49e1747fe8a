// box run: plan, start, and become the supervisor.

import { BoxError } from "../errors.ts";
import { readText } from "../execute/files.ts";
import { type Kept, type KeptKey, readKept } from "../execute/kept-program.ts";
import { blockSignals, systemCall, takeMemory } from "../execute/libc.ts";
import { inWords, type Started, startContainer, superviseContainer } from "../execute/run-container.ts";
import { type Parsed, parseFlags } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { containerFlags } from "./container-flags.ts";
import { factsFor, homeFor, stillSo } from "./host-facts.ts";
import { absolute, needsChanges, rootOfStates } from "./invocation.ts";
import type { PlannedRun } from "./plan-run.ts";

export const flags = containerFlags;

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const parsed = parseFlags(argv, flags, "run");
  if (parsed.switches.has("help")) return (await import("./help.ts")).printHelp("run");
  blockSignals();
  const key = keyOf(parsed, globals);
  const kept = key === undefined ? undefined : keptRun(key, parsed, globals);
  const planned = kept ?? (await (await import("./plan-run.ts")).planRun(parsed, globals));
  let started: Started | undefined;
  try {
    started = await startOrReclaim(planned);
    if (key !== undefined) planned.keep(key);
    return superviseContainer(started);
  } catch (error) {
    if (started !== undefined) await endUnsupervised(started, planned);
    throw located(await inWords(error, planned.program), planned.locate);
  }
}

/** A container that runs, but whose supervisor could not begin, ends with box. */
async function endUnsupervised({ state, poststop }: Started, { stateRoot, id }: PlannedRun): Promise<void> {
  const { undoStart } = await import("../execute/undo.ts");
  await undoStart(state, `${stateRoot}/${id}`, [state.pid], poststop);
}

/** What a program would be kept under; undefined when the start depends on more than config.json and the host. */
function keyOf(parsed: Parsed, globals: Globals): KeptKey | undefined {
  const command = parsed.rest.slice(1);
  const [id] = parsed.rest;
  if (parsed.separated || id === undefined || needsChanges(parsed, command) || parsed.lists.plugin !== undefined) return undefined;
  if (systemCall("getuid") !== 0) return undefined;
  const bundle = absolute(parsed.values.bundle ?? ".");
  if (typeof readText(`${bundle}/box.yaml`) === "string") return undefined;
  const config = readText(`${bundle}/config.json`);
  // What is wrong with any of these is for the longer way to say, and a program is only kept where nothing was.
  return typeof config === "string" ? { id, bundle, stateRoot: globals.root ?? rootOfStates(), config } : undefined;
}

/** The start of a kept program, if one was kept that was made from just this configuration on just such a host. */
function keptRun(key: KeptKey, parsed: Parsed, globals: Globals): PlannedRun | undefined {
  const kept = readKept(key);
  if (kept === undefined || !isStillSuchAHost(kept, key.stateRoot)) return undefined;
  const { compiled } = kept;
  // It runs where a tape of this process's own would be made.
  takeMemory("own");
  const state = { ...kept.state, created: new Date().toISOString(), box: { ...kept.state.box, supervisor: process.pid } };
  const explain = async () => (await import("./plan-run.ts")).sourcesAgain(parsed, globals, compiled.child.image);
  const program = { compiled, explain };
  const start = (): Promise<Started> => startContainer(program, state, `${key.stateRoot}/${key.id}`, {});
  return { id: key.id, stateRoot: key.stateRoot, program, start, keep: () => {}, locate: undefined };
}

/** The facts are the same when all that they were made from is; else they are made and compared. */
function isStillSuchAHost({ asked, seen, facts, home }: Kept, stateRoot: string): boolean {
  // The limits on open files are the parent's, which is another process each time.
  if (!asked.openFiles && (homeFor(asked) ?? null) === home && stillSo(seen)) return true;
  return JSON.stringify(factsFor(asked, stateRoot)) === facts;
}

async function startOrReclaim({ start, stateRoot, id }: PlannedRun): Promise<Started> {
  for (;;) {
    try {
      return await start();
    } catch (error) {
      if (!isDuplicate(error)) throw error;
      // Throws when the container lives, so this goes round only while boxes of dead containers are in the way.
      await reclaimId(stateRoot, id);
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
function located(error: unknown, locate: PlannedRun["locate"]): unknown {
  if (!(error instanceof BoxError) || error.facts.origin === undefined || locate === undefined) return error;
  return new BoxError({ ...error.facts, origin: locate(error.facts.origin) }, { cause: error.cause });
}

/** EAGAIN: another box holds the lock. */
const isDuplicate = (error: unknown): boolean =>
  error instanceof BoxError && error.facts.origin === "id" && (error.facts.errno === "EEXIST" || error.facts.errno === "EAGAIN");
