// Gives a printer what is in a log, and where its writer lives, what that adds until it ends.

import type { LogReader } from "../execute/log-reader.ts";
import { POLLIN, waitFor } from "../execute/poll.ts";
import { watchFolder } from "../execute/watch-folder.ts";
import { STDOUT } from "../execute/write-line.ts";
import type { LogPrinter } from "./log-printer.ts";

type Where = {
  /** Of the log. */
  readonly folder: string;
  /** A pidfd of who writes it; undefined: nothing will be added. */
  readonly supervisor: number | undefined;
  /** Whether to wait for more. */
  readonly goOn: boolean;
  readonly untilNs: bigint | undefined;
};

const LONG_MS = 3_600_000;

export function follow(reader: LogReader, printer: LogPrinter, { folder, supervisor, goOn, untilNs }: Where): void {
  // Watched before the log is read, so that no change is missed.
  const watch = supervisor === undefined || !goOn ? undefined : watchFolder(folder);
  let more = printAll(reader, printer);
  let hasEnded = supervisor === undefined;
  if (printer.caughtUp() && more && watch !== undefined && supervisor !== undefined) {
    const polls = [
      { fd: watch.fd, events: POLLIN },
      { fd: supervisor, events: POLLIN },
      { fd: STDOUT, events: 0 },
    ];
    for (;;) {
      const [, ended, unread] = waitFor(polls, untilNs === undefined ? LONG_MS : Number(untilNs / 1_000_000n) - Date.now());
      watch.clear();
      hasEnded = ended !== 0;
      more = unread === 0 && printAll(reader, printer);
      if (!more || hasEnded || (untilNs !== undefined && BigInt(Date.now()) * 1_000_000n > untilNs)) break;
    }
  }
  // A supervisor that lives may be in the midst of an entry.
  if (more && hasEnded) reader.end();
  printer.end();
}

function printAll(reader: LogReader, printer: LogPrinter): boolean {
  for (let entry = reader.next(); entry !== undefined; entry = reader.next()) if (!printer.print(entry)) return false;
  return true;
}
