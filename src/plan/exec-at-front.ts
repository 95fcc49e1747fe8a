// The program of exec that the front runs by itself, in front of the rest of box: all of one exec in a single tape, from what has
// to be as it was when it was planned to the process's end. It is kept for what is executed again and again, which is what a
// health probe is (src/execute/keep-for-front.ts). Until the process runs, whatever is not as usual ends the tape with nothing
// left of it, and the rest of box does all of it anew, with its words for what is wrong.

import { isIdentical } from "../front/boot.ts";
import { RESTORE_ADDRESS, RESTORE_BYTES_MAX } from "../front/layout.ts";
import { wordOf } from "../front/shared-words.ts";
import { signals } from "../linux/signals.ts";
import { structFields } from "../linux/structs.ts";
import { header, STATUS_ADDRESS, STATUS_BYTES, status, TAPE_ADDRESS } from "../tape/layout.ts";
import { address, type Buffer, compute, newBuffer, newSlot, type Slot, type Step, slotIn, step, type Variables } from "../tape/step.ts";
import type { BoxVariables, Plan } from "./plan.ts";
import { keptConfig, stateFile } from "./state-files.ts";

const origin = "front";
/** Where the page of results goes, behind the tape in the room that there is for it. */
export const PAGE_ADDRESS = RESTORE_ADDRESS + RESTORE_BYTES_MAX - STATUS_BYTES;
/** A descriptor that no caller has open, for the handle on init: the plan names it. */
export const INIT_AT_FRONT = 128;

/** What the tape was planned from, besides what the front has looked at: all of it has to be the same. */
export type Conditions = {
  readonly isDetached: boolean;
  readonly writesPid: boolean;
  /** The words behind the id, or what the file of --process says, as bytes. */
  readonly command: { readonly from: "arguments" | "file"; readonly bytes: Uint8Array };
  /** Of the files in the state folder: their words of statx(2) (src/front/boot.ts). */
  readonly config: Uint8Array;
  readonly state: Uint8Array;
  /** Limits on open files of box itself; undefined where the configuration has its own. */
  readonly openFiles: { readonly soft: number; readonly hard: number } | undefined;
  readonly boundingSet: readonly number[];
  /** The container's passwd file: below which root, and its words of statx(2), undefined where there is none; nothing where HOME is given. */
  readonly passwd: { readonly root: string; readonly identity: Uint8Array | undefined } | undefined;
};

/** The other tapes, encoded, and what there is to know of their memory. */
export type OtherTapes = {
  readonly stage: Uint8Array;
  readonly child: { readonly image: Uint8Array; readonly executes: readonly number[]; readonly initPid: number };
  readonly supervisor: { readonly image: Uint8Array; readonly init: number } | undefined;
};

type Making = { readonly plan: Plan; readonly own: BoxVariables; readonly variables: Variables; readonly tapes: OtherTapes };

const word = wordOf(RESTORE_ADDRESS);
const refuse = (why: string, label?: string): Step => compute([0, 0, 1, -1], origin, why, label === undefined ? {} : { label });
const go = (label: string): Step => compute([0, 0, 0, 0], origin, "go on", { goto: label });
const set = (value: Parameters<typeof compute>[0][0], out: Slot, why: string): Step => compute([value, 0, 0, -1], origin, why, { out });

/** The list that does it, for a region that begins at RESTORE_ADDRESS, and the one for when it stops. */
export function execAtFront(plan: Plan, conditions: Conditions, tapes: OtherTapes): { readonly exec: Step[]; readonly giveUp: Step[] } {
  const own = plan.box;
  const making: Making = { plan, own, variables: own.variables, tapes };
  const pidFile = conditions.writesPid ? openPidFile(making) : { before: [], after: [], undo: [] };
  const exec = [
    ...isSame(conditions, making),
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

function isSame(conditions: Conditions, { variables }: Making): Step[] {
  const { isDetached, writesPid, command, openFiles, boundingSet, passwd } = conditions;
  const isGiven = (name: "process" | "pidFile" | "argument", given: boolean): Step =>
    compute([word("int", name), 0, 0, -1], origin, `is there ${name}?`, {
      ...(given ? { equal: { value: 0, steps: [refuse("there is none")] } } : { expect: { value: 0, refused: "there is one" } }),
    });
  const about = newBuffer(variables, "statx", structFields.statx.bytes);
  return [
    compute([word("int", "isDetached"), 0, isDetached ? 1 : 0, -1], origin, "is it as detached?", { expect: { value: 0, refused: "no" } }),
    isGiven("pidFile", writesPid),
    isGiven("process", command.from === "file"),
    isGiven("argument", command.from === "arguments"),
    ...isSameFile(stateFile, conditions.state, about, variables),
    ...isSameFile(keptConfig, conditions.config, about, variables),
    ...(command.from === "file" ? isSameProcess(command.bytes, about, variables) : areSameArguments(command.bytes, variables)),
    ...(openFiles === undefined ? [] : isSameLimit(openFiles, variables)),
    ...isSameBoundingSet(boundingSet),
    ...(passwd === undefined ? [] : isSamePasswd(passwd, about, variables)),
  ];
}

function isSameFile(name: string, identity: Uint8Array, about: Buffer, variables: Variables): Step[] {
  const then = newBuffer(variables, `${name} as it was`, identity.length, identity);
  return [
    step("statx", [word("fd", "folder"), name, ["AT_SYMLINK_NOFOLLOW"], ["STATX_BASIC_STATS"], address(about)], origin, `look at ${name}`),
    ...isIdentical(about, then, 0, name),
  ];
}

/** Of what was read into `now`, which has zeros behind it, as `bytes` has here. */
function areSameBytes(now: Buffer, bytes: Uint8Array, variables: Variables): Step[] {
  const then = newBuffer(variables, `${now.buffer} as it was`, bytes.length, bytes);
  return Array.from({ length: Math.ceil(bytes.length / 8) }, (_, index) =>
    compute([slotIn("int", now, index * 8, "as it is"), 0, slotIn("int", then, index * 8, "as it was"), -1], origin, "compare it", {
      expect: { value: 0, refused: "it is another" },
    }),
  );
}

/** A FIFO is not to be read: the rest of box could not read it again. */
function isSameProcess(bytes: Uint8Array, about: Buffer, variables: Variables): Step[] {
  const file = newSlot(variables, "fd", "file of the process");
  const now = newBuffer(variables, "the process", bytes.length + 8);
  const mode = slotIn("int", about, (structFields.statx.fields.mode?.offset as number) - 4, "its group and mode");
  const [S_IFMT, S_IFREG] = [0o170000 * 2 ** 32, 0o100000 * 2 ** 32];
  return [
    step("statx", ["AT_FDCWD", word("int", "process"), [], ["STATX_TYPE"], address(about)], origin, "look at the file of the process"),
    compute([mode, 0, S_IFREG, S_IFMT], origin, "is it a file?", { expect: { value: 0, refused: "it is none" } }),
    step("openat", ["AT_FDCWD", word("int", "process"), ["O_NONBLOCK", "O_CLOEXEC"], 0], origin, "open it", { out: file }),
    step("read", [file, address(now), bytes.length + 8], origin, "read it", {
      expect: { value: bytes.length, refused: "it is longer or shorter" },
    }),
    step("close", [file], origin, "done with it"),
    ...areSameBytes(now, bytes, variables),
  ];
}

/** /proc/self/cmdline has all words of the command line, each with its NUL: those behind the id are its end. */
function areSameArguments(bytes: Uint8Array, variables: Variables): Step[] {
  const file = newSlot(variables, "fd", "command line");
  const now = newBuffer(variables, "the arguments", bytes.length + 8);
  const from = newSlot(variables, "int", "where they begin");
  return [
    step("openat", ["AT_FDCWD", "/proc/self/cmdline", ["O_CLOEXEC"], 0], origin, "open the command line", { out: file }),
    compute([word("int", "argument"), 0, word("int", "firstArgument"), -1], origin, "where the arguments begin", { out: from }),
    step("pread64", [file, address(now), bytes.length + 8, from], origin, "read them", {
      expect: { value: bytes.length, refused: "they are longer or shorter" },
    }),
    step("close", [file], origin, "done with it"),
    ...areSameBytes(now, bytes, variables),
  ];
}

function isSameLimit({ soft, hard }: { readonly soft: number; readonly hard: number }, variables: Variables): Step[] {
  const { rlim_cur, rlim_max } = structFields.rlimit64.fields;
  const limit = newBuffer(variables, "limits on open files", structFields.rlimit64.bytes);
  return [
    step("prlimit64", [0, ["RLIMIT_NOFILE"], null, address(limit)], origin, "look at the limits on open files"),
    compute([slotIn("int", limit, rlim_cur?.offset as number, "the soft one"), 0, soft, -1], origin, "is the soft one the same?", {
      expect: { value: 0, refused: "it is not" },
    }),
    compute([slotIn("int", limit, rlim_max?.offset as number, "the hard one"), 0, hard, -1], origin, "is the hard one the same?", {
      expect: { value: 0, refused: "it is not" },
    }),
  ];
}

/** Those that there may ever be; a number that the kernel does not know is an error (PR_CAPBSET_READ(2const)). */
const CAPABILITIES = 64;

function isSameBoundingSet(set: readonly number[]): Step[] {
  const last = Math.max(-1, ...set);
  const steps = Array.from({ length: last + 1 }, (_, capability) =>
    step("prctl", [["PR_CAPBSET_READ"], capability, 0, 0, 0], origin, `may box have capability ${capability}?`, {
      expect: { value: set.includes(capability) ? 1 : 0, refused: "that has changed" },
    }),
  );
  if (last + 1 >= CAPABILITIES) return steps;
  const next = step("prctl", [["PR_CAPBSET_READ"], last + 1, 0, 0, 0], origin, "is there one more?", {
    onError: [["EINVAL", []]],
    equal: { value: 1, steps: [refuse("that has changed")] },
  });
  return [...steps, next];
}

/** As readInRoot in src/execute/folders.ts finds it. */
function isSamePasswd({ root, identity }: NonNullable<Conditions["passwd"]>, about: Buffer, variables: Variables): Step[] {
  const [folder, file] = [newSlot(variables, "fd", "root of the container"), newSlot(variables, "fd", "passwd")];
  const how = { struct: "open_how", flags: ["O_PATH", "O_CLOEXEC"], resolve: ["RESOLVE_IN_ROOT", "RESOLVE_NO_MAGICLINKS"] } as const;
  const open = (more: { readonly onError?: [["ENOENT", []]]; readonly ok?: Step[] }): Step =>
    step("openat2", [folder, "etc/passwd", how, structFields.open_how.bytes], origin, "look for passwd", { out: file, ...more });
  const found = (then: Uint8Array): Step[] => [
    open({}),
    step("statx", [file, "", ["AT_EMPTY_PATH"], ["STATX_BASIC_STATS"], address(about)], origin, "look at it"),
    ...isIdentical(about, newBuffer(variables, "passwd as it was", then.length, then), 0, "passwd"),
    step("close", [file], origin, "done with it"),
  ];
  return [
    step("openat", ["AT_FDCWD", root, ["O_PATH", "O_DIRECTORY", "O_CLOEXEC"], 0], origin, "open the container's root", { out: folder }),
    ...(identity === undefined ? [open({ onError: [["ENOENT", []]], ok: [refuse("there is one now")] })] : found(identity)),
    step("close", [folder], origin, "done with it"),
  ];
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
    compute([0, 0, 0, 0], origin, "it has become the program", { label: "it runs" }),
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
  compute([0, 0, 0, 0], origin, "a signal came first", { label: "ended by a signal" }),
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
      compute([0, 0, 0, 0], origin, "there is none now", { label: "no file" }),
    ],
  };
}

/** A pid has at most seven digits: the kernel has at most 2^22 (PID_MAX_LIMIT in include/linux/threads.h). */
const DIGITS = 7;
const SIGN = 2 ** 63;

/** A number as digits: each is counted up while its power of ten can be taken away. The first ones, 0, are left out. */
function decimal(number: Slot<"int">, out: { readonly address: Slot<"int">; readonly length: Slot<"int"> }, variables: Variables): Step[] {
  const rest = newSlot(variables, "int", "what is left of the pid");
  const zeros = new TextEncoder().encode("0".repeat(DIGITS));
  const buffer = newBuffer(variables, "digits of the pid", 8, zeros);
  const digits = slotIn("int", buffer, 0, "digits of the pid");
  const steps = [set(number, rest, "take the pid")];
  for (let place = 0; place < DIGITS; place++) {
    const power = 10 ** (DIGITS - 1 - place);
    const label = `digit ${place}`;
    const count = [
      compute([rest, 0, power, -1], origin, "take it away", { out: rest }),
      compute([digits, 2 ** (8 * place), 0, -1], origin, "count it", { out: digits, goto: label }),
    ];
    steps.push(compute([rest, 0, power, SIGN], origin, `is there ${power} in it?`, { label, equal: { value: 0, steps: count } }));
  }
  const take = (place: number): Step[] => [
    set(address(buffer, place), out.address, "where its digits begin"),
    set(DIGITS - place, out.length, "how many they are"),
  ];
  for (let place = 0; place < DIGITS - 1; place++)
    steps.push(
      compute([number, 0, 10 ** (DIGITS - 1 - place), SIGN], origin, `does it have ${DIGITS - place} digits?`, {
        equal: { value: 0, steps: [...take(place), go("the pid as text")] },
      }),
    );
  return [...steps, ...take(DIGITS - 1), compute([0, 0, 0, 0], origin, "here it is", { label: "the pid as text" })];
}
