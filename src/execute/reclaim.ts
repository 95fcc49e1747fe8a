// An id that is taken: by a container that lives, or by the remains of one whose box was killed. What tells them apart
// is the lock that a living box holds on the state folder.

import { BoxError } from "../errors.ts";
import type { State } from "../state/state.ts";
import { exists } from "./files.ts";
import { addressOf, cString, systemCall } from "./libc.ts";
import { removeContainer, removeStateFolder } from "./remove-container.ts";
import { type Found, findContainer, lockFolder } from "./state-folder.ts";

/** Removes the remains of container `id`; throws when it lives. */
export async function reclaim(stateRoot: string, id: string, poststop: (state: State) => Promise<void>): Promise<void> {
  const taken = takeOver(stateRoot, id);
  if (taken === undefined) return;
  if (taken === "busy") throw alreadyExists(id);
  const { folder, state } = taken;
  // One that was made to stay stays, also when it has ended: whoever made it has yet to delete it.
  if (state?.box.stays === true && state.status !== "creating") throw alreadyExists(id);
  if (state === undefined) removeStateFolder(folder);
  else await removeContainer(state, folder, () => poststop(state));
}

const alreadyExists = (id: string): BoxError =>
  new BoxError({ what: `the container ${id} already exists`, origin: "id", hint: `box delete --force ${id} ends and removes it` });

/**
 * Locks what there is of a container and reads its state, in this order: what was read before may be of the past.
 * "busy": another box holds the lock; undefined: there is nothing, or no longer.
 */
export function takeOver(stateRoot: string, id: string): Found | "busy" | undefined {
  for (let tries = 0; ; tries++) {
    const found = findContainer(stateRoot, id);
    if (found === undefined) return undefined;
    const lock = lockFolder(found.folder);
    if (lock === undefined && tries < TRIES && isOrphaned(found)) {
      Bun.sleepSync(1);
      continue;
    }
    if (lock === undefined) return findContainer(stateRoot, id) === undefined ? undefined : "busy";
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
