// The supervisor's loop with a terminal: bytes between the caller's stdio and the container's terminal, signals, sizes.
// One poll for all four descriptors, one buffer for each direction, and nothing that can block but the poll:
//
//   stdin ──read──▶ buffer ──write──▶ master ──read──▶ buffer ──write──▶ stdout      signalfd
//
// A direction is polled for reading while its buffer is empty and for writing while it is not. The caller's terminal
// is raw meanwhile, and gets its settings back in supervisor.ts however this ends.

import { isSupervised } from "../config/stdio-choice.ts";
import { flags } from "../linux/flags.ts";
import { address, type Buffer, compute, lastErrno, newBuffer, newSlot, type Slot, type Step, slotIn, step } from "../tape/step.ts";
import type { Building } from "./builder.ts";
import type { SupervisorVariables } from "./plan.ts";
import { afterEnd, again, lookForEnd, SIGCHLD, takeName } from "./supervisor.ts";
import type { LogWriter } from "./write-log.ts";

const origin = "process.terminal";
const SIGWINCH = 28;
const BUFFER_BYTES = 4096;
export const TWO_32 = 2 ** 32;
const { POLLIN, POLLOUT, POLLHUP, POLLERR } = flags.POLL;
/** A pollfd as one word is fd + events * 2^32 + revents * 2^48. */
const wanting = (events: number): number => events * TWO_32;
/** The pollfd with fd -1: passed over. */
const NOBODY = 0xffff_ffff;
const PEER_FLAGS = flags.O.O_RDWR | flags.O.O_NOCTTY | flags.O.O_CLOEXEC;
/** What a terminal takes for the end of its input: ^D. */
const END_OF_TRANSMISSION = 4;

/** Bytes on their way: those from `at` on, `left` of them. */
type Flow = { readonly bytes: Buffer; readonly at: Slot<"int">; readonly left: Slot<"int"> };

type Loop = {
  readonly own: SupervisorVariables;
  readonly polls: Buffer;
  readonly input: Flow;
  readonly output: Flow;
  readonly signals: Slot<"fd">;
  /** Where output goes: stdout, or the same terminal opened anew, whose O_NONBLOCK is nobody else's. */
  readonly out: Slot<"fd">;
  /** Pollfds of stdin and of the master, without events; NOBODY once they have ended. */
  readonly stdin: Slot<"int">;
  readonly master: Slot<"int">;
  readonly masterInput: Slot<"int">;
  readonly masterOutput: Slot<"int">;
  /** Where output goes besides. */
  readonly log: LogWriter | undefined;
  readonly other: Slot<"fd">;
};

type Place = "stdin" | "master" | "stdout" | "signals";
const places: Readonly<Record<Place, number>> = { stdin: 0, master: 8, stdout: 16, signals: 24 };

function newLoop({ launch, stdioSteps }: Building, own: SupervisorVariables): Loop {
  const int = (name: string): Slot<"int"> => newSlot(own.variables, "int", name);
  const flow = (name: string): Flow => ({
    bytes: newBuffer(own.variables, name, BUFFER_BYTES),
    at: int(`${name}: next`),
    left: int(`${name}: left`),
  });
  const output = flow("output");
  const stdout = newBuffer(own.variables, "stdout's word", 8, new Uint8Array(new Uint32Array([0, 1]).buffer));
  const one = { bytes: output.bytes, count: output.left, stream: slotIn("int", stdout, 0, "stdout") } as const;
  return {
    own,
    polls: newBuffer(own.variables, "polls", 32),
    log: isSupervised(launch.stdio) ? stdioSteps?.writerFor(own, launch.stdio, one) : undefined,
    input: flow("input"),
    output,
    signals: newSlot(own.variables, "fd", "signals"),
    out: newSlot(own.variables, "fd", "output goes to"),
    stdin: int("stdin's pollfd"),
    master: int("the master's pollfd"),
    masterInput: int("the master is written to"),
    masterOutput: int("the master is read from"),
    other: newOtherEnd(own),
  };
}

const pollfd = (loop: Loop, place: Place): Slot<"int"> => slotIn("int", loop.polls, places[place], `pollfd of ${place}`);
const happened = (loop: Loop, place: Place): Slot<"int"> => slotIn("int", loop.polls, places[place] + 6, `what happened to ${place}`);
const set = (out: Slot, value: number | Slot, why: string): Step => compute([value, 0, 0, -1], origin, why, { out });

export function superviseTerminal(building: Building, own: SupervisorVariables): Step[] {
  const loop = newLoop(building, own);
  return [
    ...takeName(own),
    ...prepare(loop),
    ...(loop.log?.prepare ?? []),
    ...takeCallersTerminal(own, loop),
    // Whatever ended before this tape began: its SIGCHLD may have gone to another thread of Bun, where it was dropped.
    ...lookForEnd(building, own, "poll"),
    ...wait(loop),
    ...takeSignal(building, loop),
    ...writeOutput(loop),
    ...serveMaster(loop),
    ...readInput(loop),
    again("poll"),
    ...drain(loop),
    ...afterEnd(building, own),
  ];
}

function prepare(loop: Loop): Step[] {
  const { own } = loop;
  const nonblocking = flags.O.O_RDWR | flags.O.O_NONBLOCK;
  const everySignal = new Uint8Array(8).fill(0xff);
  return [
    step("signalfd4", [-1, everySignal, 8, ["O_CLOEXEC", "O_NONBLOCK"]], origin, "take signals as something to poll", {
      out: loop.signals,
    }),
    step("fcntl", [own.terminal, ["F_SETFL"], nonblocking], origin, "never wait for the container's terminal alone"),
    compute([loop.signals, 0, 0, -1], origin, "begin the pollfd of the signals", { out: pollfd(loop, "signals") }),
    compute([pollfd(loop, "signals"), wanting(POLLIN), 0, -1], origin, "look for signals", { out: pollfd(loop, "signals") }),
    set(loop.stdin, wanting(POLLIN), "look for input"),
    set(loop.master, own.terminal, "look at the container's terminal"),
    ...emptied(loop.input, "no input yet"),
    ...emptied(loop.output, "no output yet"),
    set(loop.out, 1, "output goes to stdout"),
    noOtherEnd(loop.other),
  ];
}

/** Raw mode and size from whichever of stdio is a terminal, in runc's order of looking; none is fine too. */
function takeCallersTerminal(own: SupervisorVariables, loop: Loop): Step[] {
  const look = (fd: number): Step =>
    step("ioctl", [fd, ["TCGETS"], address(own.settings)], origin, `is descriptor ${fd} a terminal?`, {
      onError: "ignore",
      ok: [compute([fd, 0, 0, -1], origin, "use it", { out: own.caller, goto: "caller" })],
    });
  return [
    look(2),
    look(1),
    look(0),
    again("no caller"),
    compute([0, 0, 0, -1], origin, "the caller has a terminal", { label: "caller" }),
    ...makeRaw(own),
    ...reopenOutput(loop),
    ...passSize(own),
    compute([0, 0, 0, -1], origin, "all is prepared", { label: "no caller" }),
  ];
}

// As cfmakeraw(3), but OPOST stays: what the container writes gets its carriage returns here, since its own terminal
// does not add them (receive-terminal.ts). Fields of termios in pairs, each pair one slot of eight bytes:
//   0 c_iflag c_oflag   8 c_cflag c_lflag   16 c_line, then c_cc[19] from 17 on
const INPUT_OFF = 0x1 | 0x2 | 0x8 | 0x20 | 0x40 | 0x80 | 0x100 | 0x400; // IGNBRK BRKINT PARMRK ISTRIP INLCR IGNCR ICRNL IXON
const LOCAL_OFF = 0x1 | 0x2 | 0x8 | 0x40 | 0x8000; // ISIG ICANON ECHO ECHONL IEXTEN
const CSIZE_AND_PARENB = 0x30 | 0x100;
const CS8 = 0x30;
/** c_cc[VTIME] and c_cc[VMIN], side by side. */
const VTIME_AND_VMIN = 17 + 5;

/** The mask of 64 bits without these. */
export const without = (bits: number): number => -1 - bits;

function makeRaw(own: SupervisorVariables): Step[] {
  const raw = newBuffer(own.variables, "raw settings", 64);
  const field = (offset: number, name: string): Slot<"int"> => slotIn("int", raw, offset, name);
  const modes = field(0, "input and output modes");
  const local = field(8, "control and local modes");
  const least = field(VTIME_AND_VMIN, "VTIME and VMIN");
  return [
    step("ioctl", [own.caller, ["TCGETS"], address(raw)], origin, "take its settings once more, to change them"),
    compute([modes, 0, 0, without(INPUT_OFF)], origin, "input as it comes", { out: modes }),
    compute([local, 0, 0, without(LOCAL_OFF * TWO_32 + CSIZE_AND_PARENB)], origin, "no echo, no lines, no signals", { out: local }),
    compute([local, CS8, 0, -1], origin, "bytes of eight bits", { out: local }),
    compute([least, 0, 0, without(0xffff)], origin, "wait for no time", { out: least }),
    compute([least, 0x100, 0, -1], origin, "but for one byte", { out: least }),
    step("ioctl", [own.caller, ["TCSETS"], address(raw)], origin, "make the caller's terminal raw"),
  ];
}

/** A terminal at stdout, opened once more: writing there must not wait, and the caller's own flags are not to change. */
function reopenOutput(loop: Loop): Step[] {
  const test = newBuffer(loop.own.variables, "stdout's settings", 64);
  return [
    step("ioctl", [1, ["TCGETS"], address(test)], origin, "is stdout a terminal?", {
      onError: "ignore",
      ok: [
        step("openat", ["AT_FDCWD", "/proc/self/fd/1", ["O_WRONLY", "O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC"], 0], origin, "open it anew", {
          out: loop.out,
          onError: "ignore",
        }),
      ],
    }),
  ];
}

const passSize = (own: SupervisorVariables): Step[] => {
  const size = newBuffer(own.variables, "size", 8);
  return [
    step("ioctl", [own.caller, ["TIOCGWINSZ"], address(size)], origin, "ask the caller's terminal for its size", {
      onError: "ignore",
      ok: [step("ioctl", [own.terminal, ["TIOCSWINSZ"], address(size)], origin, "give it to the container's", { onError: "ignore" })],
    }),
  ];
};

/** Says what to wait for, and waits. */
function wait(loop: Loop): Step[] {
  const { input, output, masterInput, masterOutput } = loop;
  const [stdin, master, stdout] = [pollfd(loop, "stdin"), pollfd(loop, "master"), pollfd(loop, "stdout")];
  const nobody = (at: Slot<"int">, why: string): Step => set(at, NOBODY, why);
  return [
    compute([input.left, 0, 0, -1], origin, "is there input to pass on?", {
      label: "poll",
      equal: { value: 0, steps: [set(stdin, loop.stdin, "no: look for some"), set(masterInput, 0, "nothing to write to the container")] },
      ok: [nobody(stdin, "yes: read no more yet"), set(masterInput, wanting(POLLOUT), "write to the container")],
    }),
    compute([output.left, 0, 0, -1], origin, "is there output to pass on?", {
      equal: { value: 0, steps: [nobody(stdout, "no"), set(masterOutput, wanting(POLLIN), "look for some")] },
      ok: [
        compute([loop.out, wanting(POLLOUT), 0, -1], origin, "yes: write to stdout", { out: stdout }),
        set(masterOutput, 0, "read no more yet"),
      ],
    }),
    // A terminal that hung up would always be ready, whatever was asked for.
    compute([masterInput, masterOutput, 0, -1], origin, "is the container's terminal wanted at all?", {
      out: masterInput,
      equal: { value: 0, steps: [nobody(master, "no")] },
      ok: [compute([loop.master, masterInput, 0, -1], origin, "yes", { out: master })],
    }),
    step("ppoll", [address(loop.polls), 4, null, null, 8], origin, "wait until there is something to do", {
      onError: [["EINTR", [again("poll")]]],
    }),
  ];
}

function takeSignal(building: Building, loop: Loop): Step[] {
  const { own } = loop;
  const info = newBuffer(own.variables, "signal", 128);
  const signal = newSlot(own.variables, "int", "its number");
  return [
    compute([happened(loop, "signals"), 0, 0, 0xffff], origin, "is there a signal?", {
      equal: { value: 0, steps: [] },
      ok: [
        step("read", [loop.signals, address(info), info.bytes], origin, "take it", { onError: [["EAGAIN", [again("poll")]]] }),
        compute([slotIn("int", info, 0, "signal"), 0, 0, 0xffff_ffff], origin, "has a child ended?", {
          out: signal,
          equal: { value: SIGCHLD, steps: lookForEnd(building, own, "poll") },
        }),
        compute([signal, 0, 0, -1], origin, "has the caller's terminal a new size?", {
          equal: { value: SIGWINCH, steps: [...passSize(own), again("poll")] },
        }),
        step("kill", [own.init, signal], origin, "pass the signal on to init", { onError: "ignore" }),
      ],
    }),
  ];
}

export const newOtherEnd = (own: SupervisorVariables): Slot<"fd"> => newSlot(own.variables, "fd", "the terminal's other end");
export const noOtherEnd = (other: Slot<"fd">): Step => set(other, NOBODY, "the container has its end of the terminal open");

/**
 * After EIO: nobody in the container has the terminal open. Somebody may open it again, as programs do that take /dev/console for
 * each message, and from then on it has to be read: so the supervisor has it open itself, and goes on at `label`.
 */
export function keepOpen(own: SupervisorVariables, other: Slot<"fd">, label: string): Step[] {
  const how = newSlot(own.variables, "int", "how to open a terminal's other end");
  const opened = newSlot(own.variables, "int", "the terminal's other end, as opened");
  return [
    set(how, PEER_FLAGS, "O_RDWR|O_NOCTTY|O_CLOEXEC"),
    step("ioctl", [own.terminal, ["TIOCGPTPEER"], how], origin, "keep the terminal open for whoever opens it again", {
      out: opened,
      onError: "ignore",
      ok: [
        // A hangup in the container (vhangup(2)) made it useless.
        step("close", [other], origin, "let go of the last one, if there is one", { onError: "ignore" }),
        set(other, opened, "hold this one"),
        again(label),
      ],
    }),
  ];
}

const EAGAIN = 11;
const EINTR = 4;

/** After a call that failed and went on: back to `label` if it was only too early. */
const ifTooEarly = (label: string): Step[] => [
  compute([0, 0, lastErrno, -1], origin, "was it too early?", { equal: { value: EAGAIN, steps: [again(label)] } }),
  compute([0, 0, lastErrno, -1], origin, "was it interrupted?", { equal: { value: EINTR, steps: [again(label)] } }),
];

const advance = ({ at, left }: Flow, done: Slot<"int">): Step[] => [
  compute([at, done, 0, -1], origin, "go on behind it", { out: at }),
  compute([left, 0, done, -1], origin, "with the rest", { out: left }),
];

const emptied = ({ bytes, at, left }: Flow, why: string): Step[] => [
  compute([address(bytes), 0, 0, -1], origin, why, { out: at }),
  set(left, 0, why),
];

const filled = ({ bytes, at, left }: Flow, count: Slot<"int"> | number): Step[] => [
  compute([address(bytes), 0, 0, -1], origin, "begin at its start", { out: at }),
  compute([count, 0, 0, -1], origin, "pass all of it on", { out: left }),
];

function writeOutput(loop: Loop): Step[] {
  const done = newSlot(loop.own.variables, "int", "written");
  const { output } = loop;
  return [
    compute([happened(loop, "stdout"), 0, 0, 0xffff], origin, "can output be written?", {
      equal: { value: 0, steps: [again("output served")] },
    }),
    step("write", [loop.out, output.at, output.left], origin, "pass output on", {
      out: done,
      onError: "ignore",
      ok: [...advance(output, done), again("output served")],
    }),
    ...ifTooEarly("output served"),
    set(output.left, 0, "nobody takes it: drop it, so that the container can go on"),
    compute([0, 0, 0, -1], origin, "output is served", { label: "output served" }),
  ];
}

function serveMaster(loop: Loop): Step[] {
  const { own, input, output } = loop;
  const count = newSlot(own.variables, "int", "count");
  const events = happened(loop, "master");
  return [
    compute([events, 0, 0, POLLIN | POLLHUP | POLLERR], origin, "has the container written?", {
      equal: { value: 0, steps: [again("master read")] },
    }),
    compute([output.left, 0, 0, -1], origin, "is the last output gone?", { equal: { value: 0, steps: [] }, ok: [again("master read")] }),
    step("read", [own.terminal, address(output.bytes), BUFFER_BYTES], origin, "read what it has written", {
      out: count,
      onError: "ignore",
      ok: [...filled(output, count), ...(loop.log?.write("output:") ?? []), again("master read")],
    }),
    ...ifTooEarly("master read"),
    ...keepOpen(own, loop.other, "master read"),
    set(loop.master, NOBODY, "the container has let go of its terminal"),
    set(input.left, 0, "nobody reads there"),
    compute([events, 0, 0, POLLOUT], origin, "can input be written?", {
      label: "master read",
      equal: { value: 0, steps: [again("master served")] },
    }),
    step("write", [own.terminal, input.at, input.left], origin, "pass input on", {
      out: count,
      onError: "ignore",
      ok: [...advance(input, count), again("master served")],
    }),
    ...ifTooEarly("master served"),
    set(input.left, 0, "nobody takes it"),
    compute([0, 0, 0, -1], origin, "the container's terminal is served", { label: "master served" }),
  ];
}

function readInput(loop: Loop): Step[] {
  const count = newSlot(loop.own.variables, "int", "read");
  const { input } = loop;
  const first = slotIn("int", input.bytes, 0, "first byte of the input");
  return [
    compute([happened(loop, "stdin"), 0, 0, 0xffff], origin, "is there input?", { equal: { value: 0, steps: [again("poll")] } }),
    step("read", [0, address(input.bytes), BUFFER_BYTES], origin, "read it", {
      out: count,
      onError: "ignore",
      equal: {
        value: 0,
        steps: [
          set(loop.stdin, NOBODY, "input has ended"),
          set(first, END_OF_TRANSMISSION, "tell the container as a terminal does: ^D"),
          ...filled(input, 1),
          again("poll"),
        ],
      },
      ok: [...filled(input, count), again("poll")],
    }),
    ...ifTooEarly("poll"),
    set(loop.stdin, NOBODY, "there is no input to be had"),
  ];
}

/** How long a stopped terminal may hold back the last output. */
const DRAIN_SECONDS = 2;

/** Init has ended: what it wrote before is still in the terminal. */
function drain(loop: Loop): Step[] {
  const { own, output } = loop;
  const count = newSlot(own.variables, "int", "drained");
  const stdout = pollfd(loop, "stdout");
  const patience = { struct: "timespec", tv_sec: DRAIN_SECONDS, tv_nsec: 0 } as const;
  return [
    compute([output.left, 0, 0, -1], origin, "is there output to pass on?", {
      label: "ended",
      equal: { value: 0, steps: [again("drain")] },
    }),
    compute([loop.out, wanting(POLLOUT), 0, -1], origin, "wait for stdout alone", { out: stdout }),
    step("ppoll", [address(loop.polls, places.stdout), 1, patience, null, 8], origin, "wait until stdout takes it", {
      equal: { value: 0, steps: [again("drained")] },
    }),
    step("write", [loop.out, output.at, output.left], origin, "pass it on", {
      out: count,
      onError: "ignore",
      ok: [...advance(output, count), again("ended")],
    }),
    ...ifTooEarly("ended"),
    again("drained"),
    step("read", [own.terminal, address(output.bytes), BUFFER_BYTES], origin, "read the last output", {
      label: "drain",
      out: count,
      onError: "ignore",
      equal: { value: 0, steps: [again("drained")] },
      ok: [...filled(output, count), ...(loop.log?.write("drained:") ?? []), again("ended")],
    }),
    compute([0, 0, 0, -1], origin, "all output is passed on", { label: "drained" }),
    ...(loop.log?.end("end:") ?? []),
  ];
}
