// The tape that makes a process that was just started into the one that was kept. Until everything is known to fit it
// changes nothing that a plain start would miss: it compares files and the boot, and maps memory where there is none. From
// there on there is no way back but to begin again without the kept start.

import type { Flag } from "../linux/flags.ts";
import { signals } from "../linux/signals.ts";
import { structFields } from "../linux/structs.ts";
import { address, compute, newBuffer, newSlot, type Slot, type Step, slotIn, step, type Variables } from "../tape/step.ts";
import { giveUp, isIdentical } from "./boot.ts";
import type { KeptProcess, Mapping, Run } from "./kept-process.ts";
import { KEPT_FOLDER, PLAIN_NAME, RESTORE_ADDRESS } from "./layout.ts";
import { wordOf } from "./shared-words.ts";

const origin = "start";
const BOOT_ID_BYTES = 40;
const EXIT_FAILED = 125;

type Files = ReadonlyMap<string, Slot<"fd">>;
const word = wordOf(RESTORE_ADDRESS);
const kept = word("fd", "file");

/** The list that restores, from the file of that name, and the one that runs when it stops before it has changed anything. */
export function restoreSteps(
  start: string,
  process: KeptProcess,
  variables: Variables,
): { readonly restore: Step[]; readonly giveUp: Step[] } {
  const files: Files = new Map(process.files.map(({ path }) => [path, newSlot(variables, "fd", path)]));
  const fd = (name: string): Slot<"fd"> => newSlot(variables, "fd", name);
  const loop: Loop = {
    made: fd("epoll"),
    epoll: fd("epoll, by its number"),
    madeEvent: fd("eventfd"),
    event: fd("eventfd, by its number"),
  };
  const moves = process.kernels.map((mapping) => moveKernels(mapping, process.vdso, variables));
  return {
    restore: [
      ...eventLoop(process.eventLoop, loop),
      ...isSameBoot(process.bootId, variables),
      ...process.files.flatMap((file) => openSame(file, files, variables)),
      ...process.kernels.map(({ start, end }) => reserve(start, end, variables)),
      // From the top, where the kernel may have put something: what a plain start wants for itself is below, and still free then.
      ...[...process.others].sort((one, other) => other.start - one.start).map((mapping) => mapThere(mapping, files, variables)),
      // The first says whether the kernel lets them move at all.
      ...moves.slice(0, 1).flat(),
      compute([0, 0, 0, 0], origin, "from here on there is no way back", {
        equal: {
          value: 0,
          steps: [...moves.slice(1).flat(), ...becomeKept(process, files, variables)],
          onFailure: beginAgain(start, process.eventLoop.event, variables),
        },
      }),
    ],
    giveUp: giveUp([kept, ...Object.values(loop), ...files.values()]),
  };
}

/** A number as a slot: pointers are slots or what they point to. */
const constant = (value: number, name: string, variables: Variables): Slot<"int"> =>
  slotIn("int", newBuffer(variables, name, 8, new Uint8Array(new BigUint64Array([BigInt(value)]).buffer)), 0, name);

const hex = (value: number): string => `0x${value.toString(16)}`;

/** Nobody has handed box a descriptor of that number. */
const isFree = (descriptor: number): Step[] => [
  step("fcntl", [descriptor, ["F_GETFD"], 0], origin, `see that descriptor ${descriptor} is free`, {
    onError: [["EBADF", []]],
    ok: [compute([0, 0, 1, -1], origin, "it is not")],
  }),
];

function isSameBoot(bootId: Uint8Array, variables: Variables): Step[] {
  const file = newSlot(variables, "fd", "boot_id");
  const now = newBuffer(variables, "this boot", BOOT_ID_BYTES, new Uint8Array(BOOT_ID_BYTES));
  const then = newBuffer(variables, "that boot", BOOT_ID_BYTES, bootId);
  return [
    step("openat", ["AT_FDCWD", "/proc/sys/kernel/random/boot_id", ["O_CLOEXEC"], 0], origin, "which boot is this?", { out: file }),
    step("read", [file, address(now), BOOT_ID_BYTES], origin, "read it"),
    step("close", [file], origin, "done with it"),
    ...Array.from({ length: BOOT_ID_BYTES / 8 }, (_, index) =>
      compute(
        [slotIn("int", now, index * 8, "this boot"), 0, slotIn("int", then, index * 8, "that boot"), -1],
        origin,
        "compare the boots",
        {
          expect: { value: 0, refused: "it is another" },
        },
      ),
    ),
  ];
}

function openSame({ path, identity }: KeptProcess["files"][number], files: Files, variables: Variables): Step[] {
  const file = files.get(path) as Slot<"fd">;
  const about = newBuffer(variables, "statx", structFields.statx.bytes);
  const expected = newBuffer(variables, `${path} as it was`, identity.length, identity);
  return [
    step("openat", ["AT_FDCWD", path, ["O_CLOEXEC"], 0], origin, `open ${path}`, { out: file }),
    step("statx", [file, "", ["AT_EMPTY_PATH"], ["STATX_BASIC_STATS"], address(about)], origin, "look at it"),
    ...isIdentical(about, expected, 0, path),
  ];
}

const PROT_EXEC = 4;
const protectionNames = ["PROT_READ", "PROT_WRITE", "PROT_EXEC"] as const;
function protectionOf({ protection }: Mapping): Flag<"PROT">[] {
  const names = protectionNames.filter((_, bit) => (protection & (1 << bit)) !== 0);
  return names.length === 0 ? ["PROT_NONE"] : names;
}

/** The run that a mapping consists of, if it does, and is no code. */
function wholeOf({ start, end, protection, runs: [first, ...more] }: Mapping): Run | undefined {
  const isWhole = first?.start === start && first.bytes === end - start && more.length === 0;
  return isWhole && (protection & PROT_EXEC) === 0 ? first : undefined;
}

/** As the kept process has it, its pages aside, and only where nothing is. Before Linux 4.17 it would go elsewhere. */
function mapThere(mapping: Mapping, files: Files, variables: Variables): Step {
  const { start, end, path } = mapping;
  const there = constant(start, hex(start), variables);
  const expect = { value: start, refused: "something is there" };
  const whole = wholeOf(mapping);
  const file = whole !== undefined ? kept : path === undefined ? undefined : files.get(path);
  const offset = whole?.at ?? mapping.offset;
  if (file === undefined)
    return step(
      "mmap",
      [there, end - start, protectionOf(mapping), ["MAP_PRIVATE", "MAP_ANONYMOUS", "MAP_NORESERVE", "MAP_FIXED_NOREPLACE"], -1, 0],
      origin,
      `map memory at ${hex(start)}`,
      { expect },
    );
  const flags: Flag<"MAP">[] = ["MAP_PRIVATE", "MAP_FIXED_NOREPLACE"];
  const what = whole === undefined ? path : "its pages";
  return step("mmap", [there, end - start, protectionOf(mapping), flags, file, offset], origin, `map ${what} at ${hex(start)}`, { expect });
}

const reserve = (start: number, end: number, variables: Variables): Step =>
  step(
    "mmap",
    [
      constant(start, hex(start), variables),
      end - start,
      ["PROT_NONE"],
      ["MAP_PRIVATE", "MAP_ANONYMOUS", "MAP_NORESERVE", "MAP_FIXED_NOREPLACE"],
      -1,
      0,
    ],
    origin,
    `see that nothing is at ${hex(start)}`,
    { expect: { value: start, refused: "something is there" } },
  );

/** The kernel's own pages go where the kept process's libc looks for them. */
function moveKernels({ start, end }: Mapping, vdso: number, variables: Variables): Step[] {
  const from = newSlot(variables, "int", "where the kernel has put it");
  const to = constant(start, hex(start), variables);
  return [
    compute([word("int", "vdso"), start, constant(vdso, "where its vdso was", variables), -1], origin, "find the kernel's pages", {
      out: from,
    }),
    step("mremap", [from, end - start, end - start, ["MREMAP_MAYMOVE", "MREMAP_FIXED"], to], origin, `move them to ${hex(start)}`),
  ];
}

function becomeKept(process: KeptProcess, files: Files, variables: Variables): Step[] {
  const all = [...process.own, ...process.others.filter((mapping) => wholeOf(mapping) === undefined)];
  return [
    ...all.flatMap((mapping) => mapping.runs.flatMap((run) => replace(mapping, run, variables))),
    ...actionsAndStack(process),
    step("close_range", [4, 0xffff_ffff, ["CLOSE_RANGE_CLOEXEC"]], origin, "hand on no more than Bun would"),
    ...tellThreadId(process, variables),
    watch(process.eventLoop),
    ...[kept, ...files.values()].map((file) => step("close", [file], origin, "done with it")),
    ...resume(process, variables),
  ];
}

/** Copied only where they are written: what a command does not touch costs it nothing. */
function replace(mapping: Mapping, run: Run, variables: Variables): Step[] {
  const there = constant(run.start, hex(run.start), variables);
  const protection = protectionOf(mapping);
  if (protection.includes("PROT_EXEC")) return readCode(run, there, protection);
  const flags: Flag<"MAP">[] = ["MAP_PRIVATE", "MAP_FIXED"];
  return [step("mmap", [there, run.bytes, protection, flags, kept, run.at], origin, `map its pages at ${hex(run.start)}`)];
}

/** Code cannot be mapped from /run where that is mounted noexec, as Debian does, but it can be read: it is a few pages. */
function readCode({ start, bytes, at }: Run, there: Slot<"int">, protection: Flag<"PROT">[]): Step[] {
  const flags: Flag<"MAP">[] = ["MAP_PRIVATE", "MAP_ANONYMOUS", "MAP_NORESERVE", "MAP_FIXED"];
  const writable: Flag<"PROT">[] = ["PROT_READ", "PROT_WRITE"];
  return [
    step("mmap", [there, bytes, writable, flags, -1, 0], origin, `map memory at ${hex(start)}`),
    step("pread64", [kept, there, bytes, at], origin, "read its code", { expect: { value: bytes, refused: "it is shorter" } }),
    step("mprotect", [there, bytes, protection], origin, "let it run"),
  ];
}

const SIGSET_BYTES = 8;
/** The signal that Bun's collector suspends threads by. */
const collectors: Uint8Array = new Uint8Array(new BigUint64Array([1n << BigInt(signals.SIGPWR - 1)]).buffer);

function actionsAndStack({ actions, alternateStack }: KeptProcess): Step[] {
  return [
    ...actions.map(({ signal, action }) =>
      step("rt_sigaction", [signal, action, null, SIGSET_BYTES], origin, `do about signal ${signal} what it did`),
    ),
    step("sigaltstack", [alternateStack, null], origin, "its stack for signals"),
    step("rt_sigprocmask", [["SIG_UNBLOCK"], collectors, null, SIGSET_BYTES], origin, "let the collector's signal through"),
  ];
}

type Loop = { readonly [Part in "made" | "epoll" | "madeEvent" | "event"]: Slot<"fd"> };

/** The limit on open files may be below their numbers, too. */
const eventLoop = ({ epoll, event }: KeptProcess["eventLoop"], loop: Loop): Step[] => [
  ...isFree(epoll),
  ...isFree(event),
  step("epoll_create1", [["O_CLOEXEC"]], origin, "make its event loop", { out: loop.made }),
  step("dup3", [loop.made, epoll, ["O_CLOEXEC"]], origin, "under its number", { out: loop.epoll }),
  step("close", [loop.made], origin, "done with it"),
  step("eventfd2", [0, ["O_CLOEXEC", "O_NONBLOCK"]], origin, "make what wakes it", { out: loop.madeEvent }),
  step("dup3", [loop.madeEvent, event, ["O_CLOEXEC"]], origin, "under its number", { out: loop.event }),
  step("close", [loop.madeEvent], origin, "done with it"),
];

/** Libc would signal the kept process's thread: the collector of JavaScript's memory stops threads so. */
function tellThreadId({ threadId, eventLoop: { event } }: KeptProcess, variables: Variables): Step[] {
  const id = newSlot(variables, "int", "thread id");
  return [
    step("gettid", [], origin, "which thread is this?", { out: id }),
    // An eventfd copies eight bytes to where a number says; the four behind the id are 0.
    step("write", [event, address(id), 8], origin, "copy it"),
    step("read", [event, constant(threadId, "libc's thread id", variables), 8], origin, "tell libc"),
  ];
}

const watch = ({ epoll, event, watched }: KeptProcess["eventLoop"]): Step =>
  step("epoll_ctl", [epoll, ["EPOLL_CTL_ADD"], event, watched], origin, "let the event loop be woken");

const resume = ({ resumeStack, thread, target }: KeptProcess, variables: Variables): Step[] => [
  compute([constant(resumeStack, "its stack", variables), 0, 0, -1], origin, "its stack", { out: word("int", "resumeStack") }),
  compute([constant(thread, "its thread", variables), 0, 0, -1], origin, "its thread", { out: word("int", "thread") }),
  compute([constant(target, "where it stopped", variables), 0, 0, -1], origin, "where it stopped", { out: word("int", "target") }),
];

/**
 * Without the kept start, which is of no use: the same command once more. Where it cannot be removed, as below a read-only
 * /run, only argv[0] keeps the next one from it.
 */
function beginAgain(start: string, event: number, variables: Variables): Step[] {
  const argv = newSlot(variables, "int", "argv");
  const name = newSlot(variables, "int", "address of its name");
  return [
    step("unlinkat", ["AT_FDCWD", `${KEPT_FOLDER}/${start}`, []], origin, "remove the kept start", { onError: "ignore" }),
    compute([word("int", "stack"), 8, 0, -1], origin, "find argv", { out: argv }),
    compute([{ text: PLAIN_NAME }, 0, 0, -1], origin, "give it a name", { out: name }),
    // An eventfd copies it, as in tellThreadId, which may have left something there.
    step("read", [event, argv, 8], origin, "empty it", { onError: "ignore" }),
    step("write", [event, address(name), 8], origin, "copy its name", { onError: "ignore" }),
    step("read", [event, argv, 8], origin, "call it so", { onError: "ignore" }),
    step("execve", ["/proc/self/exe", argv, word("int", "environment")], origin, "begin again", { onError: "ignore" }),
    step("exit_group", [EXIT_FAILED], origin, "box failed"),
  ];
}
