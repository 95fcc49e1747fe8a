// The programs of exec, kept from one time for the next: a health probe is the same command in the same container, every few
// seconds. Its plan is a pure function of what planExec takes and of this executable.

import type { HostFacts } from "../host/facts.ts";
import type { Exec } from "../plan/plan-exec.ts";
import type { State } from "../state/state.ts";
import type { Compiled } from "./compile.ts";
import { markPlace, ownPart, type Place, placeFor, readPlace, writePlace } from "./kept-place.ts";

const PLACES = 256;

/** Where the program of that process in that container is kept; undefined where none is. */
export function placeOfExec(exec: Exec, facts: HostFacts, state: State, stateRoot: string): Place | undefined {
  if (facts.uid !== 0) return undefined;
  const { id, bundle, spec, process, seccomp, cgroups, init, launch } = exec;
  // A container's filter is made with it and stays as it is: of two with the same id, the later one has another start.
  const container = [id, bundle, state.created, state.pid, state.box.startTime];
  return {
    stateRoot,
    name: `exec-${placeFor(`${id}\0${process.args.join("\0")}`, PLACES)}`,
    key: `${ownPart()}\0${JSON.stringify([container, spec, process, seccomp?.flags, cgroups, init, launch, facts])}`,
  };
}

export type KeptExec = { readonly compiled: Compiled } | "marked" | undefined;

export const readKeptExec = (place: Place | undefined): KeptExec => (place === undefined ? undefined : readPlace<null>(place));

/** Keeps what has been started, when `found` says that it is not the first time; `box` is box's tape from before it ran. Best effort. */
export function keepExec(place: Place | undefined, found: KeptExec, compiled: Compiled, box: Uint8Array | undefined): void {
  if (place === undefined) return;
  if (found === undefined) markPlace(place);
  else if (found === "marked" && box !== undefined) writePlace(place, null, compiled, box);
}
