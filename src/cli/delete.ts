// box delete: removes what is left of containers; with --force it ends those that still run.

import { checkContainerId } from "../config/container-id.ts";
import { BoxError, exitCodes } from "../errors.ts";
import { liveStatus } from "../execute/live-status.ts";
import { killInit, removeContainer, removeStateFolder } from "../execute/remove-container.ts";
import { type Found, findContainer } from "../execute/state-folder.ts";
import { takeOver } from "../execute/take-over.ts";
import { isTapped } from "../state/state.ts";
import { type FlagRow, parseFlags } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { rootOfStates } from "./invocation.ts";
import { poststop } from "./poststop.ts";

export const flags: readonly FlagRow[] = [
  { name: "force", short: "f", help: "end the container first if it still runs; say nothing if there is none" },
  { name: "help", short: "h", help: "show this help" },
];

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const parsed = parseFlags(argv, flags, "delete", true);
  if (parsed.switches.has("help")) return (await import("./help.ts")).printHelp("delete");
  if (parsed.rest.length === 0) throw new BoxError({ what: "a container id is missing", hint: "box delete [--force] ID…" });
  const stateRoot = globals.root ?? rootOfStates();
  const isAlone = parsed.rest.length === 1;
  // What has been removed cannot be removed again.
  if (!isAlone && parsed.rest.some((id) => callsPlugins(stateRoot, id))) (await import("../execute/begin-plainly.ts")).beginPlainly();
  let exitCode = 0;
  for (const id of parsed.rest) {
    try {
      await deleteOne(stateRoot, checkContainerId(id), parsed.switches.has("force"), isAlone);
    } catch (error) {
      if (!(error instanceof BoxError)) throw error;
      (await import("./report-error.ts")).reportError(error);
      exitCode = exitCodes.refused;
    }
  }
  return exitCode;
}

function callsPlugins(stateRoot: string, id: string): boolean {
  try {
    const state = findContainer(stateRoot, checkContainerId(id))?.state;
    return state !== undefined && isTapped(state, "poststop");
  } catch {
    // Told when its turn comes.
    return false;
  }
}

/** How long a supervisor may take to end once its container is dead. */
const PATIENCE_MS = 10_000;

async function deleteOne(stateRoot: string, id: string, force: boolean, isAlone: boolean): Promise<void> {
  const found = findContainer(stateRoot, id);
  if (found === undefined) {
    if (force) return;
    throw new BoxError({ what: `the container ${id} does not exist`, origin: "id" });
  }
  if (isAlone && found.state !== undefined && isTapped(found.state, "poststop"))
    (await import("../execute/begin-plainly.ts")).beginPlainly();
  const status = liveStatus(found);
  if (status !== "stopped" && status !== "created" && !force)
    throw new BoxError({
      what: `cannot delete container ${id} that is not stopped: ${status}`,
      origin: "id",
      hint: "box delete --force ends it first",
      exitCode: 1,
    });
  const taken = await endAndTakeOver(stateRoot, id, force);
  if (taken === undefined) return;
  const { folder, state } = taken;
  if (state === undefined) removeStateFolder(folder);
  else await removeContainer(state, folder, () => poststop(state, stateRoot));
}

/** A living supervisor notices the end of its container and removes everything itself: then there is nothing to take. */
async function endAndTakeOver(stateRoot: string, id: string, force: boolean): Promise<Found | undefined> {
  const first = takeOver(stateRoot, id);
  if (first !== "busy") return first;
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    const taken = takeOver(stateRoot, id);
    if (taken !== "busy") return taken;
    if (!force || performance.now() > until) throw new BoxError({ what: `another box is at work on the container ${id}`, origin: "id" });
    const now = findContainer(stateRoot, id);
    if (now?.state !== undefined) killInit(now.state);
    await Bun.sleep(5);
  }
}
