// The one container that a command's arguments name.

import { BoxError } from "../errors.ts";
import type { Globals } from "./commands.ts";
import { rootOfStates } from "./invocation.ts";
import { type Named, namedContainer } from "./named-container.ts";

/** Throws a BoxError unless `words` is exactly the id of a container that there is. */
export function oneContainer(words: readonly string[], globals: Globals, synopsis: string): Named {
  const [id, more] = words;
  if (id === undefined) throw new BoxError({ what: "a container id is missing", hint: `box ${synopsis}`, exitCode: 1 });
  if (more !== undefined)
    throw new BoxError({ what: `one container id is enough, and ${more} is another`, hint: `box ${synopsis}`, exitCode: 1 });
  return namedContainer(globals.root ?? rootOfStates(), id);
}
