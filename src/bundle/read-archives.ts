// Archives one after the other, as the entries that they hold: in this thread, or in another one while this one makes files
// of what has come, since each takes about half of the time. The other runs box's hidden command read-ahead.

import { BoxError } from "../errors.ts";
import type { Blob } from "./blob.ts";
import { compressionOfFile, contentOf, type Wanted } from "./content.ts";
import type { EntrySink } from "./entry.ts";
import { EntryReader } from "./entry-records.ts";
import { TarReader } from "./read-tar.ts";
import { newRingMemory, Ring } from "./ring.ts";
import { breathe, type Watch } from "./watch.ts";

export type Archives = {
  readonly all: readonly Wanted[];
  /** How many bytes there may be in them, decompressed. */
  readonly most: number;
};

/** What the thread is told at its start. */
export type Task = { readonly memory: SharedArrayBuffer; readonly archives: Archives };

/** What a thread is worth, with code of its own to warm up. */
const LEAST_BYTES = 32 * 1024 * 1024;
/** How many bytes one of a compressed layer usually becomes. */
const USUAL_RATIO = 4;
const WAIT_MS = 100;

/** `nextSink` is asked at the beginning of each. Throws a BoxError when one is broken, too large, or not what its digest says. */
export async function readArchives(archives: Archives, nextSink: () => EntrySink, watch: Watch): Promise<void> {
  const bytes = archives.all.reduce((sum, { blob }) => sum + likelyBytes(blob), 0);
  await (bytes < LEAST_BYTES ? readHere : readAhead)(archives, nextSink, watch);
}

function likelyBytes(blob: Blob): number {
  if (blob.part === undefined) return Number.POSITIVE_INFINITY;
  return blob.part.size * (compressionOfFile(blob) === undefined ? 1 : USUAL_RATIO);
}

/** A pipe that is slow keeps this thread from noticing signals. */
export async function readHere({ all, most }: Archives, nextSink: () => EntrySink, watch: Watch): Promise<void> {
  let left = most;
  for (const wanted of all) {
    const { name } = wanted.blob;
    const reader = new TarReader(nextSink(), name);
    const room = left;
    for await (const chunk of contentOf(wanted, watch, () => reader.leaveOut())) {
      left -= chunk.length;
      if (left < 0) throw new BoxError({ what: `${name} holds more than ${room} bytes`, hint: "--max-size allows more" });
      reader.push(chunk);
      await breathe();
    }
    reader.finish();
  }
  watch.check();
}

async function readAhead(archives: Archives, nextSink: () => EntrySink, watch: Watch): Promise<void> {
  const memory = newRingMemory();
  const ring = new Ring(memory);
  const worker = new Worker(Bun.main, { argv: ["read-ahead"], ref: false });
  let failure: string | undefined;
  worker.onerror = ({ message }) => {
    failure = message;
  };
  worker.postMessage({ memory, archives } satisfies Task);
  const reader = new EntryReader(nextSink);
  try {
    for (let isDone = false; !isDone; ) {
      watch.check();
      await breathe();
      const filled = ring.take(WAIT_MS);
      if (filled !== undefined) {
        watch.passed(filled.passed);
        isDone = reader.read(filled);
        ring.release();
      } else if (failure !== undefined) throw new Error(`box: read-ahead: ${failure}`);
    }
  } finally {
    // Then the thread ends by itself.
    ring.close();
  }
}
