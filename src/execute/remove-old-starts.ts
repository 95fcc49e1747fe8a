// Starts of builds that have been replaced, which would stay until the next boot: a few are left, since several builds may be
// in use beside each other. One that is missed is kept anew. And what a box that was killed had not yet given its name.

import { readdirSync, rmSync, statSync } from "node:fs";
import { REHEARSAL_FOLDER } from "../front/layout.ts";

const LEFT = 3;

/** Removes all but the latest from the folder, with their marks. Best effort: another box may be doing the same. */
export function removeOldStarts(folder: string): void {
  const names = readdirSync(folder);
  const starts = names
    .filter((name) => /^start-[0-9a-f]+$/.test(name))
    .map((name) => ({ path: `${folder}/${name}`, at: statSync(`${folder}/${name}`, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((one, other) => other.at - one.at);
  for (const { path } of starts.slice(LEFT)) for (const old of [path, `${path}-mark`]) rmSync(old, { force: true });
  // A number is a process (kept-folder.ts). One that is writing right now goes without.
  for (const name of names) if (/^[0-9]+$/.test(name)) rmSync(`${folder}/${name}`, { force: true });
}

/**
 * What a rehearsal (src/cli/rehearse.ts) has left that was killed, or whatever else has its name: it makes files without a look
 * at what is there. Links are removed, not followed. Only whoever has the lock on the folder of what is kept may do it.
 */
export const removeRehearsal = (): void => rmSync(REHEARSAL_FOLDER, { recursive: true, force: true });
