// The loop of box attach: one ppoll for the log's folder, stdin, signals, the way to the container, and its end.

import { addressOf, cString, systemCall } from "../execute/libc.ts";
import type { LogReader } from "../execute/log-reader.ts";
import { POLLIN, POLLOUT, waitFor } from "../execute/poll.ts";
import { takeTerminal } from "../execute/raw-terminal.ts";
import { signalInit } from "../execute/signal-container.ts";
import { watchFolder } from "../execute/watch-folder.ts";
import { STDERR, STDOUT, writeBytes } from "../execute/write-line.ts";
import type { State } from "../state/state.ts";
import { newDetachKeys } from "./detach-keys.ts";

export type Attachment = {
  readonly reader: LogReader;
  /** Of the log. */
  readonly folder: string;
  /** A pidfd of the supervisor. */
  readonly supervisor: number;
  readonly state: State;
  /** FIFOs: for stdin, undefined when it is not to be passed on; for sizes, undefined where there is no terminal. */
  readonly input: number | undefined;
  readonly size: number | undefined;
  readonly passSignals: boolean;
};

const STDIN = 0;
const LONG_MS = 3_600_000;
const CHUNK_BYTES = 4096;
const EAGAIN = 11;
const EINTR = 4;
const SIGWINCH = 28;
/** SIGCHLD, SIGWINCH, those that stop a process, and SIGPIPE: a write of box's own, to a container that has closed its stdin. */
const ownSignals: readonly number[] = [17, SIGWINCH, 20, 21, 22, 13];

/** O_WRONLY | O_NONBLOCK | O_CLOEXEC: without a reader it fails instead of waiting. */
const O_WRITE = 0o1 | 0o4000 | 0o2000000;
const AT_FDCWD = -100;

/** undefined where there is no such FIFO, or nobody reads it. */
export function openFifo(path: string): number | undefined {
  const name = cString(path);
  const fd = systemCall("openat", AT_FDCWD, name.address, O_WRITE, 0);
  return fd < 0 ? undefined : fd;
}

/** Until the container ends, or until whoever is attached leaves. */
export function attachLoop(attachment: Attachment): "ended" | "detached" {
  const { size, input } = attachment;
  const terminal = size === undefined ? undefined : takeTerminal();
  try {
    if (terminal !== undefined) giveSize(terminal.size(), size);
    return loop(attachment, new Input(input, terminal !== undefined), () => giveSize(terminal?.size(), size));
  } finally {
    terminal?.restore();
  }
}

function loop(
  { reader, folder, supervisor, state, size, passSignals }: Attachment,
  input: Input,
  resized: () => void,
): "ended" | "detached" {
  const watch = watchFolder(folder);
  const signals = openSignals();
  if (!copyOutput(reader)) return "detached";
  for (;;) {
    const polls = [
      { fd: watch.fd, events: POLLIN },
      { fd: supervisor, events: POLLIN },
      { fd: signals, events: POLLIN },
      { fd: STDOUT, events: 0 },
      input.poll(),
    ];
    const [, ended, signalled, unread, ready] = waitFor(polls, LONG_MS);
    watch.clear();
    if (!copyOutput(reader) || unread !== 0) return "detached";
    if (ended !== 0) return "ended";
    for (let signal = signalled === 0 ? 0 : nextSignal(signals); signal > 0; signal = nextSignal(signals)) {
      if (signal === SIGWINCH) resized();
      if (ownSignals.includes(signal)) continue;
      // With a terminal, keys are signals enough: what comes here is for box.
      if (size !== undefined || !passSignals) return "detached";
      signalInit(state, signal);
    }
    if (ready !== 0 && input.serve() === "detach") return "detached";
  }
}

/** Whether there is somebody to read more. */
function copyOutput(reader: LogReader): boolean {
  for (let entry = reader.next(); entry !== undefined; entry = reader.next())
    if (!writeBytes(entry.stream === "stdout" ? STDOUT : STDERR, entry.bytes)) return false;
  return true;
}

/** Bytes on their way from stdin: read while none are left, written while some are. */
class Input {
  readonly #to: number | undefined;
  readonly #keys: ReturnType<typeof newDetachKeys> | undefined;
  #ended = false;
  #left: Uint8Array = new Uint8Array(0);

  constructor(to: number | undefined, withKeys: boolean) {
    this.#to = to;
    this.#keys = withKeys ? newDetachKeys() : undefined;
  }

  poll(): { fd: number; events: number } {
    if (this.#to === undefined || this.#ended) return { fd: -1, events: 0 };
    return this.#left.length > 0 ? { fd: this.#to, events: POLLOUT } : { fd: STDIN, events: POLLIN };
  }

  serve(): "detach" | undefined {
    if (this.#left.length > 0) this.#write();
    else return this.#read();
    return undefined;
  }

  #read(): "detach" | undefined {
    const bytes = new Uint8Array(CHUNK_BYTES);
    const got = systemCall("read", STDIN, addressOf(bytes), bytes.length);
    if (got === -EAGAIN || got === -EINTR) return undefined;
    if (got <= 0) {
      this.#ended = true;
      return undefined;
    }
    const passed = this.#keys === undefined ? bytes.subarray(0, got) : this.#keys(bytes.subarray(0, got));
    if (passed === "detach") return "detach";
    this.#left = passed;
    return undefined;
  }

  #write(): void {
    const bytes = this.#left;
    const written = systemCall("write", this.#to as number, addressOf(bytes), bytes.length);
    if (written >= 0) this.#left = bytes.slice(written);
    // Nobody reads there any more.
    else if (written !== -EAGAIN && written !== -EINTR) this.#ended = true;
  }
}

const everySignal = new Uint8Array(8).fill(0xff);
const signalInfo = new Uint8Array(128);
const openSignals = (): number => systemCall("signalfd4", -1, addressOf(everySignal), everySignal.length, 0o4000 | 0o2000000);

/** 0 when there is none. */
const nextSignal = (signals: number): number =>
  systemCall("read", signals, addressOf(signalInfo), signalInfo.length) > 0 ? (signalInfo[0] as number) : 0;

function giveSize(size: Uint8Array | undefined, to: number | undefined): void {
  if (size !== undefined && to !== undefined) systemCall("write", to, addressOf(size), size.length);
}
