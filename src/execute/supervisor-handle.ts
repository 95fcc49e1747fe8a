// A handle on the process that looks after a container, known by pid and start time as init is: the pid alone may be
// another process's by now.

import type { State } from "../state/state.ts";
import { initLives } from "./init-lives.ts";
import { systemCall } from "./libc.ts";

/** A pidfd; undefined when it has ended, or when the state does not say when it started. */
export function openSupervisor({ box }: State): number | undefined {
  const { supervisor, supervisorStart } = box;
  if (supervisorStart === undefined) return undefined;
  const pidfd = systemCall("pidfd_open", supervisor, 0);
  if (pidfd < 0) return undefined;
  // Looked at after the handle was opened.
  if (initLives({ pid: supervisor, box: { ...box, startTime: supervisorStart } })) return pidfd;
  systemCall("close", pidfd);
  return undefined;
}
