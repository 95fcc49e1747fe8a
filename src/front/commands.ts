// start, kill, delete and exec, done by the front alone: a tape without the rest of box, in a fraction of the time. It does what
// src/cli/start.ts, kill.ts and delete.ts do of a container for which that is little: the file that it reads (front-file.ts) is
// there for no other. Whatever is not as usual stops a tape before it has changed anything, or where doing it again from the
// beginning comes to the same; then the rest of box does it, with all its words for what is wrong. For exec there has to be a
// program that was kept for just that (src/plan/exec-at-front.ts); this only finds it.

import { hostConfig } from "../host/host-config.ts";
import { signals } from "../linux/signals.ts";
import { structFields } from "../linux/structs.ts";
import {
  answerFifo,
  execFolder,
  execPlaces,
  exitFile,
  frontName,
  keptConfig,
  keptFilter,
  rootFolder,
  stateFile,
  waitFifo,
} from "../plan/state-files.ts";
import { address, type Buffer, compute, newBuffer, newSlot, type Slot, type Step, slotIn, step, type Variables } from "../tape/step.ts";
import { giveUp, isRoots, isText, mapTape, S_IFREG } from "./boot.ts";
import { BOOT_ID_BYTES, CGROUPS_MAX, FRONT_MAGIC, frontFile, PATH_BYTES } from "./front-file.ts";
import { askFor, go, here, origin, pollfd, refuse } from "./front-steps.ts";
import { RESTORE_ADDRESS, RESTORE_BYTES_MAX } from "./layout.ts";
import { wordOf } from "./shared-words.ts";

/** How a program of exec begins: as a kept start does (boot.ts). */
export const EXEC_MAGIC = "boxexec1";
const TWO_32 = 2 ** 32;

type Shared = {
  readonly variables: Variables;
  readonly word: ReturnType<typeof wordOf>;
  readonly root: Slot<"fd">;
  readonly folder: Slot<"fd">;
  readonly pidfd: Slot<"fd">;
  /** What is open for a moment, and what is opened in it. */
  readonly file: Slot<"fd">;
  readonly inside: Slot<"fd">;
  /** Of exec. */
  readonly program: Slot<"fd">;
  readonly about: Buffer;
  /** front-file.ts */
  readonly container: Buffer;
  readonly pid: Slot<"int">;
  readonly polled: Buffer;
  readonly noTime: Buffer;
  readonly start: { readonly lock: Slot<"fd">; readonly answer: Slot<"fd">; readonly wait: Slot<"fd"> };
};

/** A list for each command, and the one for when it stops. */
export function commandSteps(
  variables: Variables,
  base: number,
): {
  readonly start: Step[];
  readonly kill: Step[];
  readonly delete: Step[];
  readonly exec: Step[];
  readonly end: Step[];
  readonly giveUp: Step[];
} {
  const fd = (name: string): Slot<"fd"> => newSlot(variables, "fd", name);
  const container = newBuffer(variables, "what the front is told", frontFile.bytes);
  const shared: Shared = {
    variables,
    word: wordOf(base),
    root: fd("folder of all states"),
    folder: fd("state folder"),
    pidfd: fd("pidfd of init"),
    file: fd("what is looked into"),
    inside: fd("what is in there"),
    program: fd("program of exec"),
    about: newBuffer(variables, "statx", structFields.statx.bytes),
    container,
    pid: slotIn("int", container, frontFile.pid, "init's pid"),
    polled: newBuffer(variables, "what is waited for", 2 * structFields.pollfd.bytes),
    noTime: newBuffer(variables, "no time", structFields.timespec.bytes),
    start: { lock: fd("lock on the state"), answer: fd("init's answer"), wait: fd("FIFO that init waits on") },
  };
  const { root, folder, pidfd, file, inside, program, start } = shared;
  return {
    start: startSteps(shared),
    kill: killSteps(shared),
    delete: deleteSteps(shared),
    exec: execSteps(shared),
    end: endOfExec(shared),
    giveUp: leave([root, folder, file, inside, program, start.wait], [start.lock, start.answer, pidfd], shared),
  };
}

/** Closes everything, but not what is left of a start that has begun: another that got the lock now could read of the answer. */
const leave = (files: readonly Slot<"fd">[], ofStart: readonly Slot<"fd">[], { word }: Shared): Step[] => [
  compute([word("fd", "answer"), 1, 0, -1], origin, "has a start begun?", {
    equal: { value: 0, steps: ofStart.map((file) => step("close", [file], origin, "do without it", { onError: "ignore" })) },
  }),
  ...giveUp(files),
];

const done = step("exit_group", [0], origin, "done");
/** No descriptor has that number: what is closed when a tape stops may be closed already, and its old number be another's. */
const CLOSED = 2 ** 31 - 1;
const close = (file: Slot<"fd">): Step[] => [
  step("close", [file], origin, "done with it"),
  compute([CLOSED, 0, 0, -1], origin, "forget its number", { out: file }),
];

/** As src/cli/invocation.ts has it, of whom the folder is where nobody names another. */
const WHOLE_MAP = `${"0".padStart(10)} ${"0".padStart(10)} 4294967295\n`;

function isRoot(shared: Shared): Step[] {
  return [
    step("getuid", [], origin, "see who asks", { expect: { value: 0, refused: "it is not root" } }),
    ...isFile("/proc/self/uid_map", WHOLE_MAP.length, new TextEncoder().encode(WHOLE_MAP), shared),
  ];
}

const offsetOf = (field: "ino" | "mode" | "size" | "uid"): number => structFields.statx.fields[field]?.offset as number;
const S_IWOTHERS = 0o022;

/** Opens the state folder, as checkStateRoot in src/execute/state-folder.ts would let it be. */
function openFolder({ root, folder, about, word }: Shared): Step[] {
  const uid = slotIn("int", about, offsetOf("uid") - 4, "its links and owner");
  const mode = slotIn("int", about, offsetOf("mode") - 4, "its group and mode");
  const status = ["STATX_BASIC_STATS"] as const;
  return [
    step("openat", ["AT_FDCWD", word("int", "root"), ["O_DIRECTORY", "O_CLOEXEC"], 0], origin, "open the folder of all states", {
      out: root,
    }),
    step("statx", [root, "", ["AT_EMPTY_PATH"], status, address(about)], origin, "look whose it is"),
    compute([uid, 0, 0, (TWO_32 - 1) * TWO_32], origin, "take its owner", { expect: { value: 0, refused: "it is not root's" } }),
    compute([mode, 0, 0, S_IWOTHERS * TWO_32], origin, "take its mode", { expect: { value: 0, refused: "others may write in it" } }),
    step("openat", [root, word("int", "id"), ["O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC"], 0], origin, "open the state folder", {
      out: folder,
    }),
  ];
}

/** Reads who init is and what else there is of the container; refuses what another boot has left, and where its pid means another. */
function readContainer(shared: Shared): Step[] {
  const { folder, file, about, container, variables } = shared;
  return [
    step("openat", [folder, frontName, ["O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC"], 0], origin, "open what the front is told", { out: file }),
    ...isRoots(file, about, S_IFREG),
    compute([slotIn("int", about, offsetOf("size"), "its bytes"), 0, frontFile.bytes, -1], origin, "is it all, and no more?", {
      expect: { value: 0, refused: "it is of another size" },
    }),
    step("read", [file, address(container), frontFile.bytes], origin, "read it", {
      expect: { value: frontFile.bytes, refused: "the rest of box is to do it" },
    }),
    ...close(file),
    ...isText(container, FRONT_MAGIC, variables),
    ...isFile("/proc/sys/kernel/random/boot_id", BOOT_ID_BYTES, { buffer: container, from: frontFile.bootId }, shared),
    step("statx", ["AT_FDCWD", "/proc/self/ns/pid", [], ["STATX_INO"], address(about)], origin, "in which pid namespace is this?"),
    isSameInode(shared, frontFile.pidNamespace, "is it that of the pid?"),
  ];
}

/** The file begins with these bytes; read into a buffer with zeros behind them, as `expected` is. */
function isFile(
  path: string,
  bytes: number,
  expected: Uint8Array | { readonly buffer: Buffer; readonly from: number },
  { variables, file }: Shared,
): Step[] {
  const now = newBuffer(variables, `${path} as it is`, bytes);
  const then =
    expected instanceof Uint8Array ? { buffer: newBuffer(variables, `${path} as expected`, bytes, expected), from: 0 } : expected;
  return [
    step("openat", ["AT_FDCWD", path, ["O_CLOEXEC"], 0], origin, `open ${path}`, { out: file }),
    step("read", [file, address(now), bytes], origin, "read it"),
    ...close(file),
    ...Array.from({ length: Math.ceil(bytes / 8) }, (_, index) =>
      compute(
        [slotIn("int", now, index * 8, "as it is"), 0, slotIn("int", then.buffer, then.from + index * 8, "as expected"), -1],
        origin,
        "compare it",
        { expect: { value: 0, refused: "it is another" } },
      ),
    ),
  ];
}

/** Takes a handle on whoever has init's pid now. */
const openInit = ({ pid, pidfd, about }: Shared, gone?: Step): Step[] => [
  step("pidfd_open", [pid, 0], origin, "take a handle on init", {
    out: pidfd,
    ...(gone === undefined ? {} : { onError: [["ESRCH", [gone]]] }),
  }),
  step("statx", [pidfd, "", ["AT_EMPTY_PATH"], ["STATX_INO"], address(about)], origin, "see whose it is"),
];

/** What was looked at last is what the container's file has there. */
const isSameInode = ({ about, container }: Shared, at: number, why: string): Step =>
  compute([slotIn("int", about, offsetOf("ino"), "its inode"), 0, slotIn("int", container, at, "that inode"), -1], origin, why, {
    expect: { value: 0, refused: "it is another" },
  });

const isInit = (shared: Shared): Step => isSameInode(shared, frontFile.inode, "is it init?");

const POLLHUP = 0x10;
const SIGSET_BYTES = 8;
const SIG_IGN = 1;
const REVENTS = 2 ** 48;
/** A pidfd can be read when its process has ended (pidfd_open(2)). */
const hasEnded = ({ polled, noTime, pidfd }: Shared, expected: 0 | 1, refused: string): Step[] => [
  askFor(polled, pidfd),
  step("ppoll", [address(polled), 1, address(noTime), null, SIGSET_BYTES], origin, "has it ended?", {
    expect: { value: expected, refused },
  }),
];

/** Whether there is a path at that place of the container's file. */
const isThere = ({ container }: Shared, at: number, orGoTo: string, label?: string): Step =>
  compute([slotIn("int", container, at, "how a path begins"), 0, 0, 0xff], origin, "is there one?", {
    equal: { value: 0, steps: [go(orGoTo)] },
    ...(label === undefined ? {} : { label }),
  });

const openAt = (
  { container, file, inside }: Shared,
  at: number,
  name: string,
  flags: readonly ["O_RDONLY" | "O_WRONLY", "O_CLOEXEC"],
): Step[] => [
  step("openat", ["AT_FDCWD", address(container, at), ["O_DIRECTORY", "O_CLOEXEC"], 0], origin, "open its cgroup", { out: file }),
  step("openat", [file, name, flags, 0], origin, `open ${name}`, { out: inside }),
];

function startSteps(shared: Shared): Step[] {
  const { folder, about, polled, pidfd, word, start } = shared;
  const links = slotIn("int", about, structFields.statx.fields.nlink?.offset as number, "its links and owner");
  return [
    ...isRoot(shared),
    ...openFolder(shared),
    step("openat", [folder, stateFile, ["O_CLOEXEC"], 0], origin, "open the state", { out: start.lock }),
    // Of two starts at once, one finds init waiting; a state that has been replaced is no lock (src/execute/lock-state.ts).
    step("flock", [start.lock, ["LOCK_EX"]], origin, "lock it"),
    step("statx", [start.lock, "", ["AT_EMPTY_PATH"], ["STATX_NLINK"], address(about)], origin, "look whether it is the state still"),
    compute([links, 0, 0, TWO_32 - 1], origin, "take its links", { equal: { value: 0, steps: [refuse("it is not")] } }),
    ...readContainer(shared),
    ...openInit(shared),
    isInit(shared),
    ...isNotFrozen(shared, "start"),
    step("openat", [folder, answerFifo, ["O_RDONLY", "O_NONBLOCK", "O_CLOEXEC"], 0], origin, "listen to init", { out: start.answer }),
    step("openat", [folder, waitFifo, ["O_WRONLY", "O_NONBLOCK", "O_CLOEXEC"], 0], origin, "see that init waits", { out: start.wait }),
    // Where nobody could answer the kernel would never say that all is said (fs/pipe.c, pipe_poll).
    step("read", [start.answer, address(polled), 1], origin, "see that init is there to answer", {
      onError: [["EAGAIN", []]],
      ok: [refuse("it is not")],
    }),
    // Init may die before it is told, and that is for the rest of box to say.
    step("rt_sigaction", [signals.SIGPIPE, { struct: "sigaction", handler: SIG_IGN }, null, SIGSET_BYTES], origin, "outlive init's death"),
    askFor(polled, start.answer),
    askFor(polled, pidfd, 1),
    step("write", [start.wait, "g", 1], origin, "let init go on", { expect: { value: 1, refused: "it does not wait" } }),
    // What init answers from here on is not to be lost: src/execute/start-created.ts reads it.
    compute([start.answer, 0, 0, -1], origin, "this start has begun", { out: word("fd", "answer") }),
    compute([pidfd, 0, 0, -1], origin, "with this init", { out: word("fd", "init") }),
    step("ppoll", [address(polled), 2, null, null, SIGSET_BYTES], origin, "wait until init has become the program", { onError: "ignore" }),
    compute([pollfd(polled, 0), 0, start.answer, 0xffff * REVENTS], origin, "has it closed the FIFO without a word?", {
      equal: { value: POLLHUP * REVENTS, steps: [done] },
    }),
    refuse("the rest of box is to listen"),
  ];
}

/** As src/execute/is-frozen.ts. */
const isNotFrozen = (shared: Shared, command: string): Step[] => [
  ...isNotFrozenBy(shared, frontFile.freezerV1, "freezer.self_freezing", command),
  ...isNotFrozenBy(shared, frontFile.freezerV2, "cgroup.freeze", command),
];

function isNotFrozenBy(shared: Shared, at: number, name: string, command: string): Step[] {
  const { file, inside } = shared;
  const says = newBuffer(shared.variables, name, 8);
  const next = `${command}: ${name} says no`;
  return [
    isThere(shared, at, next),
    ...openAt(shared, at, name, ["O_RDONLY", "O_CLOEXEC"]),
    step("read", [inside, address(says), 1], origin, "is it frozen?"),
    compute([slotIn("int", says, 0, "what it says"), 0, 0, 0xff], origin, "take its answer", {
      equal: { value: "1".charCodeAt(0), steps: [refuse("it is frozen")] },
    }),
    ...close(inside),
    ...close(file),
    compute([0, 0, 0, 0], origin, "it is not", { label: next }),
  ];
}

/** As killOne in src/cli/kill.ts. */
function killSteps(shared: Shared): Step[] {
  const { folder, file, pidfd, word } = shared;
  const signal = word("int", "signal");
  const isKill = (steps: readonly Step[], label?: string): Step =>
    compute([signal, 0, 0, -1], origin, "is it SIGKILL?", {
      equal: { value: signals.SIGKILL, steps },
      ...(label === undefined ? {} : { label }),
    });
  return [
    ...isRoot(shared),
    ...openFolder(shared),
    ...readContainer(shared),
    ...openInit(shared),
    isInit(shared),
    ...hasEnded(shared, 0, "it has ended"),
    isKill([go("send")]),
    // Before its start another signal may have to be SIGKILL.
    step("openat", [folder, waitFifo, ["O_WRONLY", "O_NONBLOCK", "O_CLOEXEC"], 0], origin, "see whether init waits for its start", {
      out: file,
      onError: [
        ["ENXIO", []],
        ["ENOENT", []],
      ],
      ok: [refuse("it does")],
    }),
    step("pidfd_send_signal", [pidfd, signal, null, 0], origin, "send the signal", { label: "send" }),
    isKill(thawToDie(shared)),
    { ...done, label: "sent" },
  ];
}

/** Whatever comes of it, as in src/execute/thaw-to-die.ts. */
function thawToDie(shared: Shared): Step[] {
  const thawed = new TextEncoder().encode("THAWED");
  return [
    isThere(shared, frontFile.freezerV1, "sent"),
    ...[
      ...openAt(shared, frontFile.freezerV1, "freezer.state", ["O_WRONLY", "O_CLOEXEC"]),
      step("write", [shared.inside, thawed, thawed.length], origin, "thaw it, or it could not die"),
    ].map((one): Step => ({ ...one, onError: "ignore" })),
  ];
}

const S_IFMT_HIGH = 0o170000 * TWO_32;
const S_IFDIR_HIGH = 0o040000 * TWO_32;

/** As checkStdio in src/cli/launch-flags.ts; a closed one is for the rest of box, too. */
function checkStdio({ about }: Shared): Step[] {
  const mode = slotIn("int", about, offsetOf("mode") - 4, "its group and mode");
  return [0, 1, 2].flatMap((stdio) => [
    step("statx", [stdio, "", ["AT_EMPTY_PATH"], ["STATX_TYPE"], address(about)], origin, `look at descriptor ${stdio}`),
    compute([mode, 0, 0, S_IFMT_HIGH], origin, "take its type", { equal: { value: S_IFDIR_HIGH, steps: [refuse("it is a folder")] } }),
  ]);
}

/** As run in src/cli/exec.ts, up to the program that was kept for it, which then goes on. */
function execSteps(shared: Shared): Step[] {
  const { folder, about, variables, word, pidfd, program } = shared;
  return [
    ...isRoot(shared),
    ...checkStdio(shared),
    // Plugins of the host may tap it.
    step("faccessat2", ["AT_FDCWD", hostConfig, ["F_OK"], []], origin, `look for ${hostConfig}`, {
      onError: [["ENOENT", []]],
      ok: [refuse("the host has plugins")],
    }),
    ...openFolder(shared),
    ...openProgram(shared),
    ...readContainer(shared),
    ...openInit(shared),
    isInit(shared),
    ...hasEnded(shared, 0, "it has ended"),
    ...isNotFrozen(shared, "exec"),
    ...mapTape(program, EXEC_MAGIC, about, variables),
    ...close(program),
    compute([pidfd, 0, 0, -1], origin, "with this init", { out: word("fd", "init") }),
    compute([folder, 0, 0, -1], origin, "of this container", { out: word("fd", "folder") }),
  ];
}

const NAME_BYTES = 8;

const namesOfPlaces = (variables: Variables): Buffer =>
  newBuffer(
    variables,
    "names of places",
    NAME_BYTES * execPlaces.length,
    new TextEncoder().encode(execPlaces.map((name) => name.padEnd(NAME_BYTES, "\0")).join("")),
  );

/** A program has its place by the length of what it was kept for: of the file of --process, or of the words behind the id. */
function openProgram({ folder, file, program, about, variables, word }: Shared): Step[] {
  const names = namesOfPlaces(variables);
  const length = newSlot(variables, "int", "length of the command");
  const name = newSlot(variables, "int", "its place");
  const size = slotIn("int", about, offsetOf("size"), "its bytes");
  const double = compute([length, length, 0, -1], origin, "times two", { out: length });
  return [
    // The kernel puts the environment behind the arguments (fs/exec.c).
    compute([word("int", "firstVariable"), 0, word("int", "argument"), -1], origin, "how long are the arguments?", { out: length }),
    compute([word("int", "process"), 0, 0, -1], origin, "is there a file?", { equal: { value: 0, steps: [go("length is known")] } }),
    step("statx", ["AT_FDCWD", word("int", "process"), [], ["STATX_SIZE"], address(about)], origin, "look at the file of the process"),
    compute([size, 0, 0, -1], origin, "how long is it?", { out: length }),
    compute([length, 0, 0, execPlaces.length - 1], origin, "one of the places", { label: "length is known", out: length }),
    // Names stand eight bytes apart.
    ...[double, double, double],
    compute([address(names), length, 0, -1], origin, "its name", { out: name }),
    step("openat", [folder, execFolder, ["O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC"], 0], origin, "look for programs", { out: file }),
    step("openat", [file, name, ["O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC"], 0], origin, "look for this one", { out: program }),
    ...close(file),
  ];
}

/** The rest of box maps something else in its place. */
function endOfExec({ root, folder, pidfd, variables }: Shared): Step[] {
  const there = newSlot(variables, "int", "where the program was");
  const room = RESTORE_BYTES_MAX;
  return [
    compute([RESTORE_ADDRESS, 0, 0, -1], origin, "where the program was", { out: there }),
    step("munmap", [there, room], origin, "do without it", { onError: "ignore" }),
    ...[root, folder, pidfd].map((file) => step("close", [file], origin, "do without it", { onError: "ignore" })),
  ];
}

function removePrograms({ folder, file, variables }: Shared): Step[] {
  const names = namesOfPlaces(variables);
  const name = newSlot(variables, "int", "name of a place");
  const left = newSlot(variables, "int", "places that are left");
  return [
    step("openat", [folder, execFolder, ["O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC"], 0], origin, "open the folder for programs", {
      out: file,
    }),
    compute([address(names), 0, 0, -1], origin, "the first place", { out: name }),
    compute([execPlaces.length, 0, 0, -1], origin, "as many as there are", { out: left }),
    step("unlinkat", [file, name, []], origin, "remove a program", { onError: [["ENOENT", []]], label: "program" }),
    compute([name, NAME_BYTES, 0, -1], origin, "the next place", { out: name }),
    compute([left, 0, 1, -1], origin, "is there one?", { out: left, equal: { value: 0, steps: [go("programs are removed")] } }),
    go("program"),
    here("programs are removed", "all places are empty"),
    ...close(file),
    step("unlinkat", [folder, execFolder, ["AT_REMOVEDIR"]], origin, "remove the folder for programs of exec"),
  ];
}

/** As removeContainer in src/execute/remove-container.ts, of a container whose init has ended, and with it all of its pid namespace. */
function deleteSteps(shared: Shared): Step[] {
  const { root, folder, word } = shared;
  const removed = { onError: [["ENOENT", []]] } as const;
  const places = Array.from({ length: CGROUPS_MAX }, (_, index) => frontFile.cgroups + index * PATH_BYTES);
  return [
    ...isRoot(shared),
    ...openFolder(shared),
    step("flock", [folder, ["LOCK_EX", "LOCK_NB"]], origin, "take it over"),
    ...readContainer(shared),
    ...openInit(shared, go("cgroups")),
    isInit(shared),
    ...hasEnded(shared, 1, "it lives"),
    ...places.flatMap((at, index) => [
      isThere(shared, at, "files", index === 0 ? "cgroups" : undefined),
      step("unlinkat", ["AT_FDCWD", address(shared.container, at), ["AT_REMOVEDIR"]], origin, "remove a cgroup", removed),
    ]),
    step("unlinkat", [folder, rootFolder, ["AT_REMOVEDIR"]], origin, "remove the mount point of the root", { ...removed, label: "files" }),
    step("unlinkat", [folder, execFolder, ["AT_REMOVEDIR"]], origin, "remove the folder for programs of exec", {
      onError: [
        ["ENOENT", []],
        ["ENOTEMPTY", removePrograms(shared)],
      ],
    }),
    ...[keptConfig, keptFilter, waitFifo, answerFifo, exitFile, frontName, stateFile].map((name) =>
      step("unlinkat", [folder, name, []], origin, `remove ${name}`, removed),
    ),
    step("unlinkat", [root, word("int", "id"), ["AT_REMOVEDIR"]], origin, "remove the state folder"),
    done,
  ];
}
