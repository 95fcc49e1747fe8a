// Names of containers. An id becomes a folder and a cgroup, so it is held to a closed set of characters before
// anything else looks at it.

import { BoxError } from "../errors.ts";
import { show } from "./faults.ts";

/** NAME_MAX: an id becomes the name of a folder. */
const longestId = 255;

/** Returns the id if it matches `[A-Za-z0-9_][A-Za-z0-9_.+-]*` and is at most 255 long; throws a BoxError otherwise. */
export function checkContainerId(id: string): string {
  const wrong = problemOfId(id);
  if (wrong === undefined) return id;
  throw new BoxError({ what: `container id ${show(id)} ${wrong}` });
}

/** What is wrong with an id, to follow it in a sentence; undefined when nothing is. */
export function problemOfId(id: string): string | undefined {
  if (id === "") return "is empty";
  if (id.length > longestId) return `is longer than ${longestId} characters`;
  for (let at = 0; at < id.length; at++) {
    const code = id.charCodeAt(at);
    const word = (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57) || code === 95;
    if (word) continue;
    const character = String.fromCodePoint(id.codePointAt(at) ?? code);
    if (character === "/") return "has a slash: an id is a plain name, not a path";
    const mark = character === "." || character === "+" || character === "-";
    if (!mark) return `has ${JSON.stringify(character)} in it: only letters, digits, "_", ".", "+" and "-" are allowed`;
    if (at === 0) return `starts with ${JSON.stringify(character)}: the first character must be a letter, a digit or "_"`;
  }
  return undefined;
}
