// The container that a command line names, or the error in the words that clients look for: containerd and podman read
// "does not exist" and "container not running" in what a runtime says.

import { checkContainerId } from "../config/container-id.ts";
import { BoxError } from "../errors.ts";
import { type Found, findContainer, settled, somePatience } from "../execute/state-folder.ts";
import type { State } from "../state/state.ts";

export type Named = Found & { readonly state: State };

/** Throws a BoxError when there is no such container, or only a folder without a state. */
export function namedContainer(stateRoot: string, id: string): Named {
  checkContainerId(id);
  const found = settled(() => findContainer(stateRoot, id), somePatience());
  if (found === undefined) throw new BoxError({ what: `the container ${id} does not exist`, origin: "id" });
  const { folder, state } = found;
  if (state === undefined) throw noState(folder, id);
  return { folder, state };
}

/** For a folder whose state file is missing, torn or not box's. */
export const noState = (folder: string, id: string): BoxError =>
  new BoxError({
    what: `the container ${id} has no state: ${folder}/state.json is missing or not whole`,
    origin: "id",
    hint: `unless it is being made right now, box delete --force ${id} removes what there is of it`,
  });

export const notRunning = (id: string): BoxError => new BoxError({ what: "container not running", origin: id });
