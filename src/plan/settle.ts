// The first records of every child: close the door to the arena, drop whatever box had open, and leave box's session.

import { ARENA_FD } from "../tape/layout.ts";
import { type Step, step } from "../tape/step.ts";
import type { Handed } from "./launch.ts";

const UINT_MAX = 0xffffffff;

export function settle({ sync, wait, answer, hookState, hookOutput, third, init, end }: Handed): Step[] {
  const steps = [
    third < 0
      ? step("close", [ARENA_FD], "box", "close the arena, now mapped")
      : step(
          "dup3",
          [third, ARENA_FD, []],
          "--preserve-fds",
          "put back what the arena took the place of, and so close the arena, now mapped",
        ),
    step("close_range", [end, UINT_MAX, []], "box", "drop every other descriptor of box"),
    step("fcntl", [sync, ["F_SETFD"], 1], "box", "let execve close the line to box"),
  ];
  for (const fd of [wait, answer, hookState, hookOutput, third, init])
    if (fd >= 0) steps.push(step("fcntl", [fd, ["F_SETFD"], 1], "box", `let execve close descriptor ${fd}`));
  return steps;
}

/**
 * Before the configuration's first path is walked, the program's among them: by /proc/self/fd/N any folder of the host
 * that is still open leads out of the root (CVE-2024-21626), and execve looks its file up before it closes anything. What
 * stays are sockets, FIFOs and files in memory, which lead nowhere: the line to box, which tells box of execve by closing
 * with it, and its like; and what is to be preserved, of which nothing may be a folder.
 */
export function closeDescriptors({ sync, end }: Handed, preserved: number): Step[] {
  const above = step("close_range", [end, UINT_MAX, []], "process", "drop every descriptor, but for the line to box");
  return preserved > 0 ? [above] : [step("close_range", [ARENA_FD, sync - 1, []], "process", "drop every descriptor"), above];
}

/** No process of a container may trace this one or read its memory through /proc (CVE-2016-9962). */
export const becomeUntraceable = (): Step => step("prctl", [["PR_SET_DUMPABLE"], 0, 0, 0, 0], "box", "be closed to tracing and /proc");

/** A session of its own, so that nothing can type into the caller's terminal (TIOCSTI). */
export const leaveSession = (): Step => step("setsid", [], "process", "start a session of its own");
