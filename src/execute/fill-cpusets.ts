// Cgroups of cpuset on v1 that somebody made and left empty: without cpus no process can be in them, nor in any below them
// (cpuset(7), "cpuset.cpus"). Box fills those that it makes itself as a step of its plan; what was there before is looked
// at only when a start has failed of it.

import type { State } from "../state/state.ts";
import { readText } from "./files.ts";
import { writeText } from "./write-text.ts";

/** Gives the empty ones above a container's cgroups what those above them have. Returns whether there were any. */
export function fillCpusets(cgroups: State["box"]["cgroups"]): boolean {
  let filled = false;
  for (const { version, path } of cgroups)
    if (version === 1) for (const name of ["cpuset.cpus", "cpuset.mems"]) filled = fill(path, name) || filled;
  return filled;
}

/** From the hierarchy's mount, the first that has such a file, down to the container's own cgroup. */
function fill(path: string, name: string): boolean {
  let above: string | undefined;
  let filled = false;
  for (let end = path.indexOf("/", 1); end >= 0; end = path.indexOf("/", end + 1)) {
    const file = `${path.slice(0, end)}/${name}`;
    const text = readText(file);
    if (typeof text !== "string") continue;
    if (text.trim() !== "") above = text;
    else if (above !== undefined && writeText(file, above) === 0) filled = true;
  }
  return filled;
}
