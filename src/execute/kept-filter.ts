// The filter of system calls that a container was made with, as its state folder keeps it: exec applies the same, and does
// not compile it again.

import { BoxError } from "../errors.ts";
import { errnoName } from "../linux/errno-name.ts";
import type { SeccompFilter } from "../plan/builder.ts";
import { keptFilter } from "../plan/state-files.ts";
import type { State } from "../state/state.ts";
import { readBytes } from "./files.ts";

/** undefined for a container without a filter; throws a BoxError when it has one and it cannot be had. */
export function readKeptFilter(folder: string, { box: { filterFlags } }: State): SeccompFilter | undefined {
  if (filterFlags === undefined) return undefined;
  const filter = readBytes(`${folder}/${keptFilter}`);
  if (typeof filter === "number")
    throw new BoxError({
      what: "cannot read the container's filter of system calls",
      object: `${folder}/${keptFilter}`,
      errno: errnoName(-filter),
    });
  return { filter, flags: filterFlags, notes: [] };
}
