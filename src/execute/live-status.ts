// What a container is doing now, in the words of the runtime-spec and of runc: told from its state folder, its init and
// its freezer each time anew, since what a file says of a process may be of the past.

import { waitFifo } from "../plan/state-files.ts";
import { readText } from "./files.ts";
import { cString, systemCall } from "./libc.ts";
import { initLives } from "./remove-container.ts";
import type { Found } from "./state-folder.ts";

/** "paused" is runc's; the rest are the runtime-spec's (runtime.md, "State"). */
export type LiveStatus = "creating" | "created" | "running" | "paused" | "stopped";

export function liveStatus({ folder, state }: Found): LiveStatus {
  if (state === undefined) return "stopped";
  if (state.status === "creating" && boxLives(state.box.supervisor)) return "creating";
  if (!initLives(state)) return "stopped";
  if (state.status === "created" && waits(folder)) return "created";
  return state.box.cgroups.some(({ path }) => isFrozen(path)) ? "paused" : "running";
}

const AT_FDCWD = -100;
/** O_WRONLY | O_NONBLOCK | O_CLOEXEC */
const O_WRITE = 0o1 | 0o4000 | 0o2000000;

/** Whether init has its end of the FIFO open, which it does until it becomes the program (fifo(7), ENXIO). */
function waits(folder: string): boolean {
  const name = cString(`${folder}/${waitFifo}`);
  const fd = systemCall("openat", AT_FDCWD, name.address, O_WRITE, 0);
  if (fd < 0) return false;
  systemCall("close", fd);
  return true;
}

function boxLives(pid: number): boolean {
  const name = cString(`/proc/${pid}`);
  return systemCall("faccessat2", AT_FDCWD, name.address, 0, 0) === 0;
}

/** v2: cgroup.freeze, there since Linux 5.2. v1: the freezer's own hierarchy is the only one with such a file. */
function isFrozen(cgroup: string): boolean {
  const v2 = readText(`${cgroup}/cgroup.freeze`);
  if (typeof v2 === "string") return v2.startsWith("1");
  const v1 = readText(`${cgroup}/freezer.state`);
  return typeof v1 === "string" && !v1.startsWith("THAWED");
}
