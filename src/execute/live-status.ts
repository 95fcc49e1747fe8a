// What a container is doing now, in the words of the runtime-spec and of runc: told from its state folder, its init and
// its freezer each time anew, since what a file says of a process may be of the past.

import { type State, waitFifo } from "../state/state.ts";
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
  return isFrozen(state.box.cgroups) ? "paused" : "running";
}

const AT_FDCWD = -100;

function exists(path: string): boolean {
  const name = cString(path);
  return systemCall("faccessat2", AT_FDCWD, name.address, 0, 0) === 0;
}

const boxLives = (pid: number): boolean => exists(`/proc/${pid}`);

/**
 * v2: cgroup.freeze, there since Linux 5.2. v1: one hierarchy alone has such a file, nearly always the one that is mounted
 * under the freezer's name; so that is asked first, since a list asks of many containers.
 */
function isFrozen(cgroups: State["box"]["cgroups"]): boolean {
  const others: string[] = [];
  let known: boolean | undefined;
  for (let index = 0; index < cgroups.length; index++) {
    const { version, path } = cgroups[index] as State["box"]["cgroups"][number];
    if (version === 2) {
      const frozen = readText(`${path}/cgroup.freeze`);
      if (typeof frozen === "string" && frozen.startsWith("1")) return true;
    } else if (path.includes("freezer")) known = known === true || isFrozenV1(path);
    else others.push(path);
  }
  for (let index = 0; known === undefined && index < others.length; index++) known = isFrozenV1(others[index] as string);
  return known === true;
}

/** undefined when it is not the freezer's hierarchy. */
function isFrozenV1(path: string): boolean | undefined {
  const state = readText(`${path}/freezer.state`);
  return typeof state === "string" ? !state.startsWith("THAWED") : undefined;
}
