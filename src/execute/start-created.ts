// Lets a created container's init go on, from any process: what passes between the two is in src/plan/wait-for-start.ts.
// It reports a failed execve, since init answers.

import { BoxError, exitCodes } from "../errors.ts";
import { errnoName } from "../linux/errno-name.ts";
import { answer } from "../plan/start-answer.ts";
import { answerFifo, waitFifo } from "../plan/state-files.ts";
import type { State } from "../state/state.ts";
import { frontWord } from "./front-words.ts";
import { addressOf, cString, systemCall } from "./libc.ts";

const AT_FDCWD = -100;
const O_READ = 0o4000 | 0o2000000;
const O_WRITE = 0o1 | 0o4000 | 0o2000000;
const EAGAIN = 11;
const EINTR = 4;
const POLLIN = 1;
const ENOENT = 2;
const ESRCH = 3;
const ENXIO = 6;
const NOTHING = 0;

export type Answer = {
  readonly origin: string;
  /** `execute /bin/sh`, to follow "cannot". */
  readonly what: string;
  /** Positive. */
  readonly errno: number;
  /** How the last hook of init ended: a siginfo of waitid(2). */
  readonly siginfo: Uint8Array;
  /** What that hook printed, or how the program's file begins. */
  readonly explanation: string;
};

/**
 * Writes to the FIFO and waits until init has become the program. Returns what init says of a failure, if it does.
 * Throws a BoxError when nobody waits at the FIFO, or init dies without a word before its execve.
 */
export function startCreated(folder: string, { id, pid }: State): Answer | undefined {
  const pidfd = systemCall("pidfd_open", pid, 0);
  const from = open(`${folder}/${answerFifo}`, O_READ);
  const to = open(`${folder}/${waitFifo}`, O_WRITE);
  try {
    const failed = [pidfd, from, to].find((fd) => fd < 0 && ![ESRCH, ENXIO].includes(-fd));
    if (failed !== undefined)
      throw new BoxError({ origin: "id", what: `cannot start the container ${id}`, errno: errnoName(-failed), exitCode: 1 });
    const go = cString("g");
    if (pidfd < 0 || to < 0 || systemCall("write", to, go.address, 1) !== 1)
      throw new BoxError({ origin: "id", what: `cannot start the container ${id}: its init no longer waits`, exitCode: 1 });
    return readAnswer(from, pidfd);
  } finally {
    for (const fd of [pidfd, from, to]) if (fd >= 0) systemCall("close", fd);
  }
}

/** A start that the front has begun, and which has not gone as usual (src/front/commands.ts). */
export type Begun = { readonly answer: number; readonly init: number };

export function begunByFront(): Begun | undefined {
  const answer = frontWord("answer") ?? -1;
  return answer < 0 ? undefined : { answer, init: frontWord("init") ?? -1 };
}

/** What startCreated returns, of a start that has begun. */
export function finishStart({ answer, init }: Begun): Answer | undefined {
  const said = readAnswer(answer, init);
  for (const fd of [answer, init]) systemCall("close", fd);
  return said;
}

function open(path: string, flags: number): number {
  const name = cString(path);
  return systemCall("openat", AT_FDCWD, name.address, flags, 0);
}

/** All writers gone is the end: execve closed the FIFO, or init has ended. */
function readAnswer(from: number, pidfd: number): Answer | undefined {
  const bytes = new Uint8Array(answer.bytes);
  let length = 0;
  let ended = false;
  for (;;) {
    const got = systemCall("read", from, addressOf(bytes) + length, bytes.length - length);
    if (got > 0) length += got;
    else if (got === NOTHING || ended) break;
    else if (got !== -EAGAIN && got !== -EINTR) break;
    else ended = waitForMore(from, pidfd);
    if (length === bytes.length) break;
  }
  return length < answer.siginfo ? undefined : decode(bytes);
}

/** Whether init has ended: then what can be read now is all. */
function waitForMore(from: number, pidfd: number): boolean {
  const polled = new Int32Array([from, POLLIN, pidfd, POLLIN]);
  const bytes = new Uint8Array(polled.buffer);
  if (systemCall("ppoll", addressOf(bytes), 2, 0, 0, 8) < 0) return false;
  return (((polled[3] as number) >>> 16) & POLLIN) !== 0;
}

function decode(bytes: Uint8Array): Answer {
  const decoder = new TextDecoder();
  const textAt = (from: number, to: number): string => {
    const part = bytes.subarray(from, to);
    const end = part.indexOf(0);
    return decoder.decode(end < 0 ? part : part.subarray(0, end));
  };
  const attempt = textAt(answer.attempt, answer.explanation);
  const line = attempt.indexOf("\n");
  return {
    errno: new DataView(bytes.buffer).getUint32(answer.errno, true),
    siginfo: bytes.slice(answer.siginfo, answer.attempt),
    origin: attempt.slice(0, line),
    what: attempt.slice(line + 1),
    explanation: textAt(answer.explanation, bytes.length),
  };
}

/** The exit code for a program that cannot be executed, as shells have it. */
export const exitCodeFor = (errno: number): number => (errno === ENOENT ? exitCodes.notFound : exitCodes.cannotExecute);

export const errnoOf = ({ errno }: Answer): string => errnoName(errno);
