// What the thread beside box bundle's does: it reads archives, and what it finds goes into the ring (read-archives.ts).

import { BoxError } from "../errors.ts";
import { EntryWriter, RingClosed } from "./entry-records.ts";
import { readHere, type Task } from "./read-archives.ts";
import { Ring } from "./ring.ts";

/** Until all archives have been read, one of them is broken, or nobody wants the rest. */
export async function fillRing({ memory, archives }: Task): Promise<void> {
  const writer = new EntryWriter(new Ring(memory));
  const nextSink = (): EntryWriter => {
    writer.beginArchive();
    return writer;
  };
  // Before more of the source is waited for, what there is goes on.
  const watch = { check: () => writer.flush(), passed: (bytes: number) => writer.passed(bytes) };
  try {
    await readHere(archives, nextSink, watch);
    writer.done();
  } catch (error) {
    if (error instanceof RingClosed) return;
    if (!(error instanceof BoxError)) throw error;
    tell(writer, error);
  }
}

function tell(writer: EntryWriter, error: BoxError): void {
  try {
    writer.fail(error);
  } catch (closed) {
    if (!(closed instanceof RingClosed)) throw closed;
  }
}
