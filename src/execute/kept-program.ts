// The programs of containers, kept from one start for the next: a service that is restarted, a bundle that is run again. A
// plan is a pure function of the configuration, the host's facts and this executable, so when all of them are the same
// the tapes are too, and reading them takes a third of the time of making them (measured).

import type { LabelsAsked } from "../host/read-facts.ts";
import type { State } from "../state/state.ts";
import type { Compiled } from "./compile.ts";
import { markPlace, ownPart, type Place, placeFor, readPlace, writePlace } from "./kept-place.ts";

/** What the kept program was made from, besides the facts. */
export type KeptKey = {
  readonly id: string;
  readonly bundle: string;
  readonly stateRoot: string;
  readonly config: string;
  readonly format: "json" | "yaml";
  /** There may be some, so that `config` is not all that the container is made from. */
  readonly plugins: boolean;
};

type Asked = {
  readonly openFiles: boolean;
  readonly home: { readonly root: string; readonly uid: number } | undefined;
  readonly limits: boolean;
  readonly labels: LabelsAsked | undefined;
};

type Made = {
  /** What a box.yaml asked for, besides the facts. */
  readonly answered: readonly (readonly ["exists" | "passwd" | "group" | "TERM", string, string | boolean | null])[];
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

/** What is known of the container's plugins, for whoever loads them: texts without a NUL, and of what kind they are. */
export type KeptPlugins = { readonly kinds: unknown; readonly texts: readonly string[] };

export type Kept = Made & { readonly compiled: Compiled; readonly plugins?: KeptPlugins | undefined };

type InHeader = Omit<Made, "facts" | "config"> & { readonly kinds?: unknown };

const most = 64;
/** More than anybody counts, so that two are hardly ever at one place. */
const PLACES = 2 ** 32;

/** The program that was kept for `key`, if there is one and nothing tells against it. */
export function readKept(key: KeptKey): Kept | undefined {
  const found = readPlace<InHeader>(placeOf(key));
  if (found === undefined || found === "marked") return undefined;
  const { kinds, ...more } = found.more;
  const [facts = "", config = "", ...texts] = found.texts;
  return { ...more, facts, config, compiled: found.compiled, plugins: kinds === undefined ? undefined : { kinds, texts } };
}

/**
 * Keeps a program that has been started, when it is not the first time; `kept` gives it, with the image of box's tape from
 * before it ran. Best effort.
 */
export function keepProgram(key: KeptKey, kept: () => { made: Kept; box: Uint8Array }): void {
  const place = placeOf(key);
  if (readPlace(place) !== "marked") return markPlace(place);
  const { made, box } = kept();
  write(place, made, box);
}

/** Keeps one that was kept already, of which more is known by now. Best effort. */
export const keepAgain = (key: KeptKey, kept: Kept): void => write(placeOf(key), kept, kept.compiled.box.image);

function write(place: Place, { compiled, facts, config, plugins, ...more }: Kept, box: Uint8Array): void {
  const header: InHeader = plugins === undefined ? more : { ...more, kinds: plugins.kinds };
  writePlace(place, header, compiled, box, [facts, config, ...(plugins?.texts ?? [])]);
}

/** By bundle and id; what is there may be another's, which its key then says. */
const placeOf = ({ id, bundle, stateRoot, config, format, plugins }: KeptKey): Place => ({
  stateRoot,
  name: `place-${placeFor(`${bundle}\0${id}`, PLACES)}`,
  key: [ownPart(), id, bundle, stateRoot, plugins ? "with plugins" : format, config].join("\0"),
  among: { prefix: "place-", most },
});
