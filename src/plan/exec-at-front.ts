// The program of exec that the front runs by itself, in front of the rest of box: all of one exec in a single tape, from what has
// to be as it was when it was planned to the process's end. It is kept for what is executed again and again, which is what a
// health probe is (src/execute/keep-for-front.ts). Until the process runs, whatever is not as usual ends the tape with nothing
// left of it, and the rest of box does all of it anew, with its words for what is wrong.

import { RESTORE_ADDRESS, RESTORE_BYTES_MAX } from "../front/layout.ts";

import { signals } from "../linux/signals.ts";
import { structFields } from "../linux/structs.ts";
import { header, STATUS_ADDRESS, STATUS_BYTES, status, TAPE_ADDRESS } from "../tape/layout.ts";
import { address, type Buffer, compute, newBuffer, newSlot, type Slot, type Step, slotIn, step, type Variables } from "../tape/step.ts";
import { decimal } from "./decimal.ts";
import { type Conditions, isSame } from "./front-conditions.ts";
import { go, here, origin, refuse, set, word } from "./front-steps.ts";
import type { BoxVariables, Plan } from "./plan.ts";

/** Where the page of results goes, behind the tape in the room that there is for it. */
export const PAGE_ADDRESS = RESTORE_ADDRESS + RESTORE_BYTES_MAX - STATUS_BYTES;
/** A descriptor that no caller has open, for the handle on init: the plan names it. */
export const INIT_AT_FRONT = 128;

/** The other tapes, encoded, and what there is to know of their memory. */
export type OtherTapes = {
  readonly stage: Uint8Array;
  readonly child: { readonly image: Uint8Array; readonly executes: readonly number[]; readonly initPid: number };
  readonly supervisor: { readonly image: Uint8Array; readonly init: number } | undefined;
};

type Making = { readonly plan: Plan; readonly own: BoxVariables; readonly variables: Variables; readonly tapes: OtherTapes };

/** The list that does it, for a region that begins at RESTORE_ADDRESS, and the one for when it stops. */
export function execAtFront(plan: Plan, conditions: Conditions, tapes: OtherTapes): { readonly exec: Step[]; readonly giveUp: Step[] } {
  const own = plan.box;
  const { variables } = own;
  const making: Making = { plan, own, variables, tapes };
  const pidFile = conditions.writesPid ? openPidFile(making) : { before: [], after: [], undo: [] };
  const exec = [
    ...isSame(conditions, variables),
    ...takeOver(making),
    ...pidFile.before,
    ...mapPageThere(plan.prepare.steps, own),
    ...awaitProgram(making),
    compute([0, 0, 0, 0], origin, "from here on the program runs", {
      equal: {
        value: 0,
        steps: [...pidFile.after, ...(plan.way === "detached" ? [step("exit_group", [0], origin, "done")] : superviseIt(making))],
        onFailure: [
          ...endChildren(making),
          ...say("box: exec: nothing could be found out about the program, so it was ended\n"),
          exit(125),
        ],
      },
    }),
  ];
  return { exec, giveUp: [...endChildren(making), ...pidFile.undo, ...closeAll(making), refuse("the rest of box does it")] };
}

/** What the rest of box does before it runs an exec's tape: src/execute/run-exec.ts. */
function takeOver({ own, variables, tapes: { stage, child } }: Making): Step[] {
  const bytes = (what: string, content: Uint8Array, { address: at, length }: BoxVariables["stageBytes"]): Step[] => [
    set(address(newBuffer(variables, what, content.length, content)), at, `where ${what} is`),
    set(content.length, length, "its length"),
  ];
  return [
    step("close_range", [4, 0xffff_ffff, ["CLOSE_RANGE_CLOEXEC"]], origin, "hand on no more than the rest of box would"),
    step("fcntl", [word("fd", "init"), ["F_DUPFD_CLOEXEC"], INIT_AT_FRONT], origin, "take the handle on init out of the way", {
      expect: { value: INIT_AT_FRONT, refused: "something is there" },
    }),
    ...bytes("the stage", stage, own.stageBytes),
    ...bytes("the child's tape", child.image, own.tapeBytes),
  ];
}

/** The page of results at an address that the tape knows beforehand. */
const mapPageThere = (steps: readonly Step[], { statusAddress, variables }: BoxVariables): Step[] =>
  steps.map((one) => {
    if (one.call !== "mmap" || one.out !== statusAddress) return one;
    const there = slotIn("int", newBuffer(variables, "where the page goes", 8, word64(PAGE_ADDRESS)), 0, "where the page goes");
    const [, bytes, protection, , file, offset] = one.args;
    const args = [there, bytes, protection, ["MAP_SHARED", "MAP_FIXED_NOREPLACE"], file, offset] as typeof one.args;
    return { ...one, args, expect: { value: PAGE_ADDRESS, refused: "something is there" } };
  });

const word64 = (value: number): Uint8Array => new Uint8Array(new BigUint64Array([BigInt(value)]).buffer);

/** A word of that page, by its offset. */
const ofPage = (offset: number, slot: string): Slot<"int"> => ({
  slot,
  kind: "int",
  place: PAGE_ADDRESS + offset - RESTORE_ADDRESS - header.bytes,
  shared: false,
});

/** Until the process has become the program; refuses when it has not. */
function awaitProgram({ plan, own, variables, tapes: { child } }: Making): Step[] {
  const helper = newSlot(variables, "fd", "pidfd of the helper");
  const signal = newSlot(variables, "int", "signal");
  const failed = compute([ofPage(status.failed, "failed record"), 0, 0, -1], origin, "has it failed?", {
    expect: { value: 0, refused: "it has" },
  });
  const reported = ofPage(child.initPid - STATUS_ADDRESS, "init's pid");
  const afterHelper = [
    step("pidfd_open", [own.pid, 0], origin, "take a handle on the helper", { out: helper }),
    ...waitFor(helper, "the helper", signal, variables),
    step("close", [helper], origin, "done with it"),
    ...plan.awaitHelper.steps,
    failed,
    // What the page says counts only if it is box's own child.
    step("waitid", [["P_PID"], reported, address(own.siginfo), ["WEXITED", "WNOHANG", "WNOWAIT"], null], origin, "is it a child?"),
  ];
  const executed = child.executes.map((record) =>
    compute([ofPage(status.current, "its record"), 0, 0, -1], origin, "was execve the last?", {
      equal: { value: record, steps: [go("it runs")] },
    }),
  );
  return [
    ...(hasHelper(plan) ? afterHelper : []),
    set(hasHelper(plan) ? reported : own.pid, own.initPid, "who becomes the program"),
    ...waitFor(own.sync, "the program", signal, variables),
    ...plan.release.steps,
    failed,
    ...executed,
    refuse("it has ended before"),
    ...endBySignal(signal, { plan, own, variables }),
    here("it runs", "it has become the program"),
  ];
}

const hasHelper = ({ awaitHelper }: Plan): boolean => awaitHelper.steps.length > 0;

/** Signals that end a program which does nothing about them: whoever runs in the container may hold exec up for ever. */
const ending = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM"] as const;
const endingSet = word64(ending.reduce((sum, name) => sum + 2 ** (signals[name] - 1), 0));
const LOOK_NS = 100_000_000;
const POLLIN = 1;
const noTime = { struct: "timespec" } as const;

const askFor = (polled: Buffer, file: Slot<"fd">): Step =>
  compute([file, POLLIN * 2 ** 32, 0, -1], origin, "to be asked whether it can be read", {
    out: slotIn("int", polled, 0, "struct pollfd"),
  });

/** As waitFor in src/execute/run-exec.ts. */
function waitFor(file: Slot<"fd">, what: string, signal: Slot<"int">, variables: Variables): Step[] {
  const polled = newBuffer(variables, `what is waited for: ${what}`, structFields.pollfd.bytes);
  const patience = newBuffer(variables, `patience with ${what}`, structFields.timespec.bytes);
  const { tv_nsec } = structFields.timespec.fields;
  const label = `wait for ${what}`;
  const look = step("rt_sigtimedwait", [endingSet, null, noTime, 8], origin, "is it to end?", {
    out: signal,
    onError: [
      ["EAGAIN", [go(label)]],
      ["EINTR", [go(label)]],
    ],
    goto: "ended by a signal",
  });
  return [
    askFor(polled, file),
    // The kernel writes down what is left of it (ppoll(2), "C library/kernel differences").
    compute([LOOK_NS, 0, 0, -1], origin, "have patience", { label, out: slotIn("int", patience, tv_nsec?.offset as number, "patience") }),
    step("ppoll", [address(polled), 1, address(patience), null, 8], origin, label, { equal: { value: 0, steps: [look] } }),
  ];
}

const endBySignal = (signal: Slot<"int">, making: Pick<Making, "plan" | "own" | "variables">): Step[] => [
  here("ended by a signal", "a signal came first"),
  ...endChildren(making),
  ...ending.map((name) =>
    compute([signal, 0, 0, -1], origin, `is it ${name}?`, {
      equal: {
        value: signals[name],
        steps: [...say(`box: ${name} has ended exec before the program ran\n`), exit(128 + signals[name])],
      },
    }),
  ),
];

const exit = (code: number): Step => step("exit_group", [code], origin, `exit ${code}`);
const say = (text: string): Step[] => {
  const bytes = new TextEncoder().encode(text);
  return [step("write", [2, bytes, bytes.length], origin, "say so", { onError: "ignore" })];
};

/** As endChild in src/execute/end-child.ts; a slot that has no pid in it is one that pidfd_open(2) refuses. */
function endChildren({ plan, own, variables }: Pick<Making, "plan" | "own" | "variables">): Step[] {
  const each = hasHelper(plan) ? [own.pid, own.initPid] : [own.pid];
  return each.flatMap((pid) => {
    const pidfd = newSlot(variables, "fd", `pidfd of ${pid.slot}`);
    const number = newSlot(variables, "int", "number of that pidfd");
    const polled = newBuffer(variables, `the end of ${pid.slot}`, structFields.pollfd.bytes);
    const end = [
      step("pidfd_send_signal", [pidfd, signals.SIGKILL, null, 0], origin, "end it"),
      askFor(polled, pidfd),
      step("ppoll", [address(polled), 1, { struct: "timespec", tv_nsec: 2 * LOOK_NS }, null, 8], origin, "wait for its end"),
      set(pidfd, number, "its number"),
      step("waitid", [["P_PIDFD"], number, address(own.siginfo), ["WEXITED", "WNOHANG"], null], origin, "let go of it"),
      step("close", [pidfd], origin, "done with it"),
    ].map((one): Step => ({ ...one, onError: "ignore" }));
    return [step("pidfd_open", [pid, 0], origin, `take a handle on ${pid.slot}`, { out: pidfd, onError: "ignore", ok: end })];
  });
}

/** Whatever is open still, and may be open no longer: nothing else has been opened since that is to stay. */
const closeAll = ({ variables }: Making): Step[] =>
  variables.slots
    .filter(({ kind }) => kind === "fd")
    .map((file) => step("close", [file as Slot<"fd">], origin, "do without it", { onError: "ignore" }));

/** Waits a moment for its end, and becomes its supervisor: superviseExec in src/execute/run-exec.ts. */
function superviseIt({ plan, own, variables, tapes: { supervisor } }: Making): Step[] {
  if (supervisor === undefined) throw new Error("plan: a process in the foreground without a supervisor");
  const { image, init } = supervisor;
  const tape = newBuffer(variables, "the supervisor's tape", image.length, image);
  return [
    ...plan.waitHere.steps,
    ...plan.becomeSupervisor.steps,
    set(own.initPid, slotIn("int", tape, init - TAPE_ADDRESS, "init, for the supervisor"), "tell it init"),
    set(address(tape), own.tapeBytes.address, "where its tape is"),
    set(image.length, own.tapeBytes.length, "its length"),
    ...plan.startSupervisor.steps,
  ];
}

/** The file for the pid is made before there is a process, and put in its place when that runs: `report` in box.ts. */
function openPidFile({ own, variables }: Making): { readonly before: Step[]; readonly after: Step[]; readonly undo: Step[] } {
  const file = newSlot(variables, "fd", "file for the pid");
  const from = "--pid-file";
  const hidden = word("int", "hidden");
  const text = { address: newSlot(variables, "int", "the pid as text"), length: newSlot(variables, "int", "its length") };
  const remove = (more: { readonly onError: "ignore" | [["ENOENT", []]] }): Step =>
    step("unlinkat", ["AT_FDCWD", hidden, []], from, "remove what is there under the name before", more);
  return {
    before: [
      remove({ onError: [["ENOENT", []]] }),
      step("openat", ["AT_FDCWD", hidden, ["O_WRONLY", "O_CREAT", "O_EXCL", "O_NOFOLLOW", "O_CLOEXEC"], 0o644], from, "make the file", {
        out: file,
      }),
    ],
    after: [
      ...decimal(own.initPid, text, variables),
      step("write", [file, text.address, text.length], from, "write the pid"),
      step("close", [file], origin, "done with it"),
      step("renameat2", ["AT_FDCWD", hidden, "AT_FDCWD", word("int", "pidFile"), 0], from, "put it in its place"),
    ],
    undo: [
      compute([file, 1, 0, -1], origin, "is there a file?", { equal: { value: 0, steps: [go("no file")] } }),
      remove({ onError: "ignore" }),
      here("no file", "there is none now"),
    ],
  };
}
