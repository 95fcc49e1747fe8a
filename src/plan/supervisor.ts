// What box does while the container runs: it has become the stage with this tape, one thread and a few pages instead
// of Bun. It passes signals on, waits for init, removes what was made, and ends as init ended. What a tape cannot do
// (kill processes that outlive init, run hooks) it hands over by becoming box again.

import { ARENA_FD, TAPE_FILE_OFFSET } from "../tape/layout.ts";
import { address, compute, newBuffer, newSlot, newVariables, type Slot, type Step, slotIn, step } from "../tape/step.ts";
import type { Building } from "./builder.ts";
import type { BoxVariables, SupervisorVariables } from "./plan.ts";
import { exitFile, keptConfig, keptFilter, rootFolder, stateFile } from "./state-files.ts";

const origin = "box";
export const SIGCHLD = 17;
const CLD_EXITED = 1;
/** Offsets in the siginfo of a SIGCHLD (waitid(2)). */
const siginfo = { code: 8, pid: 16, status: 24, bytes: 128 } as const;

export function newSupervisorVariables(): SupervisorVariables {
  const variables = newVariables();
  return {
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
export function supervise(building: Building, own: SupervisorVariables): Step[] {
  const signal = newSlot(own.variables, "int", "signal");
  const everySignal = new Uint8Array(8).fill(0xff);
  return [
    ...takeName(own),
    // Whatever ended before this tape began: its SIGCHLD may have gone to another thread of Bun, where it was dropped.
    ...lookForEnd(own, "wait"),
    step("rt_sigtimedwait", [everySignal, null, null, 8], origin, "wait for a signal", {
      label: "wait",
      out: signal,
      onError: [
        ["EINTR", [again("wait")]],
        ["EAGAIN", [again("wait")]],
      ],
    }),
    compute([signal, 0, 0, -1], origin, "has a child ended?", { equal: { value: SIGCHLD, steps: lookForEnd(own, "wait") } }),
    step("kill", [own.init, signal], origin, "pass the signal on to init", { onError: "ignore", goto: "wait" }),
    compute([0, 0, 0, -1], origin, "init has ended", { label: "ended" }),
    ...afterEnd(building, own),
  ];
}

/**
 * The same in box itself, for as long as `patienceMs`: what ends soon does not pay for box's becoming the supervisor.
 * Ends at "patience", when there is a supervisor to become.
 */
export function waitHere(building: Building, own: SupervisorVariables, patienceMs: number): Step[] {
  const signal = newSlot(own.variables, "int", "signal");
  const everySignal = new Uint8Array(8).fill(0xff);
  const patience = { struct: "timespec", tv_sec: 0, tv_nsec: patienceMs * 1_000_000 } as const;
  return [
    ...lookForEnd(own, "wait"),
    step("rt_sigtimedwait", [everySignal, null, patience, 8], origin, `wait ${patienceMs} ms for a signal`, {
      label: "wait",
      out: signal,
      onError: [
        ["EINTR", [again("wait")]],
        ["EAGAIN", [again("patience")]],
      ],
    }),
    compute([signal, 0, 0, -1], origin, "has a child ended?", { equal: { value: SIGCHLD, steps: lookForEnd(own, "wait") } }),
    step("kill", [own.init, signal], origin, "pass the signal on to init", { onError: "ignore", goto: "wait" }),
    compute([0, 0, 0, -1], origin, "init has ended", { label: "ended" }),
    ...afterEnd(building, own),
    compute([0, 0, 0, -1], origin, "it goes on for longer", { label: "patience" }),
  ];
}

/** The kernel named this process after the stage's file; ps and killall are to find box. */
export function takeName(own: SupervisorVariables): Step[] {
  const name = newSlot(own.variables, "int", "a name");
  return [
    compute([{ text: "box" }, 0, 0, -1], origin, "take the name of box", { out: name }),
    step("prctl", [["PR_SET_NAME"], name, 0, 0, 0], origin, "be called box again", { onError: "ignore" }),
  ];
}

export const again = (label: string): Step => compute([0, 0, 0, -1], origin, "go on", { goto: label });

/** Whether init is the child that ended; if not, back to `label`. */
export function lookForEnd(own: SupervisorVariables, label: string): Step[] {
  const pid = slotIn("int", own.siginfo, siginfo.pid, "the ended child");
  return [
    step("waitid", [["P_PID"], own.init, address(own.siginfo), ["WEXITED", "WNOHANG"], null], origin, "see whether init has ended"),
    compute([pid, 0, 0, 0xffffffff], origin, "has it?", { equal: { value: 0, steps: [again(label)] }, goto: "ended" }),
  ];
}

/** Cgroups and state go, then box ends as init did. */
export function afterEnd(building: Building, own: SupervisorVariables): Step[] {
  if (building.launch.keep) return [...(building.spec.process?.terminal === true ? [restoreTerminal(own)] : []), ...exitAsInit(own)];
  if (outlives(building) || building.finishInBox) return [again("hand over")];
  const tries = newBuffer(own.variables, "tries", 8, new Uint8Array(new Uint32Array([TRIES, 0]).buffer));
  const left = slotIn("int", tries, 0, "tries left");
  const steps: Step[] = [];
  const restore = building.spec.process?.terminal === true ? [restoreTerminal(own)] : [];
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
    ...restore,
    step("unlinkat", [own.stateFolder, keptConfig, []], origin, "remove the configuration"),
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

/** Whether processes of the container may outlive init: only its own pid namespace ends them all with it. */
const outlives = (building: Building): boolean => !building.namespaces.made.has("pid");

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

const restoreTerminal = (own: SupervisorVariables): Step =>
  step("ioctl", [own.caller, ["TCSETS"], address(own.settings)], origin, "give the caller's terminal its settings back", {
    onError: "ignore",
  });

/** When a supervisor's tape fails that has nothing to undo. */
export const giveUp = (building: Building, own: SupervisorVariables): Step[] => [
  ...(building.spec.process?.terminal === true ? [restoreTerminal(own)] : []),
  step("exit_group", [125], origin, "end, since the supervisor cannot go on"),
];

/** Becomes box again to finish: how init ended is left in the state folder. */
export function handOver(building: Building, own: SupervisorVariables): Step[] {
  const file = newSlot(own.variables, "fd", "exit");
  const restore = building.spec.process?.terminal === true ? [restoreTerminal(own)] : [];
  return [
    compute([0, 0, 0, -1], origin, "box has to finish this", { label: "hand over" }),
    ...restore,
    step(
      "openat",
      [own.stateFolder, exitFile, ["O_WRONLY", "O_CREAT", "O_TRUNC", "O_NOFOLLOW", "O_CLOEXEC"], 0o600],
      origin,
      "note how init ended",
      {
        out: file,
        onError: "ignore",
        ok: [step("write", [file, address(own.siginfo), siginfo.bytes], origin, "note how init ended", { onError: "ignore" })],
      },
    ),
    step(
      "execveat",
      [own.box, "", ["box", "--root", building.facts.stateRoot, "finish", building.id], [], ["AT_EMPTY_PATH"]],
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
    step(
      "openat",
      ["AT_FDCWD", building.facts.stateRoot, ["O_PATH", "O_DIRECTORY", "O_CLOEXEC"], 0],
      origin,
      "open the folder of all states",
      { out: root },
    ),
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

/** What every supervisor needs: the terminal, if there is one, and its tape. */
export const keepForSupervisor = (building: Building, box: BoxVariables): Step[] => [
  ...(building.spec.process?.terminal === true ? [keep(box.terminal, box.kept.terminal, "keep the terminal")] : []),
  step("memfd_create", ["box-tape", ["MFD_CLOEXEC"]], origin, "make a file in memory for the supervisor's tape", { out: box.kept.tape }),
];

/** The last part, once TypeScript has put the numbers above into the tape. */
export function startSupervisor(box: BoxVariables): Step[] {
  return [
    step("pwrite64", [box.kept.tape, box.tapeBytes.address, box.tapeBytes.length, TAPE_FILE_OFFSET], origin, "write the tape"),
    step("dup3", [box.kept.tape, ARENA_FD, []], origin, "hand it to the stage"),
    step("execveat", [box.stage, "", ["box"], [], ["AT_EMPTY_PATH"]], origin, "become the supervisor"),
  ];
}
