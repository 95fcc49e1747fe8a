// A log on disk is entries, one behind the other, each with a header of 24 bytes (little-endian). An entry is what one
// read(2) gave, so a line may be in several, and one may hold many.
//
//    0        8        16      20      24
//   ┌────────┬────────┬───────┬───────┬──────────────────────┐
//   │ tv_sec │ tv_nsec│ length│ stream│ length bytes, as read│
//   └────────┴────────┴───────┴───────┴──────────────────────┘
//     CLOCK_REALTIME            1 stdout, 2 stderr, 3: bytes that were lost, their number as a u64
//
// Not JSON, since a tape cannot escape: box logs --json makes that of it (src/state/log-entries.ts reads it).

import type { LogFiles } from "../config/stdio-choice.ts";
import { logFile, stdioFolder } from "./state-files.ts";

const TWO_32 = 2 ** 32;

export const entry = {
  seconds: 0,
  nanoseconds: 8,
  /** Both as one word for a tape to write. */
  lengthAndStream: 16,
  stream: 20,
  bytes: 24,
  /** The stream as a tape adds it to the length. */
  streams: { stdout: 1 * TWO_32, stderr: 2 * TWO_32, lost: 3 * TWO_32 },
} as const;

/** So much is read at once at most, and so much is in an entry. */
export const ENTRY_MAX = 16384;

/** The log's newest file below the state folder, or where the choice says. */
export function logPlace(stateFolder: string, { path }: LogFiles): { readonly folder: string; readonly name: string } {
  if (path === undefined) return { folder: `${stateFolder}/${stdioFolder}`, name: logFile };
  const slash = path.lastIndexOf("/");
  return { folder: slash === 0 ? "/" : path.slice(0, slash), name: path.slice(slash + 1) };
}

/** Names from the newest file to the oldest. */
export function logNames(name: string, files: number): string[] {
  const names = [name];
  for (let age = 1; age < files; age++) names.push(`${name}.${age}`);
  return names;
}
