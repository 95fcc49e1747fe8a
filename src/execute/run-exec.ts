// Runs the compiled plan of one more process in a container that runs: until its execve, and in the foreground until its
// end, for which box becomes the supervisor when it takes long.

import type { Spec } from "../config/spec.ts";
import { BoxError } from "../errors.ts";
import { signalName } from "../linux/signals.ts";
import type { State } from "../state/state.ts";
import { STATUS_BYTES } from "../tape/layout.ts";
import type { Program } from "./compile.ts";
import { endChild } from "./end-child.ts";
import * as libc from "./libc.ts";
import { pendingSignal } from "./pass-signals.ts";
import { POLLIN, waitFor as poll } from "./poll.ts";
import { inWords, prepareSupervisor } from "./run-container.ts";
import {
  childrenOf,
  encoder,
  initPid,
  placeOf,
  type Run,
  runSection,
  setBytes,
  throwSilentDeath,
  throwVforkFailure,
  word,
} from "./tape-run.ts";

/** The container that it is for. */
export type ExecIn = { readonly state: State; readonly spec: Spec };

/** Starts the process. On a failure nothing of it is left, and the one error is thrown. */
export async function startExec(program: Program, container: ExecIn): Promise<Run> {
  const run: Run = { program, alive: [], page: undefined };
  libc.loadTape(program.compiled.box.image);
  try {
    await start(run, container);
  } catch (error) {
    endChildren(run);
    throw await inWords(error, program);
  }
  return run;
}

async function start(run: Run, { state, spec }: ExecIn): Promise<void> {
  setBytes(run, "stage", "stageLength", libc.stage.elf);
  setBytes(run, "tape", "tapeLength", run.program.compiled.child.image);
  runSection(run, "prepare");
  run.page = new Uint32Array(libc.mappedBytes(word(run, "status"), STATUS_BYTES));
  throwVforkFailure(run);
  waitFor(run, "helper");
  runSection(run, "awaitHelper");
  const pid = initPid(run);
  libc.writeWord(placeOf(run, "initPid"), pid);
  if (run.program.compiled.box.entries.record !== 0) waitFor(run, "line");
  runSection(run, "record");
  setBytes(run, "pidText", "pidTextLength", encoder.encode(String(pid)));
  waitFor(run, "line");
  if (placeOf(run, "agentState") !== 0) {
    const { setAgentState } = await import("./agent-state.ts");
    setAgentState(run, pid, { ...state, status: "running" }, spec);
    runSection(run, "agent");
    waitFor(run, "line");
  }
  runSection(run, "release");
  throwSilentDeath(run);
  runSection(run, "report");
}

/** How long a look at signals is apart from the next. */
const LOOK_MS = 100;
/** HUP, INT, QUIT and TERM, which end a program that does nothing about them. */
const ending: readonly number[] = [1, 2, 3, 15];

/**
 * Waits until the helper has ended, or the process has become the program or failed. Whoever runs in the container may hold
 * it up for ever, or the container is frozen; so a signal that is to end box does.
 */
function waitFor(run: Run, what: "helper" | "line"): void {
  const { compiled } = run.program;
  if (what === "helper" && !compiled.helper) return;
  const fd = what === "line" ? word(run, "sync") : libc.systemCall("pidfd_open", word(run, "pid"), 0);
  if (fd < 0) return;
  while (poll([{ fd, events: POLLIN }], LOOK_MS)[0] === 0) {
    const signal = pendingSignal();
    if (ending.includes(signal))
      throw new BoxError({ what: `${signalName(signal)} has ended exec before the program ran`, exitCode: 128 + signal });
  }
  if (what === "helper") libc.systemCall("close", fd);
}

function endChildren(run: Run): void {
  for (const pid of childrenOf(run)) endChild(pid);
}

/** Ends with the process: the tape does it, or that of the supervisor. Returns only if that fails. */
export function superviseExec(run: Run): never {
  runSection(run, "waitHere");
  runSection(run, "becomeSupervisor");
  prepareSupervisor(run, run.program.compiled.supervisor(), word(run, "initPid"));
  runSection(run, "startSupervisor");
  throw new Error("box: execveat returned");
}
