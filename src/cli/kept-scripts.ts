// Files of plugins as scripts, kept from one time for the next: to find out what a file is as a script takes longer than all else
// that is done with a plugin.

import { placeFor } from "../execute/kept-place.ts";
import { keptValue } from "../execute/kept-text.ts";
import { type Script, scriptOf } from "./plugin-code.ts";

const PLACES = 256;

/** As scriptOf; `stateRoot` is the folder of all states, and this process is root's. */
export function keptScriptOf(stateRoot: string, path: string, text: string): Script | undefined {
  const script = keptValue<Omit<Script, "text">>(stateRoot, `script-${placeFor(path, PLACES)}`, `${path}\0${text}`, () => {
    const made = scriptOf(path, text);
    return made && { path, body: made.body, imports: made.imports, pure: made.pure };
  });
  return script && { ...script, text };
}
