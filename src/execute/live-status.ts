// What a container is doing now, in the words of the runtime-spec and of runc: told from its state folder, its init and
// its freezer each time anew, since what a file says of a process may be of the past.

import { waitFifo } from "../state/state.ts";
import { exists } from "./files.ts";
import { isFrozen } from "./freezer.ts";
import { initLives } from "./init-lives.ts";
import type { Found } from "./state-folder.ts";

/** "paused" is runc's; the rest are the runtime-spec's (runtime.md, "State"). */
export type LiveStatus = "creating" | "created" | "running" | "paused" | "stopped";

export function liveStatus({ folder, state }: Found): LiveStatus {
  if (state === undefined) return "stopped";
  // While the container is made there is a box, and its pid is no promise of that: but only init's is asked for below.
  if (state.status === "creating") return state.pid === 0 && boxLives(state.box.supervisor) ? "creating" : "stopped";
  if (!initLives(state)) return "stopped";
  // A container that waits for its start can be paused too; then that is what it is, as with runc.
  if (isFrozen(state)) return "paused";
  return exists(`${folder}/${waitFifo}`) ? "created" : "running";
}

const boxLives = (pid: number): boolean => exists(`/proc/${pid}`);
