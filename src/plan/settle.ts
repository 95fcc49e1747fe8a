// The first records of every child: close the door to the arena, drop whatever box had open, and leave box's session.

import { ARENA_FD } from "../tape/layout.ts";
import { type Step, step } from "../tape/step.ts";
import { FIRST_FREE_FD, SYNC_FD } from "./plan.ts";

const UINT_MAX = 0xffffffff;

export const settle = (): Step[] => [
  step("close", [ARENA_FD], "box", "close the arena, now mapped"),
  step("close_range", [FIRST_FREE_FD, UINT_MAX, []], "box", "drop every other descriptor of box"),
  step("fcntl", [SYNC_FD, ["F_SETFD"], 1], "box", "let execve close the line to box"),
];

/**
 * Before the configuration's first path is walked, the program's among them: by /proc/self/fd/N any folder of the host
 * that is still open leads out of the root (CVE-2024-21626), and execve looks its file up before it closes anything. The
 * line to box is a socket, leads nowhere and tells box of execve by closing with it.
 */
export const closeDescriptors = (): Step[] => [
  step("close_range", [ARENA_FD, SYNC_FD - 1, []], "process", "drop every descriptor"),
  step("close_range", [SYNC_FD + 1, UINT_MAX, []], "process", "drop every descriptor, but for the line to box"),
];

/** No process of a container may trace this one or read its memory through /proc (CVE-2016-9962). */
export const becomeUntraceable = (): Step => step("prctl", [["PR_SET_DUMPABLE"], 0, 0, 0, 0], "box", "be closed to tracing and /proc");

/** A session of its own, so that nothing can type into the caller's terminal (TIOCSTI). */
export const leaveSession = (): Step => step("setsid", [], "process", "start a session of its own");
