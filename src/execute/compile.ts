// A plan as what is left of it when it runs: three tapes as bytes, and the addresses in them that TypeScript needs.
// Steps, origins and reasons stay behind; a failure asks for them again (Program.explain).

import type { Launch } from "../plan/launch.ts";
import { type Plan, type Section, stdioDescriptors } from "../plan/plan.ts";
import { type Encoded, encodeTape } from "../tape/encode.ts";
import { record, STATUS_ADDRESS, TAPE_ADDRESS } from "../tape/layout.ts";
import type { Buffer, Slot, Step } from "../tape/step.ts";
import * as libc from "./libc.ts";

/** Box's sections in the order in which they are run. */
export const sectionNames = [
  "prepare",
  "awaitHelper",
  "observe",
  "writeIdMaps",
  "moveDevices",
  "runtimeHooks",
  "record",
  "agent",
  "release",
  "report",
  "waitHere",
  "becomeSupervisor",
  "startSupervisor",
] as const;
export type SectionName = (typeof sectionNames)[number];

/** Addresses of slots and buffers, by what they are. */
type Places<Name extends string> = { readonly [name in Name]: number };
export type Tape<Name extends string> = { readonly image: Uint8Array; readonly places: Places<Name> };

export type BoxTape = Tape<
  | "stage"
  | "stageLength"
  | "tape"
  | "tapeLength"
  | "state"
  | "stateLength"
  | "config"
  | "configLength"
  | "hookState"
  | "hookStateLength"
  | "insideState"
  | "insideStateLength"
  | "pidText"
  | "pidTextLength"
  | "hookOutput"
  | "siginfo"
  | "sync"
  | "outcome"
  | "hookBegan"
  | "hookSiginfo"
  | "status"
  | "stateFolder"
  | "pid"
  | "initPid"
  | "processPath"
  | "stat"
  | "verifierLog"
  | "keptStateRoot"
  | "keptStateFolder"
  | "keptBox"
  | "keptTerminal"
  | "agentState"
  | "agentStateLength"
  | "frontFile"
  | "frontFileLength"
  | "frontStatx"
  | "frontStatfs"
  | "frontBootId"
  | "frontPidNamespace"
> & {
  /** Address of each section's first record; 0: nothing to do. */
  readonly entries: Places<SectionName>;
  /** Where the numbers of what the supervisor has of stdio stand, in the order of stdioDescriptors; 0: there is none. */
  readonly stdio: readonly number[];
  /** The same for each poststart hook. */
  readonly poststart: readonly number[];
  /** Records that the vfork child runs in box's memory. */
  readonly vfork: readonly number[];
};

export type ChildTape = Tape<"failedRecord" | "failedErrno" | "explanation" | "initPid" | "hookBegan" | "hookSiginfo" | "shownProgram"> & {
  /** Records below this address belong to explanations. */
  readonly begin: number;
  /**
   * The records at which the child may have become its program: execve, and the helper's end where init does not wait for
   * it. Both write down the record they are at, so a helper that was held up writes its own over init's last.
   */
  readonly executes: readonly number[];
};

export type SupervisorTape = Tape<"init" | "stateRoot" | "stateFolder" | "box" | "terminal"> & {
  /** In the order of stdioDescriptors; empty where stdio is the caller's. */
  readonly stdio: readonly number[];
};

export type Compiled = {
  readonly box: BoxTape;
  readonly child: ChildTape;
  /** Made when it is asked for: while the child works. */
  readonly supervisor: () => SupervisorTape;
  /** A helper makes init. */
  readonly helper: boolean;
  readonly way: Launch["way"];
};

/** The steps behind the records. */
export type Sources = { readonly box: Encoded; readonly child: Encoded };

export type Program = {
  readonly compiled: Compiled;
  /** Asked for after a failure. */
  readonly explain: () => Promise<Sources>;
};

/** Compiles a plan and keeps its steps at hand. */
export function compile(plan: Plan): Program {
  const box = compileBox(plan);
  const child = compileChild(plan);
  const sources = { box: box.encoded, child: child.encoded };
  const helper = plan.awaitHelper.steps.length > 0;
  return {
    compiled: { box: box.tape, child: child.tape, supervisor: () => compileSupervisor(plan), helper, way: plan.way },
    explain: () => Promise.resolve(sources),
  };
}

function compileBox(plan: Plan): { tape: BoxTape; encoded: Encoded } {
  const where = { machine: libc.machine, base: libc.tapeMemory.address, status: libc.boxStatusAddress };
  const sections: Section[] = [];
  for (const name of sectionNames) sections.push(plan[name]);
  sections.push(...plan.poststartHooks);
  const lists: (readonly Step[])[] = [];
  for (const { steps } of sections) lists.push(steps);
  const { box } = plan;
  const { told } = box.front;
  const encoded = encodeTape(lists, box.variables, where, { memory: libc.takeMemory("own"), mostBytes: libc.tapeMemory.bytes });
  const entries: { [name in SectionName]?: number } = {};
  for (let index = 0; index < sectionNames.length; index++) entries[sectionNames[index] as SectionName] = encoded.entries[index] ?? 0;
  const at = (of: Slot | Buffer): number => encoded.addressOf(of);
  const places: BoxTape["places"] = {
    stage: at(box.stageBytes.address),
    stageLength: at(box.stageBytes.length),
    tape: at(box.tapeBytes.address),
    tapeLength: at(box.tapeBytes.length),
    state: at(box.state.address),
    stateLength: at(box.state.length),
    config: at(box.config.address),
    configLength: at(box.config.length),
    hookState: at(box.hookState.address),
    hookStateLength: at(box.hookState.length),
    insideState: at(box.insideState.address),
    insideStateLength: at(box.insideState.length),
    pidText: at(box.pidText.address),
    pidTextLength: at(box.pidText.length),
    siginfo: at(box.siginfo),
    sync: at(box.sync),
    outcome: at(box.outcome),
    hookOutput: at(box.hookFiles.output),
    hookBegan: at(box.hook.began),
    hookSiginfo: at(box.hook.siginfo),
    status: at(box.statusAddress),
    stateFolder: at(box.stateFolder),
    pid: at(box.pid),
    initPid: at(box.initPid),
    processPath: at(box.processPath),
    stat: at(box.stat),
    verifierLog: at(box.verifierLog),
    keptStateRoot: at(box.kept.stateRoot),
    keptStateFolder: at(box.kept.stateFolder),
    keptBox: at(box.kept.box),
    keptTerminal: at(box.kept.terminal),
    // 0: there is no agent.
    agentState: box.agent.state === undefined ? 0 : at(box.agent.state.address),
    agentStateLength: box.agent.state === undefined ? 0 : at(box.agent.state.length),
    // The same.
    frontFile: told === undefined ? 0 : at(told.file.address),
    frontFileLength: told === undefined ? 0 : at(told.file.length),
    frontStatx: told === undefined ? 0 : at(told.statx),
    frontStatfs: told === undefined ? 0 : at(told.statfs),
    frontBootId: told === undefined ? 0 : at(told.bootId),
    frontPidNamespace: told === undefined ? 0 : at(told.pidNamespace),
  };
  const vfork = recordsOf(encoded, ({ call, equal }) => (call === "clone3" ? equal?.steps : undefined));
  const poststart = encoded.entries.slice(sectionNames.length);
  const stdio = box.stdio.handed.length === 0 ? [] : placesOfStdio(box, at);
  return { tape: { image: encoded.image, places, entries: entries as BoxTape["entries"], stdio, poststart, vfork }, encoded };
}

const placesOfStdio = ({ stdio }: Plan["box"], at: (of: Slot) => number): number[] =>
  stdioDescriptors.map((name) => {
    const handed = stdio.handed.find((one) => one.name === name);
    return handed === undefined ? 0 : at(handed.kept);
  });

export function compileChild(plan: Plan): { tape: ChildTape; encoded: Encoded } {
  const steps: Step[] = [];
  for (const section of plan.child) steps.push(...section.steps);
  const [context, program, start] = plan.explanations;
  const { childVariables } = plan;
  const encoded = encodeTape(
    [steps, context.steps, program.steps, start.steps],
    childVariables.variables,
    { machine: libc.machine, base: TAPE_ADDRESS, status: STATUS_ADDRESS },
    { explanations: { context: 1, program: 2, start: 3 }, memory: libc.takeMemory("child") },
  );
  const places: ChildTape["places"] = {
    failedRecord: encoded.addressOf(childVariables.failedRecord),
    failedErrno: encoded.addressOf(childVariables.failedErrno),
    explanation: encoded.addressOf(childVariables.explanation),
    initPid: encoded.addressOf(childVariables.initPid),
    hookBegan: encoded.addressOf(childVariables.hook.began),
    hookSiginfo: encoded.addressOf(childVariables.hook.siginfo),
    shownProgram: encoded.addressOf(childVariables.shownProgram),
  };
  const last = plan.initWaits ? "execve" : "exit_group";
  const executes = recordsOf(encoded, (one) => (one.call === "execve" || one.call === last ? [one] : undefined));
  return { tape: { image: encoded.image, places, begin: encoded.entries[0] ?? 0, executes }, encoded };
}

/** Addresses of the records that belong to the steps which `pick` names. */
function recordsOf(encoded: Encoded, pick: (step: Step) => readonly Step[] | undefined): number[] {
  const { owners, recordsAddress } = encoded;
  const wanted: Step[] = [];
  const out: number[] = [];
  for (let index = 0; index < owners.length; index++) {
    const one = owners[index] as Step;
    const more = pick(one);
    if (more !== undefined) wanted.push(...more);
    if (wanted.length > 0 && wanted.includes(one)) out.push(recordsAddress + index * record.bytes);
  }
  return out;
}

export function compileSupervisor({ supervise, handOver, supervisor }: Plan): SupervisorTape {
  const encoded = encodeTape(
    [supervise.steps, handOver.steps],
    supervisor.variables,
    { machine: libc.machine, base: TAPE_ADDRESS, status: STATUS_ADDRESS },
    { failureList: 1, memory: libc.takeMemory("supervisor") },
  );
  const places: SupervisorTape["places"] = {
    init: encoded.addressOf(supervisor.init),
    stateRoot: encoded.addressOf(supervisor.stateRoot),
    stateFolder: encoded.addressOf(supervisor.stateFolder),
    box: encoded.addressOf(supervisor.box),
    terminal: encoded.addressOf(supervisor.terminal),
  };
  const { stdio } = supervisor;
  return { image: encoded.image, places, stdio: stdio === undefined ? [] : stdioDescriptors.map((name) => encoded.addressOf(stdio[name])) };
}
