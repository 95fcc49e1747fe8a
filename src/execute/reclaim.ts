// An id that is taken: by a container that lives, or by the remains of one whose box was killed. Only the latter is
// cleared away, and what tells them apart is the lock that a living box holds on the state folder.

import { BoxError } from "../errors.ts";
import { machine } from "./libc.ts";
import { removeContainer, removeStateFolder } from "./remove-container.ts";
import type { State } from "../state/state.ts";
import { findContainer, lockFolder } from "./state-folder.ts";

/** Removes the remains of container `id`; throws when it lives. */
export async function reclaim(stateRoot: string, id: string, poststop: (state: State) => Promise<void>): Promise<void> {
  const found = findContainer(stateRoot, id);
  if (found === undefined) return;
  if (lockFolder(found.folder, machine) === undefined)
    throw new BoxError({ what: `the container ${id} already exists`, origin: "id", hint: `box delete --force ${id} ends and removes it` });
  if (found.state === undefined) removeStateFolder(found.folder);
  else {
    const { state } = found;
    await removeContainer(state, found.folder, () => poststop(state));
  }
}
