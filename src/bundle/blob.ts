// Bytes that lie in an open file, whole or in part, or come from a pipe.

import { BoxError } from "../errors.ts";
import { addressOf, systemCall } from "../execute/libc.ts";
import { POLLIN, waitFor } from "../execute/poll.ts";
import { done, errnos } from "./calls.ts";
import type { Watch } from "./watch.ts";

export type Blob = {
  readonly fd: number;
  /** What it is called in messages. */
  readonly name: string;
  /** Where in the file it lies; undefined for a pipe. */
  readonly part: { readonly offset: number; readonly size: number } | undefined;
};

export const CHUNK_BYTES = 256 * 1024;
const POLL_MS = 100;

/**
 * All chunks of a blob in one buffer, so each is good until the next; an empty one when a pipe has nothing to give yet.
 * `skip` says how much of what follows is not wanted.
 */
export function* chunksOf(blob: Blob, watch: Watch, skip: () => number = () => 0): Generator<Uint8Array, void> {
  const buffer = new Uint8Array(CHUNK_BYTES);
  const { part } = blob;
  for (let at = 0; part === undefined || at < part.size; ) {
    watch.check();
    const most = part === undefined ? buffer.length : Math.min(buffer.length, part.size - at);
    const got = part === undefined ? readPipe(blob, buffer) : readAt(blob, buffer, part.offset + at, most);
    if (got === undefined) {
      yield nothing;
      continue;
    }
    if (got === 0 && part === undefined) return;
    if (got === 0) throw new BoxError({ what: `${blob.name} is cut short` });
    watch.passed(got);
    at += got;
    yield buffer.subarray(0, got);
    if (part !== undefined) at += Math.min(skip(), part.size - at);
  }
}

function readAt(blob: Blob, buffer: Uint8Array, offset: number, most: number): number {
  for (;;) {
    const got = systemCall("pread64", blob.fd, addressOf(buffer), most, offset);
    if (got !== errnos.EINTR) return done(got, "read", blob.name);
  }
}

const nothing = new Uint8Array(0);

/** undefined when nothing came for a while. */
function readPipe(blob: Blob, buffer: Uint8Array): number | undefined {
  const [ready = 0] = waitFor([{ fd: blob.fd, events: POLLIN }], POLL_MS);
  if (ready === 0) return undefined;
  const got = systemCall("read", blob.fd, addressOf(buffer), buffer.length);
  return got === errnos.EINTR || got === errnos.EAGAIN ? undefined : done(got, "read", blob.name);
}

const MOST_SMALL = 8 * 1024 * 1024;

/** The whole of a small one, such as a manifest. */
export function readSmall(blob: Blob, watch: Watch): Uint8Array {
  const size = blob.part?.size ?? 0;
  if (size > MOST_SMALL) throw new BoxError({ what: `${blob.name} is ${size} bytes long: more than ${MOST_SMALL}` });
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunksOf(blob, watch)) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
