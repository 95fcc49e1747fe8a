// The names of all errnos as one text, for a Bun macro to write into the program: it costs nothing until one is asked for.
// Import it `with { type: "macro" }`.

import { errno } from "./errno.ts";

/** Each name at its number, blanks between them. */
export function encodeErrnoNames(): string {
  const names: string[] = [];
  for (const [name, number] of Object.entries(errno)) names[number] = name;
  return names.join(" ");
}
