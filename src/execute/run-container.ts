// Runs a plan in the foreground: box's sections one by one with the little TypeScript between them, then box becomes
// the supervisor and this code is gone. On any failure everything made so far is undone and one error names the step.

import type { Plan, Section } from "../plan/plan.ts";
import { BoxError } from "../errors.ts";
import { type State, startTimeOf } from "../state/state.ts";
import { type Encoded, encodeTape } from "../tape/encode.ts";
import { header, STATUS_ADDRESS, STATUS_BYTES, status, TAPE_ADDRESS } from "../tape/layout.ts";
import type { Buffer, Slot, Step } from "../tape/step.ts";
import { stepAt, TapeFailed } from "./step-at.ts";
import * as libc from "./libc.ts";

/** What happens between sections; plugins tap into it. */
export type Between = {
  /** Namespaces and cgroups exist and init's pid is known; the user's process does not run yet. */
  readonly prestart?: (state: State) => Promise<void>;
  /** The user's process runs. */
  readonly poststart?: (state: State) => Promise<void>;
  /** The start failed and all processes have ended; the state is still there. */
  readonly poststop?: () => Promise<void>;
};

type Run = {
  readonly plan: Plan;
  readonly box: Encoded;
  readonly entries: ReadonlyMap<Section, number>;
  readonly child: Encoded;
  /** Kept referenced: the kernel reads them by address. */
  readonly alive: Uint8Array[];
  page: DataView | undefined;
  supervisor: Encoded | undefined;
};

const word = (run: Run, slot: Slot): number => libc.readWord(run.box.addressOf(slot));
const setWord = (run: Run, slot: Slot, value: number): void => libc.writeWord(run.box.addressOf(slot), value);

function load(plan: Plan): Run {
  const where = { machine: libc.machine, base: libc.tapeMemory.address, status: libc.boxStatusAddress };
  const sections = [plan.prepare, plan.awaitHelper, plan.observe, plan.writeIdMaps, plan.record, plan.release, plan.becomeSupervisor, plan.startSupervisor];
  const box = encodeTape(sections.map(({ steps }) => steps), plan.box.variables, where, { memory: libc.takeMemory("own") });
  const [context, program] = plan.explanations;
  const child = encodeTape(
    [plan.child.flatMap(({ steps }) => steps), context.steps, program.steps],
    plan.childVariables.variables,
    { machine: libc.machine, base: TAPE_ADDRESS, status: STATUS_ADDRESS },
    { explanations: { context: 1, program: 2 }, memory: libc.takeMemory("child") },
  );
  libc.loadTape(box.image);
  const entries = new Map<Section, number>();
  for (let index = 0; index < sections.length; index++) entries.set(sections[index] as Section, box.entries[index] as number);
  return { plan, box, entries, child, alive: [], page: undefined, supervisor: undefined };
}

function setBytes(run: Run, target: { address: Slot<"int">; length: Slot<"int"> }, bytes: Uint8Array): void {
  run.alive.push(bytes);
  setWord(run, target.address, libc.addressOf(bytes));
  setWord(run, target.length, bytes.length);
}

const encoder = new TextEncoder();
const setState = (run: Run, state: State): void => setBytes(run, run.plan.box.state, encoder.encode(JSON.stringify(state)));

function setText(run: Run, buffer: Buffer, text: string): void {
  const bytes = encoder.encode(`${text}\0`);
  if (bytes.length > buffer.bytes) throw new Error(`box: ${buffer.buffer} is too small`);
  libc.bytesAt(run.box.addressOf(buffer), bytes.length).set(bytes);
}

function textOf(run: Run, buffer: Buffer): string {
  const bytes = libc.bytesAt(run.box.addressOf(buffer), buffer.bytes).slice();
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(bytes.subarray(0, end < 0 ? bytes.length : end));
}

/** Runs one section. A failure of the child explains more than box's own, which often only notices it. */
function runSection(run: Run, section: Section): void {
  if (section.steps.length === 0) return;
  const failed = libc.runTape(run.entries.get(section) as number);
  throwChildFailure(run);
  if (failed < 0) throw boxFailure(run, -failed);
}

function boxFailure(run: Run, errno: number): TapeFailed {
  const at = stepAt(run.box, libc.readWord(libc.tapeMemory.address + header.lastRecord));
  if (at === undefined) throw new Error("box: a tape stopped at no step");
  const explanation = at.step.call === "bpf" ? textOf(run, run.plan.box.verifierLog) : "";
  return new TapeFailed({ ...at, errno, explanation });
}

/** What the shared page says; its contents are the child's word, so an impossible one is no word at all. */
function throwChildFailure(run: Run): void {
  const page = run.page;
  if (page === undefined) return;
  const stopped = Number(page.getBigUint64(status.failed, true));
  if (stopped === 0) return;
  const last = stepAt(run.child, stopped)?.step;
  const shared = (slot: Slot): number => Number(page.getBigInt64(run.child.addressOf(slot) - STATUS_ADDRESS, true));
  const { failedRecord, failedErrno } = run.plan.childVariables;
  // After an explanation the tape stopped in that list, on behalf of the step that failed.
  const explained = last !== undefined && run.plan.explanations.some(({ steps }) => steps.includes(last));
  const at = stepAt(run.child, explained ? shared(failedRecord) : stopped);
  const errno = explained ? shared(failedErrno) : -Number(page.getBigInt64(status.errno, true));
  if (at === undefined || errno < 1 || errno > 4095) throw new BoxError({ what: "the child reports an impossible failure" });
  throw new TapeFailed({ ...at, errno, explanation: explained ? explanationOf(run, page) : "" });
}

function explanationOf(run: Run, page: DataView): string {
  const { explanation } = run.plan.childVariables;
  const at = run.child.addressOf(explanation) - STATUS_ADDRESS;
  const bytes = new Uint8Array(page.buffer, at, explanation.bytes).slice();
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(bytes.subarray(0, end < 0 ? bytes.length : end));
}

/** The vfork child failed before it was the stage: it shares box's memory, so it left its failure there. */
function throwVforkFailure(run: Run, clone: Step): void {
  const at = stepAt(run.box, libc.readWord(libc.tapeMemory.address + header.lastRecord));
  const errno = -libc.readWord(libc.tapeMemory.address + header.lastErrno);
  if (at !== undefined && clone.equal?.steps.includes(at.step) === true) throw new TapeFailed({ ...at, errno, explanation: "" });
}

/** init's pid: what clone3 returned, or what the helper reported, which counts only if it is our own child. */
function initPid(run: Run): number {
  const { plan, page } = run;
  if (plan.awaitHelper.steps.length === 0) return word(run, plan.box.pid);
  const slot = run.child.addressOf(plan.childVariables.initPid) - STATUS_ADDRESS;
  const pid = page?.getUint32(slot, true) ?? 0;
  const info = new Uint8Array(128);
  const own = libc.systemCall("waitid", P_PID, pid, libc.addressOf(info), WEXITED_WNOHANG_WNOWAIT, 0);
  if (pid === 0 || own < 0) throw new BoxError({ what: "the helper ended without making init" });
  return pid;
}

const P_PID = 1;
const WEXITED_WNOHANG_WNOWAIT = 4 | 1 | 0x01000000;

/**
 * Everything up to the user's process running; `folder` is the container's state folder. On a failure all is undone
 * and the one error thrown.
 */
export async function startContainer(plan: Plan, first: State, folder: string, between: Between): Promise<Started> {
  const run = load(plan);
  try {
    return await start(run, first, between);
  } catch (error) {
    // Without the state folder it was not ours to make, and nothing else was made before it.
    if (word(run, plan.box.stateFolder) >= 0) await (await import("./undo.ts")).undoStart(first, folder, childrenOf(run), between.poststop);
    throw await inWords(error);
  }
}

/** The error that a person is told. */
export const inWords = async (error: unknown): Promise<unknown> =>
  error instanceof TapeFailed ? (await import("./blame.ts")).blame(error.failed) : error;

export type Started = { readonly run: Run; readonly state: State };

function childrenOf(run: Run): number[] {
  const { pid, initPid } = run.plan.box;
  return [word(run, pid), word(run, initPid)].filter((one, index, all) => one > 0 && all.indexOf(one) === index);
}

async function start(run: Run, first: State, between: Between): Promise<Started> {
  const { plan } = run;
  setBytes(run, plan.box.stageBytes, libc.stage.elf);
  setBytes(run, plan.box.tapeBytes, run.child.image);
  setState(run, first);
  runSection(run, plan.prepare);
  run.page = new DataView(libc.mappedBytes(word(run, plan.box.statusAddress), STATUS_BYTES));
  const clone = plan.prepare.steps.find(({ call }) => call === "clone3");
  if (clone !== undefined) throwVforkFailure(run, clone);
  // While the child works.
  run.supervisor = encodeSupervisor(plan);
  runSection(run, plan.awaitHelper);
  const pid = initPid(run);
  setWord(run, plan.box.initPid, pid);
  setText(run, plan.box.processPath, `/proc/${pid}`);
  runSection(run, plan.observe);
  const state: State = { ...first, status: "running", pid, box: { ...first.box, startTime: readStartTime(run) } };
  setState(run, state);
  runSection(run, plan.writeIdMaps);
  runSection(run, plan.record);
  runSection(run, plan.becomeSupervisor);
  if (between.prestart !== undefined) await between.prestart(state);
  runSection(run, plan.release);
  throwSilentDeath(run);
  if (between.poststart !== undefined) await between.poststart(state);
  return { run, state };
}

function readStartTime(run: Run): number {
  return startTimeOf(textOf(run, run.plan.box.stat));
}

/** The line closed without a failure: that is execve, unless the child never got there. */
function throwSilentDeath(run: Run): void {
  const current = Number((run.page as DataView).getBigUint64(status.current, true));
  const at = stepAt(run.child, current);
  if (at?.step.call === "execve") return;
  const during = at === undefined ? "" : ` while it was to ${at.step.why}`;
  throw new BoxError({ what: `the container's first process was killed${during}`, ...(at === undefined ? {} : { origin: at.step.origin }) });
}

const encodeSupervisor = ({ supervise, handOver, supervisor }: Plan): Encoded =>
  encodeTape(
    [supervise.steps, handOver.steps],
    supervisor.variables,
    { machine: libc.machine, base: TAPE_ADDRESS, status: STATUS_ADDRESS },
    { failureList: 1, memory: libc.takeMemory("supervisor") },
  );

/** Box becomes the supervisor. Returns only if that fails. */
export function superviseContainer({ run, state }: Started): never {
  const { plan } = run;
  const { supervisor, box } = plan;
  const tape = run.supervisor ?? encodeSupervisor(plan);
  const view = new DataView(tape.image.buffer, tape.image.byteOffset);
  const give = (slot: Slot, value: number): void => view.setBigInt64(tape.addressOf(slot) - TAPE_ADDRESS, BigInt(value), true);
  give(supervisor.init, state.pid);
  give(supervisor.stateRoot, word(run, box.kept.stateRoot));
  give(supervisor.stateFolder, word(run, box.kept.stateFolder));
  give(supervisor.box, word(run, box.kept.box));
  give(supervisor.terminal, word(run, box.kept.terminal));
  setBytes(run, box.tapeBytes, tape.image);
  runSection(run, plan.startSupervisor);
  throw new Error("box: execveat returned");
}
