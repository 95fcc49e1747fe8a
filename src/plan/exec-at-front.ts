// The program of exec that the front runs by itself, in front of the rest of box: all of one exec in a single tape, from what has
// to be as it was when it was planned to the process's end. It is kept for what is executed again and again, which is what a
// health probe is (src/execute/keep-for-front.ts). Until the process runs, whatever is not as usual ends the tape with nothing
// left of it, and the rest of box does all of it anew, with its words for what is wrong.

import { askFor, go, here, origin, refuse, set, word } from "../front/front-steps.ts";
import { RESTORE_ADDRESS, RESTORE_BYTES_MAX } from "../front/layout.ts";
import { signals } from "../linux/signals.ts";
import { structFields } from "../linux/structs.ts";
import { header, STATUS_ADDRESS, STATUS_BYTES, status, TAPE_ADDRESS } from "../tape/layout.ts";
import {
  address,
  compute,
  lastErrno,
  newBuffer,
  newSlot,
  type OnError,
  type Slot,
  type Step,
  slotIn,
  step,
  type Variables,
} from "../tape/step.ts";
import { decimal } from "./decimal.ts";
import { type Conditions, isSame } from "./front-conditions.ts";
import { ENDED_BY_SIGNAL, type FrontFailure, frontFailures } from "./front-failure.ts";
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

/** In the list for when it stops: to be led to where the rest of box is to begin anew, or to say what has failed. */
const END = "give up";

/** The list that does it, for a region that begins at RESTORE_ADDRESS, and the one for when it stops. */
export function execAtFront(plan: Plan, conditions: Conditions, tapes: OtherTapes): { readonly exec: Step[]; readonly giveUp: Step[] } {
  const own = plan.box;
  const { variables } = own;
  const making: Making = { plan, own, variables, tapes };
  const { upToClone, afterClone } = prepare(plan, own);
  const afterwards = plan.way === "detached" ? [step("exit_group", [0], origin, "done")] : superviseIt(making);
  const exec = [
    ...isSame(conditions, variables),
    ...takeOver(making),
    ...upToClone,
    ...orFail("waiting", [...afterClone, ...awaitProgram(making)]),
    ...(conditions.writesPid ? orFail("pidFile", writePidFile(making), [removeHidden("ignore")]) : []),
    ...orFail("supervising", afterwards),
  ];
  return {
    exec,
    giveUp: [here(END, "the rest of box goes on"), ...endChildren(making), ...closeAll(making), refuse("the rest of box does it")],
  };
}

/**
 * Once there is a process it may have become the program, which never runs twice: so what fails then is for the rest of box to say,
 * and not to begin anew. The last errno is that of the step that has failed.
 */
const orFail = (failure: FrontFailure, steps: readonly Step[], undo: readonly Step[] = []): Step[] => [
  compute([0, 0, 0, 0], origin, "from here on nothing begins anew", {
    equal: {
      value: 0,
      steps,
      onFailure: [
        // As a positive number: a negative one would be an error of this step.
        compute([0, 0, lastErrno, -1], origin, "why it has failed", { out: word("int", "failureErrno") }),
        set(frontFailures[failure], word("int", "failure"), `what has failed: ${failure}`),
        ...undo,
        go(END),
      ],
    },
  }),
];

/** What the rest of box does before it runs an exec's tape: src/execute/run-exec.ts. */
function takeOver({ own, variables, tapes: { stage, child } }: Making): Step[] {
  const bytes = (what: string, content: Uint8Array, { address: at, length }: BoxVariables["stageBytes"]): Step[] => [
    set(address(newBuffer(variables, what, content.length, content)), at, `where ${what} is`),
    set(content.length, length, "its length"),
  ];
  const everySignal = new Uint8Array(8).fill(0xff);
  const handle = newSlot(variables, "fd", "handle on init, out of the way");
  return [
    // A file too large for its limit is an errno then, and no signal (setrlimit(2), RLIMIT_FSIZE).
    step("rt_sigprocmask", [["SIG_BLOCK"], everySignal, null, 8], origin, "keep signals until they are waited for"),
    step("close_range", [4, 0xffff_ffff, ["CLOSE_RANGE_CLOEXEC"]], origin, "hand on no more than the rest of box would"),
    step("fcntl", [word("fd", "init"), ["F_DUPFD_CLOEXEC"], INIT_AT_FRONT], origin, "take the handle on init out of the way", {
      out: handle,
      expect: { value: INIT_AT_FRONT, refused: "something is there" },
    }),
    ...bytes("the stage", stage, own.stageBytes),
    ...bytes("the child's tape", child.image, own.tapeBytes),
  ];
}

/** The plan's own first steps: up to where there is a process, and what is done with it there, which does not matter enough to fail. */
function prepare({ prepare: { steps } }: Plan, own: BoxVariables): { readonly upToClone: Step[]; readonly afterClone: Step[] } {
  const clone = steps.findIndex(({ call }) => call === "clone3") + 1;
  return {
    upToClone: mapPageThere(steps.slice(0, clone), own).flatMap((one) => closable(one, own.variables)),
    afterClone: steps.slice(clone).map((one): Step => ({ ...one, onError: "ignore" })),
  };
}

/** A descriptor that stands in a struct from the beginning on is one that nobody could close by its slot: 0 there means none. */
function closable(one: Step, variables: Variables): Step[] {
  const { out } = one;
  if (out?.kind !== "fd" || variables.slots.includes(out)) return [one];
  const file = newSlot(variables, "fd", out.slot);
  return [{ ...one, out: file }, set(file, out, `put ${out.slot} in its place`)];
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

/** Until the process has become the program. When it has said that it cannot, the rest of box begins anew, and says why. */
function awaitProgram({ plan, own, variables, tapes: { child } }: Making): Step[] {
  const helper = newSlot(variables, "fd", "pidfd of the helper");
  const signal = newSlot(variables, "int", "signal");
  const hasFailed = (by: string): Step[] => [
    compute([ofPage(status.failed, "failed record"), 0, 0, -1], origin, `has ${by} failed?`, {
      equal: { value: 0, steps: [go(`${by} has not failed`)] },
    }),
    go(END),
    here(`${by} has not failed`, "it has not"),
  ];
  const lookAtHelper = [
    ...waitFor(helper, "the helper", signal, variables),
    step("close", [helper], origin, "done with it", { onError: "ignore" }),
  ];
  const afterHelper = [
    step("pidfd_open", [own.pid, 0], origin, "take a handle on the helper", { out: helper, onError: "ignore", ok: lookAtHelper }),
    ...plan.awaitHelper.steps,
    ...hasFailed("the helper"),
  ];
  const executed = child.executes.map((record) =>
    compute([ofPage(status.current, "its record"), 0, 0, -1], origin, "was execve the last?", {
      equal: { value: record, steps: [go("it runs")] },
    }),
  );
  const { read, candidate } = whoIsReported(variables, child);
  const noteReported = [...afterHelper, read, isChild(candidate, own), set(candidate, own.initPid, "who becomes the program")];
  return [
    ...(hasHelper(plan) ? noteReported : [set(own.pid, own.initPid, "who becomes the program")]),
    ...waitFor(own.sync, "the program", signal, variables),
    ...plan.release.steps.map((one): Step => (one.call === "close" ? { ...one, onError: "ignore" } : one)),
    ...hasFailed("the process"),
    ...executed,
    go(END),
    ...endBySignal(signal),
    here("it runs", "it has become the program"),
  ];
}

/**
 * The process that the helper has reported. What the page says may be anybody's, and another a moment later: so it is read once, and
 * counts only if it is box's own child, as in src/execute/tape-run.ts.
 */
function whoIsReported(variables: Variables, { initPid }: OtherTapes["child"]): { readonly read: Step; readonly candidate: Slot<"int"> } {
  const candidate = newSlot(variables, "int", "who is said to be init");
  const page = ofPage(initPid - STATUS_ADDRESS, "init's pid");
  return { read: compute([page, 0, 0, 0xffff_ffff], origin, "who is it?", { out: candidate }), candidate };
}

/** A pid that is none, and another's, is an error (waitid(2)); with `then` it is none, and that is to be done of a child. */
const isChild = (pid: Slot<"int">, { siginfo }: BoxVariables, then?: readonly Step[]): Step =>
  step("waitid", [["P_PID"], pid, address(siginfo), ["WEXITED", "WNOHANG", "WNOWAIT"], null], origin, "is it a child of box's?", {
    ...(then === undefined ? {} : { onError: "ignore", ok: then }),
  });

const hasHelper = ({ awaitHelper }: Plan): boolean => awaitHelper.steps.length > 0;

/** Signals that end a program which does nothing about them: whoever runs in the container may hold exec up for ever. */
const ending = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM"] as const;
const endingSet = word64(ending.reduce((sum, name) => sum + 2 ** (signals[name] - 1), 0));
const LOOK_NS = 100_000_000;
const noTime = { struct: "timespec" } as const;

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

const endBySignal = (signal: Slot<"int">): Step[] => [
  here("ended by a signal", "a signal came first"),
  compute([signal, ENDED_BY_SIGNAL, 0, -1], origin, "tell which", { out: word("int", "failure"), goto: END }),
];

/**
 * As endChildren in src/execute/run-exec.ts: the helper, which makes no more then, and init, also one that was reported and not yet
 * noted. The page is there only if it was mapped.
 */
function endChildren({ plan, own, variables, tapes: { child } }: Making): Step[] {
  const { read, candidate } = whoIsReported(variables, child);
  const endReported = compute([own.statusAddress, 0, 0, -1], origin, "is there a page of results?", {
    equal: { value: PAGE_ADDRESS, steps: [read, ...endChild(candidate, own, variables)] },
    onError: "ignore",
  });
  return [...endChild(own.pid, own, variables), ...(hasHelper(plan) ? [...endChild(own.initPid, own, variables), endReported] : [])];
}

/** As src/execute/end-child.ts. */
function endChild(pid: Slot<"int">, own: BoxVariables, variables: Variables): Step[] {
  const pidfd = newSlot(variables, "fd", `pidfd of ${pid.slot}`);
  const polled = newBuffer(variables, `the end of ${pid.slot}`, structFields.pollfd.bytes);
  const end = [
    step("pidfd_send_signal", [pidfd, signals.SIGKILL, null, 0], origin, "end it"),
    askFor(polled, pidfd),
    step("ppoll", [address(polled), 1, { struct: "timespec", tv_nsec: 2 * LOOK_NS }, null, 8], origin, "wait for its end"),
    step("waitid", [["P_PID"], pid, address(own.siginfo), ["WEXITED", "WNOHANG"], null], origin, "let go of it"),
    step("close", [pidfd], origin, "done with it"),
  ].map((one): Step => ({ ...one, onError: "ignore" }));
  // A child's number is nobody else's until it has been waited for.
  return [
    isChild(pid, own, [step("pidfd_open", [pid, 0], origin, `take a handle on ${pid.slot}`, { out: pidfd, onError: "ignore", ok: end })]),
  ];
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

const from = "--pid-file";
const hidden = word("int", "hidden");
const removeHidden = (onError: OnError): Step =>
  step("unlinkat", ["AT_FDCWD", hidden, []], from, "remove what is there under the name before", { onError });

/**
 * As `report` in box.ts, but for the names, which are another each time. Another exec may name the same file, and remove or rename what
 * has just been made here: then it is made again.
 */
function writePidFile({ own, variables }: Making): Step[] {
  const file = newSlot(variables, "fd", "file for the pid");
  const text = { address: newSlot(variables, "int", "the pid as text"), length: newSlot(variables, "int", "its length") };
  const begin = "write the pid";
  return [
    ...decimal(own.initPid, text, variables),
    here(begin, "begin with nothing under the name before"),
    removeHidden([["ENOENT", []]]),
    step("openat", ["AT_FDCWD", hidden, ["O_WRONLY", "O_CREAT", "O_EXCL", "O_NOFOLLOW", "O_CLOEXEC"], 0o644], from, "make the file", {
      out: file,
      onError: [["EEXIST", [go(begin)]]],
    }),
    step("write", [file, text.address, text.length], from, "write the pid"),
    step("close", [file], from, "done with it"),
    step("renameat2", ["AT_FDCWD", hidden, "AT_FDCWD", word("int", "pidFile"), 0], from, "put it in its place", {
      onError: [["ENOENT", [go(begin)]]],
    }),
  ];
}
