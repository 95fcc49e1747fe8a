// What a container is doing now, in the words of the runtime-spec and of runc: told from its state folder, its init and
// its freezer each time anew, since what a file says of a process may be of the past.

import { waitFifo } from "../state/state.ts";
import { readText } from "./files.ts";
import { initLives } from "./init-lives.ts";
import { cString, systemCall } from "./libc.ts";
import type { Found } from "./state-folder.ts";

/** "paused" is runc's; the rest are the runtime-spec's (runtime.md, "State"). */
export type LiveStatus = "creating" | "created" | "running" | "paused" | "stopped";

export function liveStatus({ folder, state }: Found): LiveStatus {
  if (state === undefined) return "stopped";
  // While the container is made there is a box, and its pid is no promise of that: but only init's is asked for below.
  if (state.status === "creating") return state.pid === 0 && boxLives(state.box.supervisor) ? "creating" : "stopped";
  if (!initLives(state)) return "stopped";
  if (exists(`${folder}/${waitFifo}`)) return "created";
  return state.box.cgroups.some(({ path }) => isFrozen(path)) ? "paused" : "running";
}

const AT_FDCWD = -100;

function exists(path: string): boolean {
  const name = cString(path);
  return systemCall("faccessat2", AT_FDCWD, name.address, 0, 0) === 0;
}

const boxLives = (pid: number): boolean => exists(`/proc/${pid}`);

/** v2: cgroup.freeze, there since Linux 5.2. v1: the freezer's own hierarchy is the only one with such a file. */
function isFrozen(cgroup: string): boolean {
  const v2 = readText(`${cgroup}/cgroup.freeze`);
  if (typeof v2 === "string") return v2.startsWith("1");
  const v1 = readText(`${cgroup}/freezer.state`);
  return typeof v1 === "string" && !v1.startsWith("THAWED");
}
