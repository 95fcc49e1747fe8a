// What there is of a container, taken over by whoever holds the lock on its folder. A living box holds it, so that tells a
// container with somebody to look after it from the remains of one whose box was killed.

import { exists } from "./files.ts";
import { addressOf, cString, systemCall } from "./libc.ts";
import { type Found, findContainer, lockFolder } from "./state-folder.ts";

/**
 * Locks what there is of a container and reads its state, in this order: what was read before may be of the past.
 * "busy": another box holds the lock; undefined: there is nothing, or no longer.
 */
export function takeOver(stateRoot: string, id: string): Found | "busy" | undefined {
  for (let tries = 0; ; tries++) {
    const lock = lockFolder(`${stateRoot}/${id}`);
    if (lock === undefined) {
      const found = findContainer(stateRoot, id);
      if (found === undefined) return undefined;
      if (tries === TRIES || !isOrphaned(found)) return "busy";
      Bun.sleepSync(1);
      continue;
    }
    if (!isRemoved(lock)) return findContainer(stateRoot, id);
    systemCall("close", lock);
  }
}

const TRIES = 1000;

/** The box that took the lock is gone, and a child of it that shares the lock is about to drop it, or another box has just taken over. */
const isOrphaned = ({ state }: Found): boolean => state !== undefined && !exists(`/proc/${state.box.supervisor}`);

const AT_FDCWD = -100;
const PATH_MAX = 4096;

/** The lock may be one on a folder that was removed meanwhile, with another container's now in its place. */
function isRemoved(folder: number): boolean {
  const bytes = new Uint8Array(PATH_MAX);
  const name = cString(`/proc/self/fd/${folder}`);
  const length = systemCall("readlinkat", AT_FDCWD, name.address, addressOf(bytes), bytes.length);
  return new TextDecoder().decode(bytes.subarray(0, length < 0 ? 0 : length)).endsWith(" (deleted)");
}
