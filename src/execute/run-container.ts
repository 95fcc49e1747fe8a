// Runs a compiled plan in the foreground: box's sections one by one with the little TypeScript between them, then box
// becomes the supervisor and this code is gone. On any failure everything made so far is undone and one error names
// the step (failure.ts).

import { BOOT_ID_BYTES, encodeFrontFile, PIDFS_MAGIC } from "../front/front-file.ts";
import { field } from "../host/read-facts.ts";
import { structFields } from "../linux/structs.ts";
import { bufferBytes, outcomes } from "../plan/plan.ts";
import { type State, startTimeOf } from "../state/state.ts";
import { STATUS_BYTES, TAPE_ADDRESS } from "../tape/layout.ts";
import type { Program, SupervisorTape } from "./compile.ts";
import { readText } from "./files.ts";
import * as libc from "./libc.ts";
import { TapeFailed } from "./tape-failed.ts";
import {
  childrenOf,
  encoder,
  initPid,
  placeOf,
  type Run,
  runSection,
  setBytes,
  siginfoBytes,
  textAt,
  throwOwnFailure,
  throwSilentDeath,
  throwVforkFailure,
  word,
} from "./tape-run.ts";

/** What happens between sections; plugins tap into it. */
export type Between = {
  /** Namespaces and cgroups exist and init's pid is known; the user's process does not run yet. */
  readonly prestart?: (state: State) => Promise<void>;
  /** The user's process runs. */
  readonly poststart?: (state: State) => Promise<void>;
  /** The start failed and all processes have ended; the state is still there. */
  readonly poststop?: () => Promise<void>;
};

/** What a start writes down: the first state, and the configuration as JSON. */
export type Written = { readonly state: State; readonly config: string };

const setState = (run: Run, state: State): void => setBytes(run, "state", "stateLength", encoder.encode(JSON.stringify(state)));

/** Empty where the front is to leave the container to the rest of box. */
function setFrontFile(run: Run, state: State): void {
  if (placeOf(run, "frontFile") === 0) return;
  const inode = (of: "frontStatx" | "frontPidNamespace"): Uint8Array => libc.bytesAt(placeOf(run, of) + INODE, 8);
  const bootId = libc.bytesAt(placeOf(run, "frontBootId"), BOOT_ID_BYTES);
  const isPidfs = libc.readWord(placeOf(run, "frontStatfs")) === PIDFS_MAGIC;
  const identity = { inode: inode("frontStatx"), bootId, pidNamespace: inode("frontPidNamespace") };
  const file = isPidfs ? encodeFrontFile(state, identity) : undefined;
  setBytes(run, "frontFile", "frontFileLength", file ?? new Uint8Array(0));
}

/** stx_ino */
const INODE = structFields.statx.fields.ino?.offset as number;

/** What hooks read on stdin: the runtime-spec's state and no more. */
function setHookState(run: Run, { box: _, ...state }: State, status: State["status"]): void {
  if (word(run, "hookOutput") < 0) return;
  setBytes(run, "hookState", "hookStateLength", encoder.encode(JSON.stringify({ ...state, status })));
  const inside = { ...state, status, pid: pidInside(state.pid) };
  setBytes(run, "insideState", "insideStateLength", encoder.encode(JSON.stringify(inside)));
}

/** Init's pid in its own namespace: the last of NSpid in proc_pid_status(5). */
function pidInside(pid: number): number {
  const text = readText(`/proc/${pid}/status`);
  return typeof text === "string" ? Number(field(text, "NSpid").split(/\s+/).at(-1)) : pid;
}

/** `poststop` is what undoes plugins' work, should the supervisor not begin. */
export type Started = { readonly run: Run; readonly state: State; readonly poststop: Between["poststop"] };

/**
 * Everything up to the user's process running; `folder` is the container's state folder. On a failure all is undone
 * and the one error thrown.
 */
export async function startContainer(program: Program, written: Written, folder: string, between: Between): Promise<Started> {
  const run: Run = { program, alive: [], page: undefined };
  libc.loadTape(program.compiled.box.image);
  try {
    return await start(run, written, between);
  } catch (error) {
    // Without the state folder it was not ours to make, and nothing else was made before it.
    if (word(run, "stateFolder") >= 0)
      await (await import("./undo.ts")).undoStart(written.state, folder, childrenOf(run), run.page !== undefined, between.poststop);
    throw await inWords(error, program);
  }
}

/** The error that a person is told. */
export const inWords = async (error: unknown, program: Program): Promise<unknown> =>
  error instanceof TapeFailed ? (await import("./failure.ts")).failureInWords(error.failure, await program.explain()) : error;

async function start(run: Run, { state: first, config }: Written, between: Between): Promise<Started> {
  const { child, way } = run.program.compiled;
  setBytes(run, "stage", "stageLength", libc.stage.elf);
  setBytes(run, "tape", "tapeLength", child.image);
  setState(run, first);
  setBytes(run, "config", "configLength", encoder.encode(config));
  runSection(run, "prepare");
  run.page = new Uint32Array(libc.mappedBytes(word(run, "status"), STATUS_BYTES));
  throwVforkFailure(run);
  runSection(run, "awaitHelper");
  const pid = initPid(run);
  libc.writeWord(placeOf(run, "initPid"), pid);
  const path = encoder.encode(`/proc/${pid}\0`);
  libc.bytesAt(placeOf(run, "processPath"), path.length).set(path);
  runSection(run, "observe");
  const startTime = startTimeOf(textAt(placeOf(run, "stat"), bufferBytes.stat));
  const state: State = { ...first, status: way === "created" ? "created" : "running", pid, box: { ...first.box, startTime } };
  setState(run, state);
  setFrontFile(run, state);
  setHookState(run, state, "creating");
  runSection(run, "writeIdMaps");
  runSection(run, "moveDevices");
  runSection(run, "runtimeHooks");
  runSection(run, "record");
  if (between.prestart !== undefined) await between.prestart(state);
  setHookState(run, state, "created");
  setBytes(run, "pidText", "pidTextLength", encoder.encode(String(pid)));
  if (placeOf(run, "agentState") !== 0) {
    const { setAgentState } = await import("./agent-state.ts");
    setAgentState(run, pid, { ...state, status: "creating" }, JSON.parse(config));
  }
  runSection(run, "release");
  if (way !== "created") throwSilentDeath(run);
  runSection(run, "report");
  runPoststartHooks(run, state);
  if (way !== "created" && between.poststart !== undefined) await between.poststart(state);
  return { run, state, poststop: between.poststop };
}

/** One that fails ends the container (runtime.md, "Lifecycle", since version 1.3 of the runtime-spec). */
function runPoststartHooks(run: Run, state: State): void {
  const { poststart } = run.program.compiled.box;
  if (poststart.length === 0) return;
  setHookState(run, state, "running");
  for (let index = 0; index < poststart.length; index++) {
    const failed = libc.runTape(poststart[index] as number);
    if (failed !== 0) throwOwnFailure(run, -failed);
  }
}

/** Gives the supervisor's tape what it needs to know, and box's tape the supervisor's. */
export function prepareSupervisor(run: Run, { image, places, stdio }: SupervisorTape, init: number): void {
  const words = new Uint32Array(image.buffer, image.byteOffset, image.byteLength >>> 2);
  const give = (place: number, value: number): void => {
    const at = (place - TAPE_ADDRESS) >>> 2;
    words[at] = value;
    words[at + 1] = value < 0 ? 0xffff_ffff : 0;
  };
  give(places.init, init);
  give(places.stateRoot, word(run, "keptStateRoot"));
  give(places.stateFolder, word(run, "keptStateFolder"));
  give(places.box, word(run, "keptBox"));
  give(places.terminal, word(run, "keptTerminal"));
  const own = run.program.compiled.box.stdio;
  for (let index = 0; index < stdio.length; index++) {
    const from = own[index] as number;
    if (from !== 0) give(stdio[index] as number, libc.readWord(from));
  }
  setBytes(run, "tape", "tapeLength", image);
}

/**
 * Waits for the end: here for a moment, then box becomes the supervisor, from which there is no return. Returns how init
 * ended, as waitid(2) tells it, when there is something to finish that a tape cannot.
 */
export function superviseContainer({ run, state }: Started): Uint8Array {
  runSection(run, "waitHere");
  if (word(run, "outcome") === outcomes.handOver) return libc.bytesAt(placeOf(run, "siginfo"), siginfoBytes).slice();
  runSection(run, "becomeSupervisor");
  prepareSupervisor(run, run.program.compiled.supervisor(), state.pid);
  runSection(run, "startSupervisor");
  throw new Error("box: execveat returned");
}
