// A plan: everything box will do for one container, as lists of steps in the order in which they begin. Pure data;
// src/execute runs it, `box plan` prints it, tests read it.

import type { Limits } from "../cgroup/limits.ts";
import type { Buffer, Slot, Step, Variables } from "../tape/step.ts";
import type { HookReport } from "./hooks.ts";
import type { Launch } from "./launch.ts";

/** Who makes the calls: the box process, the helper before the container's first process exists, or that process. */
export type Actor = "box" | "stage" | "init";

export type Section = {
  /** What this part of the plan achieves, for the printed plan. */
  readonly title: string;
  readonly actor: Actor;
  readonly steps: readonly Step[];
};

/**
 * Three tapes: box's own, run inside the box process section by section with TypeScript between them; the child's,
 * which the stage and then init run; and the supervisor's, which box turns into once the container runs.
 */
export type Plan = {
  readonly way: Launch["way"];
  /** State folder, cgroups, stage, tape, and the clone that starts the child. */
  readonly prepare: Section;
  readonly child: readonly Section[];
  /** Lists of the child's tape that run when a step with that `explain` fails: "context", "program", "start". */
  readonly explanations: readonly [Section, Section, Section];
  /** Empty without joined namespaces. */
  readonly awaitHelper: Section;
  /** Whether init waits for box once it exists. The process of an exec goes on by itself, up to its program. */
  readonly initWaits: boolean;
  readonly observe: Section;
  /** Empty without a new user namespace. */
  readonly writeIdMaps: Section;
  /** Devices that become the container's, where its network namespace is new; empty without any. */
  readonly moveDevices: Section;
  /** Hooks that belong before pivot_root; empty without any. */
  readonly runtimeHooks: Section;
  /** Terminal and final state. */
  readonly record: Section;
  readonly becomeSupervisor: Section;
  readonly release: Section;
  /** For exec: how an agent of system calls is told; empty without. A container's is told in `release`. */
  readonly agent: Section;
  /** One for each hook, once the user's process runs: when one fails, the others run all the same. */
  readonly poststartHooks: readonly Section[];
  /** What is told to whoever asked for it: pid and pidfd. */
  readonly report: Section;
  /** Waiting for the end in box itself, for a moment; empty where box becomes the supervisor at once. */
  readonly waitHere: Section;
  readonly startSupervisor: Section;
  /** The supervisor's tape: its loop, and where every failure of it leads. */
  readonly supervise: Section;
  readonly handOver: Section;
  readonly supervisor: SupervisorVariables;
  readonly box: BoxVariables;
  readonly childVariables: ChildVariables;
  /** Facts a reader should know: what does not apply on this host or in this configuration, and why. */
  readonly notes: readonly string[];
  /** Which limits on resources are set, and which cannot be; undefined where none are asked for. */
  readonly limits: Limits | undefined;
};

/** What is left to do when box has waited for the end itself: become the supervisor, or finish what a tape cannot. */
export const outcomes = { patience: 1, handOver: 2 } as const;

/** Bytes that TypeScript puts somewhere before the tape runs. */
export type Bytes = { readonly address: Slot<"int">; readonly length: Slot<"int"> };

/** What TypeScript and box's tape hand each other. */
export type BoxVariables = {
  readonly variables: Variables;
  readonly stageBytes: Bytes;
  readonly tapeBytes: Bytes;
  readonly state: Bytes;
  /** The configuration as it was planned, for later commands. */
  readonly config: Bytes;
  /** The state as hooks get it in the host's namespaces, and with the pid as it is in the container's. */
  readonly hookState: Bytes;
  readonly insideState: Bytes;
  /** Init's pid as digits. */
  readonly pidText: Bytes;
  readonly statusAddress: Slot<"int">;
  readonly stateFolder: Slot<"fd">;
  readonly stage: Slot<"fd">;
  readonly arena: Slot<"fd">;
  readonly sync: Slot<"fd">;
  readonly childSync: Slot<"fd">;
  /** What clone3 returned: init, or the helper that makes it. */
  readonly pid: Slot<"int">;
  readonly initPid: Slot<"int">;
  /** `/proc/PID` of init, and it opened. */
  readonly processPath: Buffer;
  readonly process: Slot<"fd">;
  readonly stat: Buffer;
  readonly siginfo: Buffer;
  readonly reply: Buffer;
  readonly terminal: Slot<"fd">;
  readonly outcome: Slot<"int">;
  /** The FIFOs between init and start. */
  readonly wait: Slot<"fd">;
  readonly answer: Slot<"fd">;
  /** Files in memory for hooks. */
  readonly hookFiles: { readonly state: Slot<"fd">; readonly output: Slot<"fd"> };
  readonly hook: HookReport;
  readonly stdio: BoxStdio;
  /** What the front is told of the container, filled while the plan is made; empty where it is told nothing. */
  readonly front: { told?: FrontVariables };
  /** What an agent of system calls is told, filled while the plan is made. */
  readonly agent: { state?: Bytes };
  /** For exec: the container's init. */
  readonly joins: Slot<"fd">;
  /** The kernel's reasons for refusing the filter of devices, a text. */
  readonly verifierLog: Buffer;
  /** Descriptors that survive box's becoming the supervisor. */
  readonly kept: {
    readonly stateRoot: Slot<"fd">;
    readonly stateFolder: Slot<"fd">;
    readonly box: Slot<"fd">;
    readonly terminal: Slot<"fd">;
    readonly tape: Slot<"fd">;
  };
};

/** Who init is, as the kernel tells it, and the file that is made of it (src/front/front-file.ts). */
export type FrontVariables = {
  readonly file: Bytes;
  /** statx(2) and statfs(2) of a pidfd. */
  readonly statx: Buffer;
  readonly statfs: Buffer;
  readonly bootId: Buffer;
  /** statx(2) of the pid namespace. */
  readonly pidNamespace: Buffer;
};

/** What a supervisor has of a container's stdio: pipes that it reads, FIFOs, and where the log goes. */
export const stdioDescriptors = ["output", "errors", "input", "size", "folder", "log"] as const;
export type StdioDescriptor = (typeof stdioDescriptors)[number];

/** Filled while the plan is made; empty where stdio is the caller's. */
export type BoxStdio = {
  /** What the child gets instead of box's own descriptors. */
  readonly given: { input?: Slot<"fd">; output?: Slot<"fd">; errors?: Slot<"fd"> };
  /** What the supervisor gets: as box opened it, and at a number that survives execve. */
  readonly handed: { readonly name: StdioDescriptor; readonly opened: Slot<"fd">; readonly kept: Slot<"fd"> }[];
};

/** Values that TypeScript puts into the supervisor's tape. */
export type SupervisorVariables = {
  readonly variables: Variables;
  readonly init: Slot<"int">;
  readonly stateRoot: Slot<"fd">;
  readonly stateFolder: Slot<"fd">;
  readonly box: Slot<"fd">;
  readonly terminal: Slot<"fd">;
  readonly siginfo: Buffer;
  /** Which of stdio is a terminal, and its termios before raw mode. */
  readonly caller: Slot<"fd">;
  readonly settings: Buffer;
  /** undefined where stdio is the caller's. */
  readonly stdio: Readonly<Record<StdioDescriptor, Slot<"fd">>> | undefined;
};

export type ChildVariables = {
  readonly variables: Variables;
  /** Links in the root that lead nowhere, and where (HostFacts). */
  readonly danglingLinks?: Readonly<Record<string, string>> | undefined;
  /** Text about a failure that the child fetched: a mount context's log, or the head of a script. */
  readonly explanation: Buffer;
  /** What an explanation was about: the failed step's record and its errno. */
  readonly failedRecord: Slot<"int">;
  readonly failedErrno: Slot<"int">;
  /** The mount context in use. */
  readonly context: Slot<"fd">;
  /** Address of the name of the program to be executed. */
  readonly program: Slot<"int">;
  /** The same, where box can read it. */
  readonly shownProgram: Slot<"int">;
  /** Address of a text that says what init is about to do, once only `box start` is there to hear of a failure. */
  readonly attempt: Slot<"int">;
  readonly hook: HookReport;
  /** The init's pid, when the stage clones it. */
  readonly initPid: Slot<"int">;
};

/** Sizes in bytes of the buffers that TypeScript reads back or fills. */
export const bufferBytes = { stat: 1024, explanation: 512, verifierLog: 2048, processPath: 32 } as const;
