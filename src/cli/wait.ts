// box wait: until containers have ended, and how they did.

import { BoxError, exitCodes } from "../errors.ts";
import { exitOfProcess } from "../execute/exit-of-process.ts";
import { type ExitStatus, oomKills, readExit } from "../execute/exit-status.ts";
import { holdFolder } from "../execute/hold-folder.ts";
import { initLives } from "../execute/init-lives.ts";
import { systemCall } from "../execute/libc.ts";
import { type OomWatch, watchOom } from "../execute/oom-watch.ts";
import { POLLIN, waitFor } from "../execute/poll.ts";
import { openSupervisor } from "../execute/supervisor-handle.ts";
import { writeLine } from "../execute/write-line.ts";
import { type FlagRow, parseFlags } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { rootOfStates } from "./invocation.ts";
import { type Named, namedContainer } from "./named-container.ts";

export const flags: readonly FlagRow[] = [
  { name: "json", help: "print exit code, signal, whether memory ran out, and the time of the end, as one JSON object a line" },
  { name: "help", short: "h", help: "show this help" },
];

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const parsed = parseFlags(argv, flags, "wait", true);
  if (parsed.switches.has("help")) return (await import("./help.ts")).printHelp("wait");
  if (parsed.rest.length === 0) throw new BoxError({ what: "a container id is missing", hint: "box wait [--json] ID…" });
  // All at first: the second may be gone before the first has ended.
  const watched = parsed.rest.map((id) => watch(namedContainer(globals.root ?? rootOfStates(), id)));
  let exitCode = 0;
  for (const one of watched) {
    const exit = waitForEnd(one);
    const { id } = one.container.state;
    if (exit !== undefined) writeLine(parsed.switches.has("json") ? JSON.stringify({ id, ...exit }) : String(exit.exitCode));
    else {
      (await import("./report-error.ts")).reportError(unknown(id));
      exitCode = exitCodes.refused;
    }
  }
  return exitCode;
}

const unknown = (id: string): BoxError =>
  new BoxError({
    origin: "id",
    what: `cannot tell how the container ${id} ended: nobody waited for it`,
    hint: "run -d with a log, or run --keep, keeps it",
  });

/** Descriptors of what lives; undefined for what has ended. */
type Watched = {
  readonly container: Named;
  /** Its state folder, by a descriptor: another container may have the name by the time that this one's end is asked for. */
  readonly folder: string;
  readonly init: number | undefined;
  readonly supervisor: number | undefined;
  readonly oom: OomWatch | undefined;
  readonly oomBefore: boolean;
};

function watch(container: Named): Watched {
  const { state } = container;
  const folder = holdFolder(container.folder);
  if (state.pid <= 0)
    throw new BoxError({ origin: "id", what: `the container ${state.id} is still being made`, exitCode: exitCodes.refused });
  const pidfd = systemCall("pidfd_open", state.pid, 0);
  // Looked at after the handle was opened, so that it cannot be of a later process with the same pid.
  const init = pidfd >= 0 && initLives(state) ? pidfd : undefined;
  const oom = init === undefined ? undefined : watchOom(state.box.cgroups);
  return { container, folder, init, supervisor: openSupervisor(state), oom, oomBefore: oomKills(state.box.cgroups) > 0 };
}

function waitForEnd({ container: { state }, folder, init, supervisor, oom, oomBefore }: Watched): ExitStatus | undefined {
  if (init !== undefined) waitUntilReadable(init);
  // It passes on what is left of the output, notes how init ended, and ends.
  if (supervisor !== undefined) waitUntilReadable(supervisor);
  const noted = readExit(folder, state);
  if (noted !== undefined || init === undefined) return noted;
  const told = exitOfProcess(init);
  return told === undefined ? undefined : { ...told, oomKilled: oomBefore || oom?.happened() === true };
}

const LONG_MS = 3_600_000;

function waitUntilReadable(fd: number): void {
  while (waitFor([{ fd, events: POLLIN }], LONG_MS)[0] === 0);
}
