// What a container is doing now, in the words of the runtime-spec and of runc: told from its state folder, its init and
// its freezer each time anew, since what a file says of a process may be of the past.

import { waitFifo } from "../plan/state-files.ts";
import { exists, readText } from "./files.ts";
import { initLives } from "./init-lives.ts";
import { isFrozen } from "./is-frozen.ts";
import { cString, systemCall } from "./libc.ts";
import type { Found } from "./state-folder.ts";

/** "paused" is runc's; the rest are the runtime-spec's (runtime.md, "State"). */
export type LiveStatus = "creating" | "created" | "running" | "paused" | "stopped";

/** `read` is for whoever asks again and again. */
export function liveStatus({ folder, state }: Found, read: typeof readText = readText): LiveStatus {
  if (state === undefined) return "stopped";
  if (state.status === "creating" && boxLives(state.box.supervisor)) return "creating";
  if (!initLives(state, read)) return "stopped";
  // A container that waits for its start can be paused too; then that is what it is, as with runc.
  if (isFrozen(state, read)) return "paused";
  return state.status === "created" && waits(folder) ? "created" : "running";
}

const boxLives = (pid: number): boolean => exists(`/proc/${pid}`);

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
