// `capabilities` of box.yaml: the usual ones with some added and dropped, as the sets of config.json.

import type { ConfigFault } from "../errors.ts";
import { capabilities } from "../linux/capabilities.ts";
import { usualCapabilities } from "./embedded-spec.ts";
import type { Capabilities } from "./spec.ts";
import type { BoxYaml } from "./yaml-rules.ts";

type Wanted = NonNullable<BoxYaml["capabilities"]>;

const wholeName = (name: string): string => (name.startsWith("CAP_") ? name : `CAP_${name}`);
const ALL = "CAP_ALL";
const everything = Object.keys(capabilities);

/**
 * `drop: [ALL]` empties the usual set, `add: [ALL]` fills it, and what is named is added or dropped after that. For a user
 * other than root, what is added by name is ambient too: else its program would not have it (capabilities(7), execve).
 */
export function expandCapabilities({ add = [], drop = [] }: Wanted, uid: number, faults: ConfigFault[]): Capabilities {
  const [added, dropped] = [add.map(wholeName), drop.map(wholeName)];
  for (const [at, name] of dropped.entries())
    if (added.includes(name)) faults.push({ path: `capabilities.drop[${at}]`, problem: `${drop[at]} stands in capabilities.add too` });
  const start = added.includes(ALL) ? everything : dropped.includes(ALL) ? [] : usualCapabilities;
  const has = everything.filter((name) => (start.includes(name) || added.includes(name)) && !dropped.includes(name));
  const sets: Capabilities = { bounding: has, effective: [...has], permitted: [...has] };
  const ambient = uid === 0 ? [] : has.filter((name) => added.includes(name));
  return ambient.length === 0 ? sets : { ...sets, inheritable: ambient, ambient: [...ambient] };
}

/** The words for the bounding set, and for what a user other than root has in the ambient one; undefined for the usual. */
export function shortenCapabilities({ bounding = [], ambient = [] }: Capabilities, uid: number): Wanted | undefined {
  const word = (name: string): string => name.slice("CAP_".length);
  const asked = uid === 0 ? [] : ambient;
  const added = bounding.filter((name) => !usualCapabilities.includes(name) || asked.includes(name)).map(word);
  const dropped = usualCapabilities.filter((name) => !bounding.includes(name)).map(word);
  const missing = everything.filter((name) => !bounding.includes(name)).map(word);
  const ways: Wanted[] = [
    { ...(added.length === 0 ? {} : { add: added }), ...(dropped.length === 0 ? {} : { drop: dropped }) },
    { ...(bounding.length === 0 ? {} : { add: bounding.map(word) }), drop: ["ALL"] },
    { add: ["ALL"], ...(missing.length === 0 ? {} : { drop: missing }) },
  ];
  const length = ({ add = [], drop = [] }: Wanted): number => add.length + drop.length;
  const [shortest = {}] = ways.sort((one, other) => length(one) - length(other));
  return length(shortest) === 0 ? undefined : shortest;
}
