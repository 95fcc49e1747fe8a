// A compiled plan while it runs: what TypeScript puts into box's tape before a section, and what it makes of a failure of
// a tape, box's own or the child's.

import { BoxError } from "../errors.ts";
import { structFields } from "../linux/structs.ts";
import { bufferBytes } from "../plan/plan.ts";
import { header, STATUS_ADDRESS, status, TAPE_ADDRESS } from "../tape/layout.ts";
import type { Program, SectionName } from "./compile.ts";
import { readHookOutput } from "./hook-output.ts";
import * as libc from "./libc.ts";
import { type HookEnd, TapeFailed } from "./tape-failed.ts";

export type Run = {
  readonly program: Program;
  /** Kept referenced: the kernel reads them by address. */
  readonly alive: Uint8Array[];
  /** The page that the child reports in. */
  page: Uint32Array | undefined;
};

type Place = keyof Program["compiled"]["box"]["places"];
export const placeOf = (run: Run, name: Place): number => run.program.compiled.box.places[name];
export const word = (run: Run, name: Place): number => libc.readWord(placeOf(run, name));

export function setBytes(run: Run, address: Place, length: Place, bytes: Uint8Array): void {
  run.alive.push(bytes);
  libc.writeWord(placeOf(run, address), libc.addressOf(bytes));
  libc.writeWord(placeOf(run, length), bytes.length);
}

export const encoder = new TextEncoder();
export function textAt(address: number, bytes: number): string {
  const copy = libc.bytesAt(address, bytes).slice();
  const end = copy.indexOf(0);
  return new TextDecoder().decode(end < 0 ? copy : copy.subarray(0, end));
}

/** 64 bits of the child's page, of which it may have written anything. */
const shared = (page: Uint32Array, byte: number): number =>
  (page[byte >>> 2] as number) + ((page[(byte >>> 2) + 1] as number) | 0) * 2 ** 32;

/** Runs one section. A failure of the child explains more than box's own, which often only notices it. */
export function runSection(run: Run, name: SectionName): void {
  const entry = run.program.compiled.box.entries[name];
  if (entry === 0) return;
  const failed = libc.runTape(entry);
  throwChildFailure(run);
  if (failed === 0) return;
  throwOwnFailure(run, -failed);
}

export function throwOwnFailure(run: Run, errno: number): never {
  const address = libc.readWord(libc.tapeMemory.address + header.lastRecord);
  const explanation = textAt(placeOf(run, "verifierLog"), bufferBytes.verifierLog);
  const { hookBegan, hookSiginfo } = run.program.compiled.box.places;
  const began = libc.bytesAt(hookBegan, timespecBytes);
  const siginfo = libc.bytesAt(hookSiginfo, siginfoBytes);
  throw new TapeFailed({ tape: "box", address, errno, explanation, hook: hookEnd(run, began, siginfo) });
}

/** Bytes of structs that a hook's steps fill (src/plan/hooks.ts). */
const timespecBytes = structFields.timespec.bytes;
export const siginfoBytes = structFields.siginfo.bytes;

/** What is known of the hook that ran last. */
function hookEnd(run: Run, began: Uint8Array, siginfo: Uint8Array): HookEnd {
  return { began: began.slice(), siginfo: siginfo.slice(), endedMs: Date.now(), output: readHookOutput(word(run, "hookOutput")) };
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
    program: textOfTape(program.compiled.child.image, shared(page, places.shownProgram - STATUS_ADDRESS)),
  });
}

/** A text of the child's tape by its address there; empty where it has none. */
function textOfTape(image: Uint8Array, address: number): string {
  const from = address - TAPE_ADDRESS;
  if (from < 0 || from >= image.length) return "";
  const end = image.indexOf(0, from);
  return new TextDecoder().decode(image.subarray(from, end < 0 ? image.length : end));
}

/** The vfork child failed before it was the stage: it shares box's memory, so it left its failure there. */
export function throwVforkFailure(run: Run): void {
  const address = libc.readWord(libc.tapeMemory.address + header.lastRecord);
  if (!run.program.compiled.box.vfork.includes(address)) return;
  throw new TapeFailed({ tape: "box", address, errno: -libc.readWord(libc.tapeMemory.address + header.lastErrno), explanation: "" });
}

/** init's pid: what clone3 returned, or what the helper reported, which counts only if it is our own child. */
export function initPid(run: Run): number {
  if (!run.program.compiled.helper) return word(run, "pid");
  const pid = reportedPid(run);
  if (pid === 0) throw new BoxError({ what: "the helper ended without making init" });
  return pid;
}

/** What the helper has reported, if it is a child of box that nobody has waited for yet; else 0. */
function reportedPid({ page, program }: Run): number {
  const pid = page?.[(program.compiled.child.places.initPid - STATUS_ADDRESS) >>> 2] ?? 0;
  const info = new Uint8Array(128);
  const own = libc.systemCall("waitid", P_PID, pid, libc.addressOf(info), WEXITED_WNOHANG_WNOWAIT, 0);
  return pid > 0 && own >= 0 ? pid : 0;
}

/** Box's children of a start that failed, none of which has been waited for: also one that was reported and not yet noted. */
export function childrenOf(run: Run): number[] {
  const [pid, init] = [word(run, "pid"), word(run, "initPid")];
  const children: number[] = [];
  if (pid > 0) children.push(pid);
  if (init > 0 && init !== pid) children.push(init);
  const reported = init > 0 || !run.program.compiled.helper ? 0 : reportedPid(run);
  if (reported > 0) children.push(reported);
  return children;
}

const P_PID = 1;
const WEXITED_WNOHANG_WNOWAIT = 4 | 1 | 0x01000000;

/** The line closed without a failure: that is execve, unless the child never got there. */
export function throwSilentDeath({ page, program }: Run): void {
  const current = shared(page as Uint32Array, status.current);
  if (!program.compiled.child.executes.includes(current))
    throw new TapeFailed({ tape: "child", address: current, errno: 0, explanation: "" });
}
