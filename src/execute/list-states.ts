// Every container below the folder of all states. A folder that is none, or not yet or no longer a whole one, is left out:
// box list is what warns of those.

import { problemOfId } from "../config/container-id.ts";
import { BoxError } from "../errors.ts";
import { errnoName } from "../linux/errno-name.ts";
import type { State } from "../state/state.ts";
import { listFolder } from "./list-folder.ts";
import { checkStateRoot, readFolder } from "./state-folder.ts";

export type Listed = { readonly folder: string; readonly state: State };

const ENOENT = 2;

/**
 * In the order of their ids. `mayLack`: the folder need not be there, as the usual one is made with the first container;
 * one that somebody named is more likely misspelt. Throws a BoxError for one that is not the caller's, too.
 */
export function listStates(stateRoot: string, mayLack: boolean): Listed[] {
  checkStateRoot(stateRoot);
  const entries = listFolder(stateRoot);
  if (entries === -ENOENT && mayLack) return [];
  if (typeof entries === "number")
    throw new BoxError({ origin: "--root", what: "cannot list", object: stateRoot, errno: errnoName(-entries) });
  const found: Listed[] = [];
  for (const { name, isFolder } of entries) {
    if (!isFolder || problemOfId(name) !== undefined) continue;
    const { folder, state } = readFolder(`${stateRoot}/${name}`);
    if (state?.id === name) found.push({ folder, state });
  }
  return found;
}
