// The hidden command read-ahead: what the thread beside box bundle's does (src/bundle/read-archives.ts). It is a command so that
// the executable needs no second entry: modules that both use would be put apart from those that every start loads.

import { EntryWriter, RingClosed } from "../bundle/entry-records.ts";
import { type Archives, readHere, type Task } from "../bundle/read-archives.ts";
import { Ring } from "../bundle/ring.ts";
import { BoxError } from "../errors.ts";
import type { FlagRow } from "./arguments.ts";

export const flags: readonly FlagRow[] = [];

declare const self: { onmessage: ((event: { readonly data: Task }) => void) | null };

export async function run(): Promise<number> {
  if (Bun.isMainThread) throw new BoxError({ what: "read-ahead is a thread of box bundle, and no command" });
  const { memory, archives } = await new Promise<Task>((resolve) => {
    self.onmessage = ({ data }) => resolve(data);
  });
  try {
    await fill(new EntryWriter(new Ring(memory)), archives);
  } catch (error) {
    if (!(error instanceof RingClosed)) throw error;
  }
  return 0;
}

async function fill(writer: EntryWriter, archives: Archives): Promise<void> {
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
    if (!(error instanceof BoxError)) throw error;
    writer.fail(error);
  }
}
