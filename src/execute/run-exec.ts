// Runs the compiled plan of one more process in a container that runs: until its execve, and in the foreground until its
// end, for which box becomes the supervisor when it takes long.

import { STATUS_BYTES } from "../tape/layout.ts";
import type { Program } from "./compile.ts";
import * as libc from "./libc.ts";
import { inWords, prepareSupervisor } from "./run-container.ts";
import { encoder, initPid, placeOf, type Run, runSection, setBytes, throwSilentDeath, throwVforkFailure, word } from "./tape-run.ts";

const SIGKILL = 9;
const P_PID = 1;
const WEXITED = 4;

/** Starts the process. On a failure nothing of it is left, and the one error is thrown. */
export async function startExec(program: Program): Promise<Run> {
  const run: Run = { program, alive: [], page: undefined };
  libc.loadTape(program.compiled.box.image);
  try {
    start(run);
  } catch (error) {
    endChildren(run);
    throw await inWords(error, program);
  }
  return run;
}

function start(run: Run): void {
  setBytes(run, "stage", "stageLength", libc.stage.elf);
  setBytes(run, "tape", "tapeLength", run.program.compiled.child.image);
  runSection(run, "prepare");
  run.page = new Uint32Array(libc.mappedBytes(word(run, "status"), STATUS_BYTES));
  throwVforkFailure(run);
  runSection(run, "awaitHelper");
  const pid = initPid(run);
  libc.writeWord(placeOf(run, "initPid"), pid);
  runSection(run, "record");
  setBytes(run, "pidText", "pidTextLength", encoder.encode(String(pid)));
  runSection(run, "release");
  throwSilentDeath(run);
  runSection(run, "report");
}

function endChildren(run: Run): void {
  for (const place of ["pid", "initPid"] as const) {
    const pid = word(run, place);
    if (pid <= 0) continue;
    libc.systemCall("kill", pid, SIGKILL);
    libc.systemCall("waitid", P_PID, pid, 0, WEXITED, 0);
  }
}

/** Ends with the process: the tape does it, or that of the supervisor. Returns only if that fails. */
export function superviseExec(run: Run): never {
  runSection(run, "waitHere");
  runSection(run, "becomeSupervisor");
  prepareSupervisor(run, run.program.compiled.supervisor(), word(run, "initPid"));
  runSection(run, "startSupervisor");
  throw new Error("box: execveat returned");
}
