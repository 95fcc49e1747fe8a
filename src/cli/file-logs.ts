// box logs for a container that writes into files by itself: those files as they are, which have no times.

import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import type { Stdio } from "../config/stdio-choice.ts";
import { BoxError } from "../errors.ts";
import { initLives } from "../execute/init-lives.ts";
import { systemCall } from "../execute/libc.ts";
import { POLLIN, waitFor } from "../execute/poll.ts";
import { watchFolder } from "../execute/watch-folder.ts";
import { STDERR, STDOUT, writeBytes } from "../execute/write-line.ts";
import type { State } from "../state/state.ts";
import type { LogRequest } from "./log-printer.ts";

type FileStdio = Extract<Stdio, { kind: "file" }>;
type Source = { readonly fd: number; readonly to: number; at: number };

const CHUNK_BYTES = 65536;
const NEWLINE = 10;
const LONG_MS = 3_600_000;

export function printFiles({ path, stderrPath }: FileStdio, state: State, request: LogRequest): number {
  refuseTimes(request);
  const sources = [sourceOf(path, STDOUT), ...(stderrPath === undefined ? [] : [sourceOf(stderrPath, STDERR)])];
  if (request.tail !== undefined) for (const source of sources) source.at = startOfLast(source.fd, request.tail);
  const init = request.follow ? livingInit(state) : undefined;
  const watches = init === undefined ? [] : [path, stderrPath ?? path].map((one) => watchFolder(one.slice(0, one.lastIndexOf("/")) || "/"));
  for (;;) {
    if (!sources.every(copy) || init === undefined) break;
    const polls = [{ fd: init, events: POLLIN }, { fd: STDOUT, events: 0 }, ...watches.map(({ fd }) => ({ fd, events: POLLIN }))];
    const [ended, unread] = waitFor(polls, LONG_MS);
    for (const { clear } of watches) clear();
    if (unread !== 0) break;
    if (ended !== 0) {
      sources.every(copy);
      break;
    }
  }
  for (const { fd } of sources) closeSync(fd);
  return 0;
}

function refuseTimes({ sinceNs, untilNs, timestamps, json }: LogRequest): void {
  if (sinceNs === undefined && untilNs === undefined && !timestamps && !json) return;
  throw new BoxError({
    what: "this container writes into a file by itself, and a file has no times",
    hint: "the driver local keeps them",
    exitCode: 1,
  });
}

function sourceOf(path: string, to: number): Source {
  const fd = open(path);
  if (fstatSync(fd).isFile()) return { fd, to, at: 0 };
  closeSync(fd);
  throw new BoxError({ what: `what the container writes to cannot be read again: ${path} is no regular file`, exitCode: 1 });
}

/** Without waiting for the other end of a FIFO. */
function open(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    throw new BoxError({ what: "cannot read", object: path, errno: (error as NodeJS.ErrnoException).code ?? "EIO", exitCode: 1 });
  }
}

function livingInit(state: State): number | undefined {
  const pidfd = systemCall("pidfd_open", state.pid, 0);
  return pidfd >= 0 && initLives(state) ? pidfd : undefined;
}

/** All that there is more by now; false when nobody reads it any more. One that was emptied begins anew. */
function copy(source: Source): boolean {
  if (fstatSync(source.fd).size < source.at) source.at = 0;
  const chunk = new Uint8Array(CHUNK_BYTES);
  for (;;) {
    const got = readSync(source.fd, chunk, 0, chunk.length, source.at);
    if (got === 0) return true;
    source.at += got;
    if (!writeBytes(source.to, chunk.subarray(0, got))) return false;
  }
}

/** Where the last `lines` lines begin, looked for from the end. */
function startOfLast(fd: number, lines: number): number {
  const { size } = fstatSync(fd);
  const chunk = new Uint8Array(CHUNK_BYTES);
  let found = 0;
  for (let to = size; to > 0; ) {
    const from = Math.max(0, to - CHUNK_BYTES);
    const got = readSync(fd, chunk, 0, to - from, from);
    for (let at = got - 1; at >= 0; at--) {
      // The newline that ends the file ends its last line, and begins none.
      if (chunk[at] !== NEWLINE || from + at === size - 1) continue;
      found += 1;
      if (found === lines) return from + at + 1;
    }
    to = from;
  }
  return lines === 0 ? size : 0;
}
