// An id that is taken: by a container that lives, or by the remains of one whose box was killed. What tells them apart
// is the lock that a living box holds on the state folder.

import { BoxError } from "../errors.ts";
import type { State } from "../state/state.ts";
import { removeContainer, removeStateFolder } from "./remove-container.ts";
import { takeOver } from "./take-over.ts";

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
