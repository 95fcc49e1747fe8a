// The supervisor's loop where it has the container's stdio: what comes out of its pipes, or of its terminal, goes into a
// log (write-log.ts) or to the journal, and for a container in the foreground to the caller too. A detached one with a
// terminal gets keys and sizes from FIFOs that box attach writes to.
//
//   stdout ──pipe──▶                               ┌──▶ log or journal
//   stderr ──pipe──▶  read ──▶ bytes, stream, count┤
//   or terminal ───▶                               └──▶ the caller's stdout and stderr, in the foreground
//   FIFO stdin ──▶ bytes ──▶ terminal    FIFO size ──▶ TIOCSWINSZ    signalfd ──▶ kill(init)

import { isSupervised } from "../config/stdio-choice.ts";
import { flags } from "../linux/flags.ts";
import { address, type Buffer, compute, lastErrno, newBuffer, newSlot, type Slot, type Step, slotIn, step } from "../tape/step.ts";
import type { Building } from "./builder.ts";
import { ENTRY_MAX, entry } from "./log-layout.ts";
import type { SupervisorVariables } from "./plan.ts";
import { keepOpen, newOtherEnd, noOtherEnd, without } from "./supervise-terminal.ts";
import { afterEnd, again, lookForEnd, SIGCHLD, takeName } from "./supervisor.ts";
import type { Entry, LogWriter } from "./write-log.ts";
import { writerFor } from "./writer-for.ts";

const origin = "stdio";
const TWO_32 = 2 ** 32;
const { POLLIN, POLLOUT, POLLHUP, POLLERR } = flags.POLL;
const wanting = (events: number): number => events * TWO_32;
/** The pollfd with fd -1: passed over. */
const NOBODY = 0xffff_ffff;
const EAGAIN = 11;
const EINTR = 4;
const INPUT_MAX = 4096;

type Place = "signals" | "output" | "errors" | "input" | "size";
const places: Readonly<Record<Place, number>> = { signals: 0, output: 8, errors: 16, input: 24, size: 32 };

type Loop = {
  readonly building: Building;
  readonly own: SupervisorVariables;
  readonly stdio: NonNullable<SupervisorVariables["stdio"]>;
  readonly terminal: boolean;
  readonly polls: Buffer;
  readonly signals: Slot<"fd">;
  readonly entry: Entry;
  /** 1 when that came while the caller was waited for. */
  readonly childEnded: Slot<"int">;
  /** 0 while init runs, then how often what is left is still read. */
  readonly ending: Slot<"int">;
  readonly writer: LogWriter;
  readonly other: Slot<"fd">;
  /** Keys on their way to the terminal. */
  readonly keys: { readonly bytes: Buffer; readonly at: Slot<"int">; readonly left: Slot<"int"> };
};

export function superviseStdio(building: Building, own: SupervisorVariables): Step[] {
  const loop = newLoop(building, own);
  return [
    ...takeName(own),
    ...prepare(loop),
    // Whatever ended before this tape began: its SIGCHLD may have gone to another thread of Bun, where it was dropped.
    ...lookForEnd(building, own, "poll"),
    ...wait(loop),
    ...takeSignal(loop),
    ...(loop.terminal ? takeSize(loop) : []),
    ...(loop.terminal ? passKeys(loop) : []),
    ...readFrom(loop, "output"),
    ...(loop.terminal ? [] : readFrom(loop, "errors")),
    again("poll"),
    ...pass(loop),
    ...drain(loop),
    ...afterEnd(building, own),
  ];
}

function newLoop(building: Building, own: SupervisorVariables): Loop {
  const { variables, stdio } = own;
  const choice = building.launch.stdio;
  if (stdio === undefined || !isSupervised(choice)) throw new Error("stdio: nothing to supervise");
  const int = (name: string): Slot<"int"> => newSlot(variables, "int", name);
  const one: Entry = { bytes: newBuffer(variables, "output", ENTRY_MAX), count: int("bytes of output"), stream: int("stream") };
  return {
    building,
    own,
    stdio,
    terminal: building.spec.process?.terminal === true,
    polls: newBuffer(variables, "polls", 40),
    signals: newSlot(variables, "fd", "signals"),
    entry: one,
    ending: int("init has ended"),
    childEnded: int("a child has ended"),
    writer: writerFor(own, choice, one),
    other: newOtherEnd(own),
    keys: { bytes: newBuffer(variables, "keys", INPUT_MAX), at: int("next key"), left: int("keys left") },
  };
}

const pollfd = (loop: Loop, place: Place): Slot<"int"> => slotIn("int", loop.polls, places[place], `pollfd of ${place}`);
const happened = (loop: Loop, place: Place): Slot<"int"> => slotIn("int", loop.polls, places[place] + 6, `what happened to ${place}`);
const set = (out: Slot, value: number | Slot, why: string): Step => compute([value, 0, 0, -1], origin, why, { out });
const nobody = (loop: Loop, place: Place, why: string): Step => set(pollfd(loop, place), NOBODY, why);
const lookAt = (loop: Loop, place: Place, fd: Slot<"fd">, events: number, why: string): Step =>
  compute([fd, wanting(events), 0, -1], origin, why, { out: pollfd(loop, place) });

function prepare(loop: Loop): Step[] {
  const { stdio, own, terminal } = loop;
  const everySignal = new Uint8Array(8).fill(0xff);
  const nonblocking = flags.O.O_RDWR | flags.O.O_NONBLOCK;
  return [
    step("signalfd4", [-1, everySignal, 8, ["O_CLOEXEC", "O_NONBLOCK"]], origin, "take signals as something to poll", {
      out: loop.signals,
    }),
    lookAt(loop, "signals", loop.signals, POLLIN, "look for signals"),
    ...(terminal
      ? [
          step("fcntl", [own.terminal, ["F_SETFL"], nonblocking], origin, "never wait for the container's terminal alone"),
          lookAt(loop, "output", own.terminal, POLLIN, "look at the container's terminal"),
          nobody(loop, "errors", "it has no stderr of its own"),
          lookAt(loop, "input", stdio.input, POLLIN, "look for keys"),
          lookAt(loop, "size", stdio.size, POLLIN, "look for a new size"),
          noOtherEnd(loop.other),
          set(loop.keys.left, 0, "no keys yet"),
          compute([address(loop.keys.bytes), 0, 0, -1], origin, "nor a place in them", { out: loop.keys.at }),
        ]
      : [
          lookAt(loop, "output", stdio.output, POLLIN, "look at stdout"),
          lookAt(loop, "errors", stdio.errors, POLLIN, "look at stderr"),
          nobody(loop, "input", "the container reads stdin by itself"),
          nobody(loop, "size", "there is no terminal"),
        ]),
    set(loop.ending, 0, "init runs"),
    set(loop.childEnded, 0, "and every other child"),
    ...loop.writer.prepare,
  ];
}

const wait = (loop: Loop): Step[] => [
  step("ppoll", [address(loop.polls), 5, null, null, 8], origin, "wait until there is something to do", {
    label: "poll",
    onError: [["EINTR", [again("poll")]]],
  }),
];

const takeSignal = ({ building, own, signals, polls }: Loop): Step[] => [
  compute([slotIn("int", polls, places.signals + 6, "what happened to signals"), 0, 0, 0xffff], origin, "is there a signal?", {
    equal: { value: 0, steps: [] },
    ok: readSignal(own, signals, "poll", lookForEnd(building, own, "poll")),
  }),
];

/** `late`: where to go on when there is none after all. */
function readSignal(own: SupervisorVariables, signals: Slot<"fd">, late: string, ofChild: readonly Step[]): Step[] {
  const info = newBuffer(own.variables, "signal", 128);
  const signal = newSlot(own.variables, "int", "its number");
  return [
    step("read", [signals, address(info), info.bytes], origin, "take it", { onError: [["EAGAIN", [again(late)]]] }),
    compute([slotIn("int", info, 0, "signal"), 0, 0, 0xffff_ffff], origin, "has a child ended?", {
      out: signal,
      equal: { value: SIGCHLD, steps: ofChild },
    }),
    step("kill", [own.init, signal], origin, "pass the signal on to init", { onError: "ignore" }),
  ];
}

function takeSize(loop: Loop): Step[] {
  const size = newBuffer(loop.own.variables, "size", 8);
  return [
    compute([happened(loop, "size"), 0, 0, 0xffff], origin, "is there a new size?", {
      equal: { value: 0, steps: [] },
      ok: [
        step("read", [loop.stdio.size, address(size), 8], origin, "take it", {
          onError: "ignore",
          ok: [step("ioctl", [loop.own.terminal, ["TIOCSWINSZ"], address(size)], origin, "give it to the terminal", { onError: "ignore" })],
        }),
      ],
    }),
  ];
}

/** Keys are read while none are left, and written when the terminal takes them. */
function passKeys(loop: Loop): Step[] {
  const { keys, own, stdio } = loop;
  const count = newSlot(own.variables, "int", "count of keys");
  const toRead: Step[] = [
    set(keys.left, 0, "no keys left"),
    lookAt(loop, "input", stdio.input, POLLIN, "look for more"),
    lookAt(loop, "output", own.terminal, POLLIN, "only read the terminal"),
    again("keys passed"),
  ];
  return [
    compute([happened(loop, "input"), 0, 0, 0xffff], origin, "are there keys?", {
      equal: { value: 0, steps: [] },
      ok: [
        step("read", [stdio.input, address(keys.bytes), INPUT_MAX], origin, "take them", {
          out: keys.left,
          onError: "ignore",
          ok: [
            compute([address(keys.bytes), 0, 0, -1], origin, "from the first on", { out: keys.at }),
            nobody(loop, "input", "no more for now"),
            lookAt(loop, "output", own.terminal, POLLIN | POLLOUT, "write them when that is possible"),
            again("poll"),
          ],
        }),
      ],
    }),
    compute([happened(loop, "output"), 0, 0, POLLOUT], origin, "does the terminal take keys?", {
      equal: { value: 0, steps: [again("keys passed")] },
    }),
    step("write", [own.terminal, keys.at, keys.left], origin, "pass keys on", {
      out: count,
      onError: "ignore",
      ok: [
        compute([keys.at, count, 0, -1], origin, "go on behind them", { out: keys.at }),
        compute([keys.left, 0, count, -1], origin, "are all passed on?", { out: keys.left, equal: { value: 0, steps: toRead } }),
        again("keys passed"),
      ],
    }),
    ...ifTooEarly("keys passed"),
    ...toRead.slice(0, -1),
    compute([0, 0, 0, -1], origin, "keys are passed on", { label: "keys passed" }),
  ];
}

/** After a call that failed and went on: to `label` if it was only too early. */
const ifTooEarly = (label: string): Step[] => [
  compute([0, 0, lastErrno, -1], origin, "was it too early?", { equal: { value: EAGAIN, steps: [again(label)] } }),
  compute([0, 0, lastErrno, -1], origin, "was it interrupted?", { equal: { value: EINTR, steps: [again(label)] } }),
];

type Source = "output" | "errors";

const descriptorOf = ({ terminal, own, stdio }: Loop, source: Source): Slot<"fd"> => (terminal ? own.terminal : stdio[source]);

/** Reads once if there is something; what was read is passed on, and comes back to "STREAM passed". */
function readFrom(loop: Loop, source: Source): Step[] {
  const done = `${source} passed`;
  return [
    compute([happened(loop, source), 0, 0, POLLIN | POLLHUP | POLLERR], origin, `has the container written to ${nameOf(source)}?`, {
      equal: { value: 0, steps: [again(done)] },
    }),
    set(loop.entry.stream, entry.streams[nameOf(source)], `it is ${nameOf(source)}`),
    step("read", [descriptorOf(loop, source), address(loop.entry.bytes), ENTRY_MAX], origin, "read it", {
      out: loop.entry.count,
      onError: "ignore",
      equal: { value: 0, steps: [nobody(loop, source, "it has ended"), again(done)] },
      ok: [again("pass")],
    }),
    ...ifTooEarly(done),
    ...(loop.terminal ? keepOpen(loop.own, loop.other, done) : []),
    nobody(loop, source, "there is nothing more to be had"),
    compute([0, 0, 0, -1], origin, `${nameOf(source)} is served`, { label: done }),
  ];
}

const nameOf = (source: Source): "stdout" | "stderr" => (source === "output" ? "stdout" : "stderr");

/** What was read goes where it belongs; then on with the next. */
function pass(loop: Loop): Step[] {
  const { building, own, terminal, ending, childEnded, writer } = loop;
  const wasStdout = compute([loop.entry.stream, 0, 0, -1], origin, "was it stdout?", {
    equal: { value: entry.streams.stdout, steps: [again("output passed")] },
    ok: [again("errors passed")],
  });
  const next = terminal ? again("output passed") : wasStdout;
  const look = [set(childEnded, 0, "see to it now"), ...lookForEnd(building, own, "poll")];
  const goOn = compute([childEnded, 0, 0, -1], origin, "has a child ended meanwhile?", { equal: { value: 0, steps: [next] }, ok: look });
  return [
    compute([0, 0, 0, -1], origin, "pass it on", { label: "pass" }),
    ...writer.write("output:"),
    ...tee(loop),
    compute([ending, 0, 0, -1], origin, "has init ended?", {
      equal: { value: 0, steps: building.launch.way === "foreground" ? [goOn] : [next] },
      ok: [
        compute([ending, 0, 1, -1], origin, "yes: read on, but not for ever", {
          out: ending,
          equal: { value: 0, steps: [again("drained")] },
        }),
        again("drain"),
      ],
    }),
  ];
}

/** So much goes into a pipe that poll says has room: a page (pipe(7)). */
const PIPE_ROOM = 4096;

/**
 * In the foreground the caller sees it as well, and may hold the container's output up as it could without a log. Signals are
 * passed on meanwhile.
 */
function tee(loop: Loop): Step[] {
  const { building, own, entry: one } = loop;
  if (building.launch.way !== "foreground") return [];
  const fd = newSlot(own.variables, "fd", "the caller's");
  const at = newSlot(own.variables, "int", "next for the caller");
  const part = newSlot(own.variables, "int", "for the caller at once");
  const done = newSlot(own.variables, "int", "written to the caller");
  return [
    compute([1, 0, 0, -1], origin, "to stdout", { out: fd }),
    compute([one.stream, 0, 0, -1], origin, "or to stderr?", {
      equal: { value: entry.streams.stderr, steps: [compute([2, 0, 0, -1], origin, "to stderr", { out: fd })] },
    }),
    compute([address(one.bytes), 0, 0, -1], origin, "from the first on", { out: at }),
    ...waitForCaller(loop, fd),
    compute([one.count, 0, 0, without(PIPE_ROOM - 1)], origin, "is it little?", {
      equal: { value: 0, steps: [set(part, one.count, "all of it")] },
      ok: [set(part, PIPE_ROOM, "as much as can be written without waiting")],
    }),
    step("write", [fd, at, part], origin, "show it to the caller", {
      out: done,
      onError: "ignore",
      ok: [
        compute([at, done, 0, -1], origin, "go on behind it", { out: at }),
        compute([one.count, 0, done, -1], origin, "is all of it shown?", {
          out: one.count,
          equal: { value: 0, steps: [again("shown")] },
        }),
        again("tee"),
      ],
    }),
    ...ifTooEarly("tee"),
    compute([0, 0, 0, -1], origin, "it is shown, or nobody is there to see it", { label: "shown" }),
  ];
}

/** Until it can be written to. That a child has ended is only noted: what it wrote comes first. */
function waitForCaller({ own, signals, childEnded }: Loop, caller: Slot<"fd">): Step[] {
  const polls = newBuffer(own.variables, "polls for the caller", 16);
  const word = (offset: number, name: string): Slot<"int"> => slotIn("int", polls, offset, name);
  return [
    compute([signals, wanting(POLLIN), 0, -1], origin, "look for signals", { out: word(0, "pollfd of signals for the caller") }),
    compute([caller, wanting(POLLOUT), 0, -1], origin, "and whether the caller takes more", {
      label: "tee",
      out: word(8, "pollfd of the caller"),
    }),
    step("ppoll", [address(polls), 2, null, null, 8], origin, "wait for the caller", { onError: [["EINTR", [again("tee")]]] }),
    compute([word(6, "signals for the caller"), 0, 0, 0xffff], origin, "is there a signal?", {
      equal: { value: 0, steps: [] },
      ok: readSignal(own, signals, "tee", [set(childEnded, 1, "see to it later"), again("tee")]),
    }),
    compute([word(14, "what happened to the caller"), 0, 0, 0xffff], origin, "does the caller take more?", {
      equal: { value: 0, steps: [again("tee")] },
    }),
  ];
}

/** More than a pipe holds. */
const LAST_READS = 1000;

/** Init has ended: what it wrote before is still in the pipes. Whoever has them still may write more, and is not waited for. */
function drain(loop: Loop): Step[] {
  const sources: readonly Source[] = loop.terminal ? ["output"] : ["output", "errors"];
  const steps: Step[] = [
    compute([LAST_READS, 0, 0, -1], origin, "init has ended", { label: "ended", out: loop.ending }),
    compute([0, 0, 0, -1], origin, "read what is left", { label: "drain" }),
  ];
  for (const source of sources)
    steps.push(
      set(loop.entry.stream, entry.streams[nameOf(source)], `it is ${nameOf(source)}`),
      step("read", [descriptorOf(loop, source), address(loop.entry.bytes), ENTRY_MAX], origin, `read what is left of ${nameOf(source)}`, {
        out: loop.entry.count,
        onError: "ignore",
        equal: { value: 0, steps: [] },
        ok: [again("pass")],
      }),
    );
  steps.push(compute([0, 0, 0, -1], origin, "all of it is passed on", { label: "drained" }), ...loop.writer.end("end:"));
  return steps;
}
