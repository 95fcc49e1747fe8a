// A hook that failed, in words: which one, how it ended and after how long, and what it said.

import { BoxError, exitCodes } from "../errors.ts";
import { errnoName } from "../linux/errno-name.ts";
import { signalName } from "../linux/signals.ts";
import type { Step } from "../tape/step.ts";
import type { HookEnd } from "./tape-failed.ts";

const CLD_EXITED = 1;

/** `refused`: it ran, and ended badly or too late; else it could not be run at all. */
export function hookFailed({ origin, why, expect }: Step, errno: number, hook: HookEnd, refused: boolean): BoxError {
  // A hook that fails is refused as runc does; a program of box's own is one of its ways to fail.
  const exit = origin.startsWith("hooks.") ? { exitCode: exitCodes.refused } : {};
  const path = why.replace(/^run (the hook )?/, "");
  if (!refused) return new BoxError({ origin, what: `cannot ${why}`, errno: errnoName(errno), ...exit });
  const late = expect?.refused.startsWith("it took longer") === true;
  const said = hook.output.trim();
  return new BoxError({
    origin,
    what: `${path}: ${late ? expect?.refused : howEnded(hook.siginfo)} after ${tookMs(hook)} ms`,
    ...exit,
    ...(said === "" ? {} : { hint: `it printed: ${said}${whoMayMap(origin)}` }),
  });
}

/** What newuidmap(1) and newgidmap(1) go by, which their own words leave out. */
function whoMayMap(origin: string): string {
  const file = { "linux.uidMappings": "/etc/subuid", "linux.gidMappings": "/etc/subgid" }[origin];
  return file === undefined ? "" : ` (${file} says which ids a user may map)`;
}

export function howEnded(siginfo: Uint8Array): string {
  const words = new DataView(siginfo.buffer, siginfo.byteOffset);
  const status = words.getInt32(24, true);
  return words.getInt32(8, true) === CLD_EXITED ? `exit ${status}` : `ended by ${signalName(status)}`;
}

function tookMs({ began, endedMs }: HookEnd): number {
  const words = new DataView(began.buffer, began.byteOffset);
  const beganMs = Number(words.getBigInt64(0, true)) * 1000 + Number(words.getBigInt64(8, true)) / 1_000_000;
  return Math.max(0, Math.round(endedMs - beganMs));
}
