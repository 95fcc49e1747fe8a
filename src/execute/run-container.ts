// Runs a compiled plan in the foreground: box's sections one by one with the little TypeScript between them, then box
// becomes the supervisor and this code is gone. On any failure everything made so far is undone and one error names
// the step (failure.ts).

import { BoxError } from "../errors.ts";
import { structFields } from "../linux/structs.ts";
import { field } from "../host/read-facts.ts";
import { bufferBytes } from "../plan/plan.ts";
import { type State, startTimeOf } from "../state/state.ts";
import { header, STATUS_ADDRESS, STATUS_BYTES, status, TAPE_ADDRESS } from "../tape/layout.ts";
import type { Program, SectionName, SupervisorTape } from "./compile.ts";
import { readText } from "./files.ts";
import * as libc from "./libc.ts";
import { type HookEnd, TapeFailed } from "./tape-failed.ts";

/** What happens between sections; plugins tap into it. */
export type Between = {
  /** Namespaces and cgroups exist and init's pid is known; the user's process does not run yet. */
  readonly prestart?: (state: State) => Promise<void>;
  /** The user's process runs. */
  readonly poststart?: (state: State) => Promise<void>;
  /** The start failed and all processes have ended; the state is still there. */
  readonly poststop?: () => Promise<void>;
  /** Something failed that the container does without. */
  readonly warn?: (error: unknown) => void;
};

/** What a start writes down: the first state, and the configuration as JSON. */
export type Written = { readonly state: State; readonly config: string };

type Run = {
  readonly program: Program;
  /** Kept referenced: the kernel reads them by address. */
  readonly alive: Uint8Array[];
  /** The page that the child reports in. */
  page: Uint32Array | undefined;
};

type Place = keyof Program["compiled"]["box"]["places"];
const placeOf = (run: Run, name: Place): number => run.program.compiled.box.places[name];
const word = (run: Run, name: Place): number => libc.readWord(placeOf(run, name));

function setBytes(run: Run, address: Place, length: Place, bytes: Uint8Array): void {
  run.alive.push(bytes);
  libc.writeWord(placeOf(run, address), libc.addressOf(bytes));
  libc.writeWord(placeOf(run, length), bytes.length);
}

const encoder = new TextEncoder();
const setState = (run: Run, state: State): void => setBytes(run, "state", "stateLength", encoder.encode(JSON.stringify(state)));

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

function textAt(address: number, bytes: number): string {
  const copy = libc.bytesAt(address, bytes).slice();
  const end = copy.indexOf(0);
  return new TextDecoder().decode(end < 0 ? copy : copy.subarray(0, end));
}

/** 64 bits of the child's page, of which it may have written anything. */
const shared = (page: Uint32Array, byte: number): number =>
  (page[byte >>> 2] as number) + ((page[(byte >>> 2) + 1] as number) | 0) * 2 ** 32;

/** Runs one section. A failure of the child explains more than box's own, which often only notices it. */
function runSection(run: Run, name: SectionName): void {
  const entry = run.program.compiled.box.entries[name];
  if (entry === 0) return;
  const failed = libc.runTape(entry);
  throwChildFailure(run);
  if (failed === 0) return;
  throwOwnFailure(run, -failed);
}

function throwOwnFailure(run: Run, errno: number): never {
  const address = libc.readWord(libc.tapeMemory.address + header.lastRecord);
  const explanation = textAt(placeOf(run, "verifierLog"), bufferBytes.verifierLog);
  const { hookBegan, hookSiginfo } = run.program.compiled.box.places;
  const began = libc.bytesAt(hookBegan, timespecBytes);
  const siginfo = libc.bytesAt(hookSiginfo, siginfoBytes);
  throw new TapeFailed({ tape: "box", address, errno, explanation, hook: hookEnd(run, began, siginfo) });
}

/** Bytes of structs that a hook's steps fill (src/plan/hooks.ts). */
const timespecBytes = structFields.timespec.bytes;
const siginfoBytes = structFields.siginfo.bytes;

/** What is known of the hook that ran last; its output is read when somebody asks. */
function hookEnd(run: Run, began: Uint8Array, siginfo: Uint8Array): HookEnd {
  return { began: began.slice(), siginfo: siginfo.slice(), endedMs: Date.now(), output: word(run, "hookOutput") };
}

function throwChildFailure(run: Run): void {
  const { page, program } = run;
  if (page === undefined) return;
  const stopped = shared(page, status.failed);
  if (stopped === 0) return;
  const { places, begin } = program.compiled.child;
  if (stopped >= begin) {
    const bytes = (address: number, length: number): Uint8Array =>
      new Uint8Array(page.buffer, page.byteOffset + address - STATUS_ADDRESS, length);
    const hook = hookEnd(run, bytes(places.hookBegan, timespecBytes), bytes(places.hookSiginfo, siginfoBytes));
    throw new TapeFailed({ tape: "child", address: stopped, errno: -shared(page, status.errno), explanation: "", hook });
  }
  // The tape stopped in an explanation, on behalf of the step that failed.
  const at = places.explanation - STATUS_ADDRESS;
  const bytes = new Uint8Array(page.buffer, page.byteOffset + at, bufferBytes.explanation).slice();
  const end = bytes.indexOf(0);
  throw new TapeFailed({
    tape: "child",
    address: shared(page, places.failedRecord - STATUS_ADDRESS),
    errno: shared(page, places.failedErrno - STATUS_ADDRESS),
    explanation: new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end)),
  });
}

/** The vfork child failed before it was the stage: it shares box's memory, so it left its failure there. */
function throwVforkFailure(run: Run): void {
  const address = libc.readWord(libc.tapeMemory.address + header.lastRecord);
  if (!run.program.compiled.box.vfork.includes(address)) return;
  throw new TapeFailed({ tape: "box", address, errno: -libc.readWord(libc.tapeMemory.address + header.lastErrno), explanation: "" });
}

/** init's pid: what clone3 returned, or what the helper reported, which counts only if it is our own child. */
function initPid(run: Run): number {
  const { helper, child } = run.program.compiled;
  if (!helper) return word(run, "pid");
  const pid = run.page?.[(child.places.initPid - STATUS_ADDRESS) >>> 2] ?? 0;
  const info = new Uint8Array(128);
  const own = libc.systemCall("waitid", P_PID, pid, libc.addressOf(info), WEXITED_WNOHANG_WNOWAIT, 0);
  if (pid === 0 || own < 0) throw new BoxError({ what: "the helper ended without making init" });
  return pid;
}

const P_PID = 1;
const WEXITED_WNOHANG_WNOWAIT = 4 | 1 | 0x01000000;

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
    if (word(run, "stateFolder") >= 0) await (await import("./undo.ts")).undoStart(written.state, folder, childrenOf(run), between.poststop);
    throw await inWords(error, program);
  }
}

/** The error that a person is told. */
export const inWords = async (error: unknown, program: Program): Promise<unknown> =>
  error instanceof TapeFailed ? (await import("./failure.ts")).failureInWords(error.failure, await program.explain()) : error;

function childrenOf(run: Run): number[] {
  const [pid, init] = [word(run, "pid"), word(run, "initPid")];
  const children: number[] = [];
  if (pid > 0) children.push(pid);
  if (init > 0 && init !== pid) children.push(init);
  return children;
}

async function start(run: Run, { state: first, config }: Written, between: Between): Promise<Started> {
  const { child, supervisor, way } = run.program.compiled;
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
  setHookState(run, state, "creating");
  runSection(run, "writeIdMaps");
  runSection(run, "runtimeHooks");
  runSection(run, "record");
  runSection(run, "becomeSupervisor");
  if (between.prestart !== undefined) await between.prestart(state);
  // Before the release, while the child still works: after it, box has nothing left to do but to become the supervisor.
  if (way === "foreground") prepareSupervisor(run, supervisor(), state.pid);
  setHookState(run, state, "created");
  setBytes(run, "pidText", "pidTextLength", encoder.encode(String(pid)));
  runSection(run, "release");
  if (way !== "created") throwSilentDeath(run);
  runSection(run, "report");
  runPoststartHooks(run, state, between);
  if (way !== "created" && between.poststart !== undefined) await between.poststart(state);
  return { run, state, poststop: between.poststop };
}

/** A hook that fails keeps neither the container nor the other hooks from running (runtime.md, "Lifecycle"). */
function runPoststartHooks(run: Run, state: State, { warn }: Between): void {
  const { poststart } = run.program.compiled.box;
  if (poststart.length === 0) return;
  setHookState(run, state, "running");
  for (let index = 0; index < poststart.length; index++) {
    const failed = libc.runTape(poststart[index] as number);
    if (failed === 0) continue;
    try {
      throwOwnFailure(run, -failed);
    } catch (error) {
      warn?.(error);
    }
  }
}

/** The line closed without a failure: that is execve, unless the child never got there. */
function throwSilentDeath({ page, program }: Run): void {
  const current = shared(page as Uint32Array, status.current);
  if (!program.compiled.child.executes.includes(current))
    throw new TapeFailed({ tape: "child", address: current, errno: 0, explanation: "" });
}

/** Gives the supervisor's tape what it needs to know, and box's tape the supervisor's. */
function prepareSupervisor(run: Run, { image, places }: SupervisorTape, init: number): void {
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
  setBytes(run, "tape", "tapeLength", image);
}

/** Box becomes the supervisor. Returns only if that fails. */
export function superviseContainer({ run }: Started): never {
  runSection(run, "startSupervisor");
  throw new Error("box: execveat returned");
}
