// The programs of containers, kept from one start for the next: a service that is restarted, a bundle that is run again. A
// plan is a pure function of the configuration, the host's facts and this executable, so when all of them are the same
// the tapes are too, and reading them takes a third of the time of making them (measured).

import type { LabelsAsked } from "../host/read-facts.ts";
import type { State } from "../state/state.ts";
import type { Compiled } from "./compile.ts";
import { markPlace, ownPart, type Place, placeFor, readPlace, writePlace } from "./kept-place.ts";

/** What the kept program was made from, besides the facts. */
export type KeptKey = { readonly id: string; readonly bundle: string; readonly stateRoot: string; readonly config: string };

type Asked = {
  readonly openFiles: boolean;
  readonly home: { readonly root: string; readonly uid: number } | undefined;
  readonly limits: boolean;
  readonly labels: LabelsAsked | undefined;
};

type Made = {
  readonly asked: Asked;
  /** What the facts came from, and they themselves as JSON. */
  readonly seen: readonly (readonly [
    "read" | "filesystem" | "mayWrite" | "mayExecute" | "danglingLinks",
    string,
    string | number | boolean | null,
  ])[];
  readonly facts: string;
  readonly home: string | null;
  /** The state that is written first, and the configuration beside it, as JSON. */
  readonly state: State;
  readonly config: string;
};

export type Kept = Made & { readonly compiled: Compiled };

const PLACES = 64;

/** The program that was kept for `key`, if there is one and nothing tells against it. */
export function readKept(key: KeptKey): Kept | undefined {
  const found = readPlace<Made>(placeOf(key));
  return found === undefined || found === "marked" ? undefined : { ...found.more, compiled: found.compiled };
}

/**
 * Keeps a program that has been started, when it is not the first time; `kept` gives it, with the image of box's tape from
 * before it ran. Best effort.
 */
export function keepProgram(key: KeptKey, kept: () => { made: Kept; box: Uint8Array }): void {
  const place = placeOf(key);
  if (readPlace(place) !== "marked") return markPlace(place);
  const { made, box } = kept();
  const { compiled, ...more } = made;
  writePlace(place, more, compiled, box);
}

/** One of the places, by bundle and id; what is there may be another's, which its key then says. */
const placeOf = ({ id, bundle, stateRoot, config }: KeptKey): Place => ({
  stateRoot,
  name: `place-${placeFor(`${bundle}\0${id}`, PLACES)}`,
  key: [ownPart(), id, bundle, stateRoot, config].join("\0"),
});
