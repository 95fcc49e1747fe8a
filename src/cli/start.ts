// box start: lets the program of a created container run.

import { BoxError } from "../errors.ts";
import { exists } from "../execute/files.ts";
import { readKeptConfig } from "../execute/kept-config.ts";
import { systemCall } from "../execute/libc.ts";
import { liveStatus } from "../execute/live-status.ts";
import { lockState } from "../execute/lock-state.ts";
import { signalInit } from "../execute/signal-container.ts";
import { type Answer, begunByFront, errnoOf, exitCodeFor, finishStart, startCreated } from "../execute/start-created.ts";
import type { Found } from "../execute/state-folder.ts";
import { notifyFolder } from "../plan/notify.ts";
import { isTapped, type State } from "../state/state.ts";
import { type FlagRow, parseFlags } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { oneContainer } from "./one-container.ts";

const SIGKILL = 9;

export const flags: readonly FlagRow[] = [{ name: "help", short: "h", help: "show this help" }];

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const parsed = parseFlags(argv, flags, "start", true);
  if (parsed.switches.has("help")) return (await import("./help.ts")).printHelp("start");
  const begun = begunByFront();
  // There is nothing else to do for what the front begins, and somebody may have removed the container since.
  if (begun !== undefined) return await tell(finishStart(begun));
  const found = oneContainer(parsed.rest, globals, "start ID");
  // What has been started cannot be started again.
  if (isTapped(found.state, "poststart")) (await import("../execute/begin-plainly.ts")).beginPlainly();
  // Of two starts at once, one finds init waiting.
  const lock = lockState(found.folder);
  const { state } = found;
  refuseUnlessCreated(found, state);
  const notifies = exists(`${found.folder}/${notifyFolder}`) && process.env.NOTIFY_SOCKET !== undefined;
  const readiness = notifies ? await import("./pass-readiness.ts") : undefined;
  const socket = readiness?.openSocket(found.folder);
  const answer = startCreated(found.folder, state);
  // Hooks may take their time.
  systemCall("close", lock);
  await tell(answer);
  await afterStart(found.folder, state);
  if (readiness !== undefined && socket !== undefined) readiness.waitUntilReady(socket, state.pid);
  return 0;
}

/** Throws what init says of a failure. */
async function tell(answer: Answer | undefined): Promise<number> {
  if (answer !== undefined) throw await inWords(answer);
  return 0;
}

function refuseUnlessCreated(found: Found, { id }: State): void {
  const status = liveStatus(found);
  if (status === "created") return;
  // Words that clients of runc look for.
  const what =
    status === "stopped"
      ? `cannot start a container that has stopped: ${id}`
      : status === "creating"
        ? `cannot start a container that is still being made: ${id}`
        : status === "paused"
          ? `cannot start a paused container: ${id}`
          : `cannot start an already running container: ${id}`;
  throw new BoxError({ what, origin: "id", exitCode: 1 });
}

async function inWords(answer: Answer): Promise<BoxError> {
  const { origin, what, errno, siginfo, explanation } = answer;
  if (origin.startsWith("hooks.")) {
    const { howEnded } = await import("../execute/hook-failed.ts");
    const ran = siginfo.some((byte) => byte !== 0);
    return new BoxError({
      origin,
      ...(ran ? { what: `cannot ${what}: ${howEnded(siginfo)}` } : { what: `cannot ${what}`, errno: errnoOf(answer) }),
      ...(explanation === "" ? {} : { hint: `it printed: ${explanation.trim()}` }),
      exitCode: 1,
    });
  }
  const { executeHint } = await import("../execute/hints.ts");
  const hint = executeHint(errnoOf(answer), explanation);
  return new BoxError({
    origin,
    what: `cannot ${what}`,
    errno: errnoOf(answer),
    exitCode: exitCodeFor(errno),
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Hooks and plugins that wait for the program to run. A hook that fails ends it (runtime.md, "Lifecycle"); delete does the rest. */
async function afterStart(folder: string, state: State): Promise<void> {
  const config = readKeptConfig(folder);
  const running: State = { ...state, status: "running" };
  if (config?.hooks?.poststart !== undefined) {
    const { runHooksOf } = await import("../execute/run-hooks.ts");
    runHooksOf(config.hooks, "poststart", running, (error) => {
      signalInit(state, SIGKILL);
      throw error;
    });
  }
  if (isTapped(state, "poststart"))
    await (await import("./plugin-hooks.ts")).poststartFromState(running, folder.slice(0, folder.lastIndexOf("/")));
}
