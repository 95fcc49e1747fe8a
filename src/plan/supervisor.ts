// What box does while the container runs: it has become the stage with this tape, one thread and a few pages instead
// of Bun. It passes signals on, waits for init, removes what was made, and ends as init ended. What a tape cannot do
// (kill processes that outlive init, run hooks) it hands over by becoming box again.

import { PLAIN_NAME } from "../front/layout.ts";
import type { Flag } from "../linux/flags.ts";
import { ARENA_FD, TAPE_FILE_OFFSET } from "../tape/layout.ts";
import { address, compute, newBuffer, newSlot, newVariables, type Slot, type Step, type Struct, slotIn, step } from "../tape/step.ts";
import type { Building } from "./builder.ts";
import { usualPath } from "./launch.ts";
import { notifyFolder, notifySocket } from "./notify.ts";
import { type BoxVariables, outcomes, type SupervisorVariables } from "./plan.ts";
import { exitFile, keptConfig, keptFilter, rootFolder, stateFile } from "./state-files.ts";

const origin = "box";
export const SIGCHLD = 17;
const CLD_EXITED = 1;
/** Offsets in the siginfo of a SIGCHLD (waitid(2)). */
const siginfo = { code: 8, pid: 16, status: 24, bytes: 128 } as const;

/** `ofStdio`: stdio is not the caller's. */
export function newSupervisorVariables(ofStdio = false): SupervisorVariables {
  const variables = newVariables();
  const fd = (name: string): Slot<"fd"> => newSlot(variables, "fd", name);
  return {
    stdio: ofStdio
      ? {
          output: fd("stdout's pipe"),
          errors: fd("stderr's pipe"),
          input: fd("FIFO for stdin"),
          size: fd("FIFO for sizes"),
          folder: fd("folder of the log"),
          log: fd("log"),
        }
      : undefined,
    variables,
    init: newSlot(variables, "int", "init's pid"),
    stateRoot: newSlot(variables, "fd", "folder of all states"),
    stateFolder: newSlot(variables, "fd", "state folder"),
    box: newSlot(variables, "fd", "box's executable"),
    terminal: newSlot(variables, "fd", "the container's terminal"),
    siginfo: newBuffer(variables, "siginfo", siginfo.bytes),
    caller: newSlot(variables, "fd", "the caller's terminal"),
    settings: newBuffer(variables, "the caller's terminal settings", 64),
  };
}

/** Any number of tries; a process that has just ended still counts for its cgroup for a moment. */
const TRIES = 400;
const PAUSE_NS = 2_000_000;

/** The loop without a terminal: wait for a signal, pass it on, and look whether init has ended. */
export const supervise = (building: Building, own: SupervisorVariables): Step[] => [
  ...takeName(own),
  ...passSignals(building, own, null, "wait for a signal", "wait"),
  ...afterEnd(building, own),
];

/** Until init has ended; `late`: where to go when the time is over. */
function passSignals(building: Building, own: SupervisorVariables, atMost: Struct | null, why: string, late: string): Step[] {
  const signal = newSlot(own.variables, "int", "signal");
  const everySignal = new Uint8Array(8).fill(0xff);
  return [
    // Whatever ended before this tape began: its SIGCHLD may have gone to another thread of Bun, where it was dropped.
    ...lookForEnd(building, own, "wait"),
    step("rt_sigtimedwait", [everySignal, null, atMost, 8], origin, why, {
      label: "wait",
      out: signal,
      onError: [
        ["EINTR", [again("wait")]],
        ["EAGAIN", [again(late)]],
      ],
    }),
    compute([signal, 0, 0, -1], origin, "has a child ended?", { equal: { value: SIGCHLD, steps: lookForEnd(building, own, "wait") } }),
    step("kill", [own.init, signal], origin, "pass the signal on to init", { onError: "ignore", goto: "wait" }),
    compute([0, 0, 0, -1], origin, "init has ended", { label: "ended" }),
  ];
}

/** How long box itself waits. */
const PATIENCE_MS = 50;

/**
 * The same in box itself, for a moment: what ends soon does not pay for box's becoming the supervisor. Ends by itself with
 * init; else at its end `box.outcome` says what is left to do (plan.ts, outcomes).
 */
export function waitHere(building: Building, box: BoxVariables): Step[] {
  const own = asSupervisor(box);
  const patience: Struct = { struct: "timespec", tv_sec: 0, tv_nsec: PATIENCE_MS * 1_000_000 };
  return [
    ...passSignals(building, own, patience, `wait ${PATIENCE_MS} ms for a signal`, "patience"),
    ...(removesHere(building) ? [openStateRoot(building, box.kept.stateRoot)] : []),
    ...afterEnd(building, own),
    ...(mayHandOver(building) ? [leaveToBox(box.outcome), goesOn(box.outcome), stopWaiting()] : [goesOn(box.outcome)]),
  ];
}

const stop = "end of waiting";
const leaveToBox = (out: Slot<"int">): Step =>
  compute([outcomes.handOver, 0, 0, -1], origin, "box has to finish this", { label: "hand over", out, goto: stop });
const goesOn = (out: Slot<"int">): Step =>
  compute([outcomes.patience, 0, 0, -1], origin, "it goes on for longer", { label: "patience", out });
const stopWaiting = (): Step => compute([0, 0, 0, -1], origin, "stop waiting here", { label: stop });

/** Box's own variables as a supervisor's. */
const asSupervisor = (own: BoxVariables): SupervisorVariables => ({
  variables: own.variables,
  init: own.initPid,
  stateRoot: own.kept.stateRoot,
  stateFolder: own.stateFolder,
  box: own.kept.box,
  terminal: own.terminal,
  siginfo: own.siginfo,
  caller: own.terminal,
  settings: own.reply,
  stdio: undefined,
});

const openStateRoot = ({ facts: { stateRoot } }: Building, out: Slot<"fd">): Step =>
  step("openat", ["AT_FDCWD", stateRoot, ["O_PATH", "O_DIRECTORY", "O_CLOEXEC"], 0], origin, "open the folder of all states", { out });

/** The kernel named this process after the stage's file; ps and killall are to find box. */
export function takeName(own: SupervisorVariables): Step[] {
  const name = newSlot(own.variables, "int", "a name");
  return [
    compute([{ text: "box" }, 0, 0, -1], origin, "take the name of box", { out: name }),
    step("prctl", [["PR_SET_NAME"], name, 0, 0, 0], origin, "be called box again", { onError: "ignore" }),
  ];
}

export const again = (label: string): Step => compute([0, 0, 0, -1], origin, "go on", { goto: label });

/** Whether init is the child that ended; if not, back to `label`. What was adopted is let go on the way. */
export function lookForEnd(building: Building, own: SupervisorVariables, label: string): Step[] {
  const pid = slotIn("int", own.siginfo, siginfo.pid, "the ended child");
  const goBack = { equal: { value: 0, steps: [again(label)] } };
  if (!adopts(building))
    return [
      step("waitid", [["P_PID"], own.init, address(own.siginfo), ["WEXITED", "WNOHANG"], null], origin, "see whether init has ended"),
      compute([pid, 0, 0, 0xffffffff], origin, "has it?", { ...goBack, goto: "ended" }),
    ];
  // Called twice, so the label has to be another each time.
  const look = `look ${own.variables.slots.length}`;
  const ended = newSlot(own.variables, "int", "who has ended");
  return [
    step("waitid", [["P_ALL"], 0, address(own.siginfo), ["WEXITED", "WNOHANG"], null], origin, "see who has ended", { label: look }),
    compute([pid, 0, 0, 0xffffffff], origin, "anybody?", { ...goBack, out: ended }),
    compute([ended, 0, own.init, 0xffffffff], origin, "is it init?", { equal: { value: 0, steps: [again("ended")] }, goto: look }),
  ];
}

/** Whether box adopts orphans: in a pid namespace of their own they are init's. */
export const adopts = ({ launch, namespaces }: Pick<Building, "launch" | "namespaces">): boolean =>
  launch.subreaper && !namespaces.made.has("pid");

/** Cgroups and state go, then box ends as init did. */
export function afterEnd(building: Building, own: SupervisorVariables): Step[] {
  if (building.launch.keep) {
    return [...restoreTerminal(building, own), ...(building.launch.notesEnd ? noteEnd(own) : []), ...exitAsInit(own)];
  }
  if (!removesHere(building)) return [again("hand over")];
  const tries = newBuffer(own.variables, "tries", 8, new Uint8Array(new Uint32Array([TRIES, 0]).buffer));
  const left = slotIn("int", tries, 0, "tries left");
  const steps: Step[] = [];
  const pause = { struct: "timespec", tv_sec: 0, tv_nsec: PAUSE_NS } as const;
  for (const [index, { path }] of building.cgroups.toReversed().entries()) {
    const label = `remove ${index}`;
    steps.push(
      step("unlinkat", ["AT_FDCWD", path, ["AT_REMOVEDIR"]], origin, `remove the cgroup ${path}`, {
        label,
        onError: [
          ["ENOENT", []],
          [
            "EBUSY",
            [
              compute([left, 0, 1, -1], origin, "count the tries", { out: left, equal: { value: 0, steps: [again("hand over")] } }),
              step("ppoll", [null, 0, pause, null, 8], origin, "wait until the kernel has let go of the last process", {
                onError: "ignore",
              }),
              again(label),
            ],
          ],
        ],
      }),
    );
  }
  steps.push(
    ...restoreTerminal(building, own),
    step("unlinkat", [own.stateFolder, keptConfig, []], origin, "remove the configuration"),
    ...(building.launch.notifies ? removeNotifySocket(own) : []),
    ...(building.seccomp === undefined
      ? []
      : [step("unlinkat", [own.stateFolder, keptFilter, []], origin, "remove the filter of system calls")]),
    step("unlinkat", [own.stateFolder, stateFile, []], origin, "remove the state"),
    ...(building.hostRoot
      ? [step("unlinkat", [own.stateFolder, rootFolder, ["AT_REMOVEDIR"]], origin, "remove the mount point of the root")]
      : []),
    step("unlinkat", [own.stateRoot, building.id, ["AT_REMOVEDIR"]], origin, "remove the state folder"),
    ...exitAsInit(own),
  );
  return steps;
}

/** The folder that `box run` made, and the socket that it bound there. */
function removeNotifySocket(own: SupervisorVariables): Step[] {
  const folder = newSlot(own.variables, "fd", "folder of the socket");
  const why = "remove the socket of sd_notify";
  return [
    step("openat", [own.stateFolder, notifyFolder, ["O_PATH", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC"], 0], origin, why, { out: folder }),
    step("unlinkat", [folder, notifySocket, []], origin, why, { onError: [["ENOENT", []]] }),
    step("unlinkat", [own.stateFolder, notifyFolder, ["AT_REMOVEDIR"]], origin, why),
  ];
}

/** Whether afterEnd may lead to "hand over": a cgroup may not let go. */
const mayHandOver = (building: Building): boolean => !building.launch.keep && (!removesHere(building) || building.cgroups.length > 0);

/**
 * Whether the tape can remove all there is. Processes of the container may outlive init: only its own pid namespace ends
 * them all with it.
 */
const removesHere = ({ launch, finishInBox, namespaces }: Building): boolean =>
  !launch.keep && namespaces.made.has("pid") && !finishInBox && launch.stdio.kind !== "supervised";

/** The exit status of init, or 128 and the number of the signal that ended it. */
function exitAsInit(own: SupervisorVariables): Step[] {
  const status = slotIn("int", own.siginfo, siginfo.status, "init's status");
  const code = slotIn("int", own.siginfo, siginfo.code, "how init ended");
  const exit = newSlot(own.variables, "int", "exit code");
  return [
    compute([code, 0, 0, 0xffffffff], origin, "did init exit?", {
      equal: {
        value: CLD_EXITED,
        steps: [
          compute([status, 0, 0, 0xff], origin, "take its status", { out: exit }),
          step("exit_group", [exit], origin, "end as it did"),
        ],
      },
    }),
    compute([status, 128, 0, 0xff], origin, "128 and the signal", { out: exit }),
    step("exit_group", [exit], origin, "end as a shell would report it"),
  ];
}

function restoreTerminal({ spec, launch }: Building, own: SupervisorVariables): Step[] {
  if (spec.process?.terminal !== true || launch.way !== "foreground") return [];
  const why = "give the caller's terminal its settings back";
  return [step("ioctl", [own.caller, ["TCSETS"], address(own.settings)], origin, why, { onError: "ignore" })];
}

/** When a supervisor's tape fails that has nothing to undo. */
export const giveUp = (building: Building, own: SupervisorVariables): Step[] => [
  ...restoreTerminal(building, own),
  step("exit_group", [125], origin, "end, since the supervisor cannot go on"),
];

/** How init ended, for box wait and box state, and for box itself when it finishes this. The file's time says when. */
function noteEnd(own: SupervisorVariables): Step[] {
  const file = newSlot(own.variables, "fd", "exit");
  const how: Flag<"O">[] = ["O_WRONLY", "O_CREAT", "O_TRUNC", "O_NOFOLLOW", "O_CLOEXEC"];
  const why = "note how init ended";
  return [
    step("openat", [own.stateFolder, exitFile, how, 0o600], origin, why, {
      out: file,
      onError: "ignore",
      ok: [step("write", [file, address(own.siginfo), siginfo.bytes], origin, why, { onError: "ignore" })],
    }),
  ];
}

/** Becomes box again to finish: how init ended is left in the state folder. */
export function handOver(building: Building, own: SupervisorVariables): Step[] {
  return [
    compute([0, 0, 0, -1], origin, "box has to finish this", { label: "hand over" }),
    ...restoreTerminal(building, own),
    ...noteEnd(own),
    step(
      "execveat",
      [own.box, "", [PLAIN_NAME, "--root", building.facts.stateRoot, "finish", building.id], [`PATH=${usualPath}`], ["AT_EMPTY_PATH"]],
      origin,
      "become box again",
    ),
  ];
}

/** Above the number at which the stage looks for its tape. */
const FIRST_FREE_FD = ARENA_FD + 1;

/** Box replaces itself: everything that the supervisor needs gets a number that survives execve. */
export function becomeSupervisor(building: Building, box: BoxVariables): Step[] {
  const { variables } = box;
  const root = newSlot(variables, "fd", "folder of all states");
  const exe = newSlot(variables, "fd", "box's executable, as opened");
  return [
    openStateRoot(building, root),
    keep(root, box.kept.stateRoot, "keep it"),
    keep(box.stateFolder, box.kept.stateFolder, "keep the locked state folder"),
    step(
      "openat",
      ["AT_FDCWD", "/proc/self/exe", ["O_PATH", "O_CLOEXEC"], 0],
      origin,
      "open box's executable, to become it again if need be",
      { out: exe },
    ),
    keep(exe, box.kept.box, "keep it"),
    ...keepForSupervisor(building, box),
  ];
}

const keep = (from: Slot<"fd">, out: Slot<"fd">, why: string): Step =>
  step("fcntl", [from, ["F_DUPFD"], FIRST_FREE_FD], origin, why, { out });

/** What every supervisor needs: the terminal, if there is one, what there is of stdio, and its tape. */
export const keepForSupervisor = (building: Building, box: BoxVariables): Step[] => [
  ...(building.spec.process?.terminal === true ? [keep(box.terminal, box.kept.terminal, "keep the terminal")] : []),
  ...box.stdio.handed.map(({ opened, kept }) => keep(opened, kept, `keep ${opened.slot}`)),
  step("memfd_create", ["box-tape", ["MFD_CLOEXEC"]], origin, "make a file in memory for the supervisor's tape", { out: box.kept.tape }),
];

/** The last part, once TypeScript has put the numbers above into the tape. */
export function startSupervisor(box: BoxVariables, leave: readonly Step[] = []): Step[] {
  return [
    step("pwrite64", [box.kept.tape, box.tapeBytes.address, box.tapeBytes.length, TAPE_FILE_OFFSET], origin, "write the tape"),
    ...leave,
    step("dup3", [box.kept.tape, ARENA_FD, []], origin, "hand it to the stage"),
    step("execveat", [box.stage, "", ["box"], [], ["AT_EMPTY_PATH"]], origin, "become the supervisor"),
  ];
}
