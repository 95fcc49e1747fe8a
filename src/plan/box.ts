// Box's own part around the first process: the stage and the line to it, and what is recorded and waited for until the
// container runs. Box runs these steps inside its own process, section by section. What comes before is prepare.ts.

import type { Flag } from "../linux/flags.ts";
import { ARENA_FD, STATUS_BYTES, TAPE_FILE_OFFSET } from "../tape/layout.ts";
import {
  address,
  type Buffer,
  compute,
  type ErrorTable,
  newBuffer,
  newSlot,
  newVariables,
  type Slot,
  type Step,
  type StepOptions,
  slotIn,
  step,
} from "../tape/step.ts";
import type { Building } from "./builder.ts";
import { eachHook, type HookRun, hasHooks, newHookReport, runHooks } from "./hooks.ts";
import { needsHelper } from "./namespaces.ts";
import { type BoxVariables, type Bytes, bufferBytes } from "./plan.ts";
import { sendToSocket } from "./send-descriptor.ts";
import { answerFifo, newStateFile, stateFile, waitFifo } from "./state-files.ts";

export function newBoxVariables(): BoxVariables {
  const variables = newVariables();
  const int = (name: string): Slot<"int"> => newSlot(variables, "int", name);
  const fd = (name: string): Slot<"fd"> => newSlot(variables, "fd", name);
  return {
    variables,
    stageBytes: { address: int("the stage"), length: int("its length") },
    tapeBytes: { address: int("the tape"), length: int("its length") },
    state: { address: int("the state"), length: int("its length") },
    config: { address: int("the configuration"), length: int("its length") },
    hookState: { address: int("the state for hooks"), length: int("its length") },
    insideState: { address: int("the state for hooks inside"), length: int("its length") },
    pidText: { address: int("init's pid as text"), length: int("its length") },
    statusAddress: int("status"),
    stateFolder: fd("state folder"),
    stage: fd("stage"),
    arena: fd("arena"),
    sync: fd("line to the child"),
    process: fd("the child in /proc"),
    processPath: newBuffer(variables, "path of the child in /proc", bufferBytes.processPath),
    pid: int("the child's pid"),
    initPid: int("init's pid"),
    stat: newBuffer(variables, "stat", bufferBytes.stat),
    reply: newBuffer(variables, "reply", 64),
    siginfo: newBuffer(variables, "siginfo", 128),
    childSync: fd("line to box"),
    terminal: fd("the container's terminal"),
    outcome: int("what is left to do"),
    wait: fd("FIFO that init waits on"),
    answer: fd("FIFO that init answers on"),
    hookFiles: { state: fd("state for hooks"), output: fd("output of hooks") },
    hook: newHookReport(variables, false),
    stdio: { given: {}, handed: [] },
    front: {},
    agent: {},
    joins: fd("pidfd of the init to join"),
    verifierLog: newBuffer(variables, "verifier's log", bufferBytes.verifierLog),
    kept: {
      stateRoot: fd("folder of all states, kept"),
      stateFolder: fd("state folder, kept"),
      box: fd("box's executable"),
      terminal: fd("terminal, kept"),
      tape: fd("the supervisor's tape"),
    },
  };
}

/** Writes the state so that a reader sees the old one or the new one, never half of one. */
export function writeState(box: BoxVariables, onError?: ErrorTable): Step[] {
  const file = newSlot(box.variables, "fd", "state.json");
  return [
    step(
      "openat",
      [box.stateFolder, newStateFile, ["O_WRONLY", "O_CREAT", "O_TRUNC", "O_NOFOLLOW", "O_CLOEXEC"], 0o600],
      "id",
      "write the state beside the old one",
      {
        out: file,
        ...(onError === undefined ? {} : { onError }),
      },
    ),
    step("write", [file, box.state.address, box.state.length], "id", "write the state"),
    step("close", [file], "id", "done with it"),
    step("renameat2", [box.stateFolder, newStateFile, box.stateFolder, stateFile, 0], "id", "put it in place of the old one"),
  ];
}

/** A sealed copy of the stage in memory: what a container sees as /proc/self/exe is never box (CVE-2019-5736). */
export function sealStage(box: BoxVariables): Step[] {
  const origin = "box";
  const why = "make a file in memory for the stage";
  const create = (flags: Flag<"MFD">[]): Step => step("memfd_create", ["box-stage", flags], origin, why, { out: box.stage });
  const fill = [
    step("write", [box.stage, box.stageBytes.address, box.stageBytes.length], origin, "write the stage"),
    step("fcntl", [box.stage, ["F_ADD_SEALS"], SEAL_ALL], origin, "seal it: nothing can change it now"),
  ];
  const older = [create(["MFD_CLOEXEC", "MFD_ALLOW_SEALING"]), ...fill];
  return [
    {
      ...create(["MFD_CLOEXEC", "MFD_ALLOW_SEALING", "MFD_EXEC"]),
      // MFD_EXEC came with Linux 6.3; vm.memfd_noexec=2 refuses it.
      onError: [
        ["EINVAL", older, "fallback"],
        ["EACCES", keepStageInTmpfs(box), "fallback"],
      ],
      ok: fill,
    },
  ];
}

/** F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE */
const SEAL_ALL = 0xf;

/** Without executable memory files: a read-only mount, attached nowhere, that holds a copy of the stage. */
function keepStageInTmpfs(box: BoxVariables): Step[] {
  const { variables } = box;
  const origin = "box";
  const context = newSlot(variables, "fd", "context of the stage's folder");
  const folder = newSlot(variables, "fd", "the stage's folder");
  const file = newSlot(variables, "fd", "the stage, writable");
  const readOnly = { struct: "mount_attr", attr_set: ["MOUNT_ATTR_RDONLY"] } as const;
  return [
    step("fsopen", ["tmpfs", ["FSOPEN_CLOEXEC"]], origin, "make a folder for the stage", { out: context }),
    step("fsconfig", [context, ["FSCONFIG_CMD_CREATE"], null, null, 0], origin, "make its filesystem"),
    step(
      "fsmount",
      [context, ["FSMOUNT_CLOEXEC"], ["MOUNT_ATTR_NOSUID", "MOUNT_ATTR_NODEV"]],
      origin,
      "make it a mount, attached nowhere",
      { out: folder },
    ),
    step("openat", [folder, "stage", ["O_WRONLY", "O_CREAT", "O_EXCL", "O_CLOEXEC"], 0o500], origin, "make the stage's file", {
      out: file,
    }),
    step("write", [file, box.stageBytes.address, box.stageBytes.length], origin, "write the stage"),
    step("close", [file], origin, "done with writing"),
    step("mount_setattr", [folder, "", ["AT_EMPTY_PATH"], readOnly, 32], origin, "make it read-only"),
    step("openat", [folder, "stage", ["O_RDONLY", "O_CLOEXEC"], 0], origin, "open the stage", { out: box.stage }),
  ];
}

/** The arena with the child's tape and results, and the socketpair that box and the child talk over. */
export function openLines({ handed: { end } }: Building, box: BoxVariables): Step[] {
  const { variables } = box;
  const pair = newBuffer(variables, "socketpair", 8);
  const ours = slotIn("int", pair, 0, "socketpair");
  const theirs = slotIn("int", pair, 4, "socketpair's second half");
  const own = newSlot(variables, "fd", "line, as made");
  const other = newSlot(variables, "fd", "line to box, as made");
  return [
    step("memfd_create", ["box-tape", ["MFD_CLOEXEC"]], "box", "make a file in memory for the child's tape", { out: own }),
    step("pwrite64", [own, box.tapeBytes.address, box.tapeBytes.length, TAPE_FILE_OFFSET], "box", "write the tape"),
    step("mmap", [null, STATUS_BYTES, ["PROT_READ", "PROT_WRITE"], ["MAP_SHARED"], own, 0], "box", "share the page of results", {
      out: box.statusAddress,
    }),
    ...moveUp(own, box.arena, "the tape", end),
    step("socketpair", [["AF_UNIX"], ["SOCK_SEQPACKET", "SOCK_CLOEXEC"], 0, address(pair)], "box", "make a line between box and the child"),
    compute([ours, 0, 0, UINT_MAX], "box", "box's end", { out: box.sync }),
    compute([theirs, 0, 0, UINT_MAX], "box", "the child's end", { out: other }),
    ...moveUp(other, box.childSync, "the child's end", end),
  ];
}

const UINT_MAX = 0xffffffff;

/** Above the numbers that the child will use, so that moving one there overwrites no other. */
export const moveUp = (from: Slot<"fd">, to: Slot<"fd">, what: string, end: number): Step[] => [
  step("fcntl", [from, ["F_DUPFD_CLOEXEC"], end], "box", `move ${what} out of the way`, { out: to }),
  step("close", [from], "box", "done with it"),
];

/** The clone whose child becomes the stage. */
export const cloneStage = (building: Building, box: BoxVariables, clone: Buffer, why: string, more?: Pick<StepOptions, "onError">): Step =>
  step("clone3", [address(clone), clone.bytes], "linux.namespaces", why, {
    ...more,
    out: box.pid,
    equal: {
      value: 0,
      steps: [
        ...handOver(building, box),
        step("execveat", [box.stage, "", ["box-stage"], [], ["AT_EMPTY_PATH"]], "box", "become the stage"),
      ],
      onFailure: [step("exit_group", [125], "box", "end, since the stage cannot run")],
    },
  });

/** What the child gets, at the numbers where it looks for it. */
function handOver({ handed, launch }: Building, box: BoxVariables): Step[] {
  const preserved: Step[] = [];
  // Whoever opened them or Bun may have marked them close-on-exec.
  for (let fd = ARENA_FD + 1; fd < ARENA_FD + launch.preserveFds; fd++)
    preserved.push(step("fcntl", [fd, ["F_SETFD"], 0], "--preserve-fds", `let descriptor ${fd} stay open`));
  const hand = (from: Slot<"fd"> | number, to: number, what: string): Step[] =>
    to < 0 ? [] : [step("dup3", [from, to, []], "box", `hand ${what}`)];
  const { input, output, errors } = box.stdio.given;
  return [
    ...(input === undefined ? [] : hand(input, 0, "it its stdin")),
    ...(output === undefined ? [] : hand(output, 1, "it its stdout")),
    ...(errors === undefined ? [] : hand(errors, 2, "it its stderr")),
    ...preserved,
    ...hand(ARENA_FD, handed.third, "the stage what lies where it wants its tape"),
    ...hand(box.arena, ARENA_FD, "the tape to the stage"),
    ...hand(box.childSync, handed.sync, "it its end of the line"),
    ...hand(box.wait, handed.wait, "it the FIFO to wait on"),
    ...hand(box.answer, handed.answer, "it the FIFO to answer on"),
    ...hand(box.hookFiles.state, handed.hookState, "it the state for hooks"),
    ...hand(box.hookFiles.output, handed.hookOutput, "it the file for what hooks print"),
    ...hand(box.joins, handed.init, "it the init to join"),
  ];
}

/** What init waits on for start, and what hooks read and write. */
export function openMore({ handed }: Building, box: BoxVariables): Step[] {
  const steps: Step[] = [];
  const { variables } = box;
  if (handed.end > 5)
    steps.push(step("fcntl", [box.stage, ["F_DUPFD_CLOEXEC"], handed.end], "box", "move the stage out of the way", { out: box.stage }));
  if (handed.wait >= 0)
    for (const [name, out] of [
      [waitFifo, box.wait],
      [answerFifo, box.answer],
    ] as const) {
      const made = newSlot(variables, "fd", `FIFO ${name}, as opened`);
      steps.push(
        step("mknodat", [box.stateFolder, name, S_IFIFO | 0o600, { major: 0, minor: 0 }], "id", `make the FIFO ${name}`),
        // Open for both: no end of file and no SIGPIPE, whoever dies.
        step("openat", [box.stateFolder, name, ["O_RDWR", "O_NOFOLLOW", "O_CLOEXEC"], 0], "id", `open the FIFO ${name}`, { out: made }),
        ...moveUp(made, out, `the FIFO ${name}`, handed.end),
      );
    }
  if (handed.hookState >= 0)
    for (const [name, out] of [
      ["box-hook-state", box.hookFiles.state],
      ["box-hook-output", box.hookFiles.output],
    ] as const) {
      const made = newSlot(variables, "fd", `${name}, as made`);
      steps.push(
        step("memfd_create", [name, ["MFD_CLOEXEC"]], "hooks", "make a file in memory for hooks", { out: made }),
        ...moveUp(made, out, "the file for hooks", handed.end),
      );
    }
  return steps;
}

const S_IFIFO = 0o010000;
const SIGCHLD = 17;

/** A caller that ignores SIGCHLD would have the kernel forget how children end (sigaction(2)). */
export const blockSignals = ({ facts: { ignoredSignals } }: Building): Step[] => [
  ...(ignoredSignals.includes(SIGCHLD)
    ? [step("rt_sigaction", [SIGCHLD, { struct: "sigaction" }, null, 8], "box", "learn how children end")]
    : []),
  step(
    "rt_sigprocmask",
    [["SIG_BLOCK"], new Uint8Array(8).fill(0xff), null, 8],
    "box",
    "keep signals until there is somebody to pass them to",
  ),
];

/** With a helper: it ends once init exists. */
export const awaitHelper = (building: Building, box: BoxVariables): Step[] =>
  needsHelper(building.namespaces)
    ? [
        step(
          "waitid",
          [["P_PID"], box.pid, address(box.siginfo), ["WEXITED"], null],
          "linux.namespaces",
          "wait until the helper has made init",
        ),
        // From now on the number may be anybody's, and what fails later must not end a stranger.
        compute([0, 0, 0, -1], "box", "forget the helper's pid", { out: box.pid }),
      ]
    : [];

/** When init started, in the kernel's clock ticks: with its pid, what tells it from any later process. */
export function observe(box: BoxVariables): Step[] {
  const stat = newSlot(box.variables, "fd", "stat");
  return [
    step("openat", ["AT_FDCWD", address(box.processPath), ["O_RDONLY", "O_DIRECTORY", "O_CLOEXEC"], 0], "box", "open init in /proc", {
      out: box.process,
    }),
    step("openat", [box.process, "stat", ["O_RDONLY", "O_CLOEXEC"], 0], "box", "open its stat", { out: stat }),
    step("read", [stat, address(box.stat), box.stat.bytes - 1], "box", "read when it started"),
    step("close", [stat], "box", "done with it"),
  ];
}

/** What the state for hooks says now. */
const writeHookState = ({ hookFiles }: BoxVariables, { address: at, length }: Bytes): Step[] => [
  step("ftruncate", [hookFiles.state, 0], "hooks", "forget the state before"),
  step("pwrite64", [hookFiles.state, at, length, 0], "hooks", "write the state for hooks"),
];

const hookRun = (building: Building, box: BoxVariables): HookRun => ({
  ...box.hookFiles,
  variables: box.variables,
  report: box.hook,
  ignoredSignals: building.facts.ignoredSignals,
});

/** Hooks see the world from the bundle's folder, as with runc. */
const enterBundle = ({ bundle }: Building): Step[] => [step("chdir", [bundle], "bundle", `enter the folder ${bundle}`)];

/** Hooks of the host's namespaces that run before pivot_root, and the state for those that init runs then. */
export function runtimeHooks(building: Building, box: BoxVariables): Step[] {
  const { hooks } = building.spec;
  if (!hasHooks(hooks, ...hooksBeforePivot)) return [];
  const run = hookRun(building, box);
  return [
    step("read", [box.sync, address(box.reply), 1], "hooks", "wait until init has made its mounts", {
      expect: { value: 1, refused: "init ended before" },
    }),
    ...writeHookState(box, box.hookState),
    ...runHooks(run, hooks, "prestart", enterBundle(building)),
    ...runHooks(run, hooks, "createRuntime", enterBundle(building)),
    ...writeHookState(box, box.insideState),
    step("write", [box.sync, "g", 1], "hooks", "let init go on", { onError: [["EPIPE", []]] }),
    step("read", [box.sync, address(box.reply), 1], "hooks", "wait until init has run its hooks", {
      expect: { value: 1, refused: "init ended before" },
    }),
  ];
}

export const hooksBeforePivot = ["prestart", "createRuntime", "createContainer"] as const;

/** Each with its own steps. */
export function poststartHooks(building: Building, box: BoxVariables): Step[][] {
  if (building.launch.way === "created") return [];
  const each = eachHook(hookRun(building, box), building.spec.hooks, "poststart", enterBundle(building));
  each[0]?.unshift(...writeHookState(box, box.hookState));
  return each;
}

/** Files and sockets of whoever wants to know init. A reader of the file finds all of the pid or none of it. */
export function report(building: Building, box: BoxVariables): Step[] {
  const { pidFile, pidfdSocket } = building.launch;
  const steps: Step[] = [];
  if (pidFile !== undefined) {
    const file = newSlot(box.variables, "fd", "file for the pid");
    const slash = pidFile.lastIndexOf("/");
    const before = `${pidFile.slice(0, slash + 1)}.${pidFile.slice(slash + 1)}`;
    const origin = "--pid-file";
    steps.push(
      // Whatever is there under that name: one that somebody put there may be a FIFO, or another's file.
      step("unlinkat", ["AT_FDCWD", before, []], origin, `write the file ${pidFile}`, { onError: [["ENOENT", []]] }),
      step(
        "openat",
        ["AT_FDCWD", before, ["O_WRONLY", "O_CREAT", "O_EXCL", "O_NOFOLLOW", "O_CLOEXEC"], 0o644],
        origin,
        `write the file ${pidFile}`,
        {
          out: file,
        },
      ),
      step("write", [file, box.pidText.address, box.pidText.length], origin, "write init's pid"),
      step("close", [file], origin, "done with it"),
      step("renameat2", ["AT_FDCWD", before, "AT_FDCWD", pidFile, 0], origin, `write the file ${pidFile}`),
    );
  }
  if (pidfdSocket !== undefined) {
    const pidfd = newSlot(box.variables, "fd", "pidfd of init");
    steps.push(
      step("pidfd_open", [box.initPid, 0], "--pidfd-socket", "take a handle on init", { out: pidfd }),
      ...sendToSocket(box.variables, pidfd, pidfdSocket, "pidfd", "--pidfd-socket", "a handle on init"),
      step("close", [pidfd], "--pidfd-socket", "done with it"),
    );
  }
  return steps;
}

/**
 * Lets the child go on. It waits for start then, and says so; or it becomes the program: execve closes its end of the
 * line, and so does a failure.
 */
export function release(building: Building, box: BoxVariables): Step[] {
  const created = building.launch.way === "created";
  const why = created ? "wait until init is ready for start" : "wait until it has become the container's process";
  return [
    ...(hasHooks(building.spec.hooks, "startContainer") ? writeHookState(box, box.insideState) : []),
    step("write", [box.sync, "g", 1], "box", "let the child go on", {
      onError: [
        ["EPIPE", []],
        ["ECONNRESET", []],
      ],
    }),
    ...(building.seccomp?.agent?.tellAgent(building, box) ?? []),
    step("read", [box.sync, address(box.reply), 1], "box", why, {
      onError: [["ECONNRESET", []]],
      ...(created ? { expect: { value: 1, refused: "init ended before" } } : {}),
    }),
    step("close", [box.sync], "box", "done with it"),
  ];
}
