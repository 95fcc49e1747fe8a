// box kill: a signal to the first process of one or several containers, or to all of their processes.

import { BoxError, exitCodes } from "../errors.ts";
import { liveStatus } from "../execute/live-status.ts";
import { hasOwnPidNamespace, signalAll, signalInit } from "../execute/signal-container.ts";
import { findContainer } from "../execute/state-folder.ts";
import { errnoName } from "../linux/errno-name.ts";
import { parseSignal, signalName, signals } from "../linux/signals.ts";
import type { State } from "../state/state.ts";
import { type FlagRow, parseFlags } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { rootOfStates } from "./invocation.ts";
import { type Named, namedContainer, notRunning } from "./named-container.ts";

export const flags: readonly FlagRow[] = [
  { name: "all", short: "a", help: "to all processes of the container; no error if it has ended" },
  { name: "help", short: "h", help: "show this help" },
];

const usage = "box kill [--all] ID… [SIGNAL]";

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const parsed = parseFlags(argv, flags, "kill");
  if (parsed.switches.has("help")) return (await import("./help.ts")).printHelp("kill");
  const stateRoot = globals.root ?? rootOfStates();
  const { ids, signal } = idsAndSignal(parsed.rest, stateRoot);
  const everyone = parsed.switches.has("all");
  const [only] = ids;
  if (only !== undefined && ids.length === 1) {
    killOne(namedContainer(stateRoot, only), signal, everyone);
    return 0;
  }
  let exitCode = 0;
  for (const id of ids) {
    try {
      killOne(namedContainer(stateRoot, id), signal, everyone);
    } catch (error) {
      if (!(error instanceof BoxError)) throw error;
      (await import("./report-error.ts")).reportError(error);
      exitCode = exitCodes.refused;
    }
  }
  return exitCode;
}

/**
 * The last of several words is the signal if it is one at all, even where a container is called that: a client that
 * says `kill ID 9` means nothing else. So a container `9` can come last only before a signal. Where the last word is
 * neither, a signal is misspelt, and nobody gets any.
 */
function idsAndSignal(words: readonly string[], stateRoot: string): { ids: readonly string[]; signal: number } {
  const last = words[words.length - 1];
  if (last === undefined) throw new BoxError({ what: "a container id is missing", hint: usage });
  if (words.length === 1) return { ids: words, signal: signals.SIGTERM };
  const signal = parseSignal(last);
  if (signal !== undefined) return { ids: words.slice(0, -1), signal };
  if (!isContainer(stateRoot, last))
    throw new BoxError({ what: `unknown signal ${JSON.stringify(last)}, and no container is called that`, hint: usage });
  return { ids: words, signal: signals.SIGTERM };
}

/** A word with a slash is no id, and must not become part of a path. */
const isContainer = (stateRoot: string, word: string): boolean => !word.includes("/") && findContainer(stateRoot, word) !== undefined;

function killOne(found: Named, signal: number, everyone: boolean): void {
  const { state } = found;
  // Outside of a pid namespace of its own nothing ends with init, so SIGKILL is for all.
  if (everyone || (signal === signals.SIGKILL && !hasOwnPidNamespace(state))) {
    const sent = signalAll(state, signal);
    if (sent < 0) throw cannotSend(signal, "all of the container's processes", state, sent);
    if (sent === 0 && !everyone) throw notRunning(state.id);
    return;
  }
  const sent = signalInit(state, meantFor(found, signal));
  if (sent === -ESRCH) throw notRunning(state.id);
  if (sent < 0) throw cannotSend(signal, "the container's init", state, sent);
}

const ESRCH = 3;

const cannotSend = (signal: number, whom: string, { id }: State, result: number): BoxError =>
  new BoxError({ origin: id, what: `cannot send ${signalName(signal)} to ${whom}`, errno: errnoName(-result) });

/**
 * Before its start a container has no program that could handle a signal, and the kernel spares the first process of a
 * pid namespace what merely ends others by default (pid_namespaces(7)). So what asks it to end, ends it.
 */
function meantFor(found: Named, signal: number): number {
  const asksToEnd = signal === signals.SIGHUP || signal === signals.SIGINT || signal === signals.SIGQUIT || signal === signals.SIGTERM;
  return asksToEnd && liveStatus(found) === "created" ? signals.SIGKILL : signal;
}
