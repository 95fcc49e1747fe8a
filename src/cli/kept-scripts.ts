// Files of plugins as scripts, kept from one time for the next: what a script is depends on the file's text and on this
// executable alone, and finding it out takes longer than all else that is done with a plugin.

import { ownPart, placeFor } from "../execute/kept-place.ts";
import { keepText, readKeptText } from "../execute/kept-text.ts";
import { type Script, scriptOf } from "./plugin-code.ts";

const PLACES = 256;

/** As scriptOf; `stateRoot` is the folder of all states, and this process is root's. */
export function keptScriptOf(stateRoot: string, path: string, text: string): Script | undefined {
  const name = `script-${placeFor(path, PLACES)}`;
  // Where the text ends its length says.
  const key = `${ownPart()}\0${path}\0${text.length}\0${text}`;
  const kept = readKeptText(stateRoot, name);
  const known = kept?.startsWith(key) === true ? readScript(kept.slice(key.length)) : undefined;
  if (known !== undefined) return { ...known, text };
  const script = scriptOf(path, text);
  if (script !== undefined) keepText(stateRoot, name, `${key}${JSON.stringify({ ...script, text: undefined })}`);
  return script;
}

/** undefined where it is torn. */
function readScript(text: string): Script | undefined {
  try {
    return JSON.parse(text) as Script;
  } catch {
    return undefined;
  }
}
