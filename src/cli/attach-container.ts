// A person, or a program, at a container that runs in the background. What comes out is read from its log as box logs reads
// it, so a slow reader holds nobody up and several may watch; what goes in is written to a FIFO that the container, or for a
// terminal its supervisor, reads.

import type { LogFiles } from "../config/stdio-choice.ts";
import { BoxError } from "../errors.ts";
import { exitOfProcess } from "../execute/exit-of-process.ts";
import { readExit } from "../execute/exit-status.ts";
import { holdFolder } from "../execute/hold-folder.ts";
import { initLives } from "../execute/init-lives.ts";
import { LogReader } from "../execute/log-reader.ts";
import { openSupervisor } from "../execute/supervisor-handle.ts";
import { logPlace } from "../plan/log-layout.ts";
import { sizeFifo, stdinFifo, stdioFolder } from "../plan/state-files.ts";
import type { State } from "../state/state.ts";
import type { Parsed } from "./arguments.ts";
import { attachLoop, openFifo } from "./attach-loop.ts";
import type { Globals } from "./commands.ts";
import type { Named } from "./named-container.ts";
import { oneContainer } from "./one-container.ts";
import { warnOf } from "./warn-of.ts";

export function attachContainer(parsed: Parsed, globals: Globals): number {
  const container = oneContainer(parsed.rest, globals, "attach [flags] ID");
  const passSignals = isTrue(parsed.values["sig-proxy"] ?? "true");
  const stdio = logOf(container);
  const { folder, state } = container;
  const held = holdFolder(folder);
  const supervisor = openSupervisor(state);
  if (supervisor === undefined) throw refused(`the container ${state.id} has ended, or its supervisor has`, `box logs ${state.id}`);
  const place = logPlace(folder, stdio);
  using reader = new LogReader(place.folder, place.name, stdio.files, (problem) => warnOf(new BoxError({ what: problem })));
  reader.skip();
  const fifos = `${folder}/${stdioFolder}`;
  const size = openFifo(`${fifos}/${sizeFifo}`);
  const input = parsed.switches.has("no-stdin") ? undefined : openFifo(`${fifos}/${stdinFifo}`);
  const how = attachLoop({ reader, folder: place.folder, supervisor, state, input, size, passSignals });
  return how === "detached" ? 0 : exitCodeOf(state, held, supervisor);
}

/** As its supervisor noted it, or as that one ended, which is the same, where the container went with its end. */
function exitCodeOf(state: State, folder: string, supervisor: number): number {
  const noted = readExit(folder, state);
  if (noted !== undefined) return noted.exitCode;
  if (initLives(state))
    throw refused(
      `the container ${state.id} goes on, and nobody passes on any more what it reads and writes: its supervisor was ended`,
      `box delete --force ${state.id}`,
    );
  const told = exitOfProcess(supervisor);
  if (told !== undefined && told.signal === undefined) return told.exitCode;
  throw new BoxError({ origin: "id", what: `cannot tell how the container ${state.id} ended`, exitCode: 1 });
}

function logOf({ state }: Named): LogFiles {
  const { stdio } = state.box;
  if (stdio?.kind === "supervised" && stdio.driver === "local" && state.box.supervisorStart !== undefined) return stdio;
  throw refused(
    `nobody passes on what the container ${state.id} reads and writes`,
    "run -d --log-driver local does, with -i for its stdin",
  );
}

const refused = (what: string, hint: string): BoxError => new BoxError({ origin: "id", what, hint, exitCode: 1 });

function isTrue(text: string): boolean {
  if (text === "true" || text === "false") return text === "true";
  throw new BoxError({ origin: "--sig-proxy", what: `expected true or false, got ${JSON.stringify(text)}`, exitCode: 1 });
}
