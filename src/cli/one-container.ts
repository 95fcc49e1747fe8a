// The one container that a command's arguments name.

import { checkContainerId } from "../config/container-id.ts";
import { BoxError } from "../errors.ts";
import { type Found, findContainer } from "../execute/state-folder.ts";
import type { State } from "../state/state.ts";
import type { Globals } from "./commands.ts";
import { rootOfStates } from "./invocation.ts";

/** A container with a state that could be read. */
export type Known = Found & { readonly state: State };

/** Throws a BoxError unless `words` is exactly the id of a container that there is. */
export function oneContainer(words: readonly string[], globals: Globals, synopsis: string): Known {
  const [id, more] = words;
  if (id === undefined) throw new BoxError({ what: "a container id is missing", hint: `box ${synopsis}`, exitCode: 1 });
  if (more !== undefined)
    throw new BoxError({ what: `one container id is enough, and ${more} is another`, hint: `box ${synopsis}`, exitCode: 1 });
  const found = findContainer(globals.root ?? rootOfStates(), checkContainerId(id));
  // In runc's words, which clients look for.
  if (found?.state === undefined) throw new BoxError({ what: "container does not exist:", object: id, exitCode: 1 });
  return { folder: found.folder, state: found.state };
}
