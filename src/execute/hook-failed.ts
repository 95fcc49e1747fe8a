// A hook that failed, in words: which one, how it ended and after how long, and what it said.

import { BoxError } from "../errors.ts";
import { errnoName } from "../linux/errno-name.ts";
import { signalName } from "../linux/signals.ts";
import type { Step } from "../tape/step.ts";
import type { HookEnd } from "./tape-failed.ts";

const CLD_EXITED = 1;

/** `refused`: it ran, and ended badly or too late; else it could not be run at all. */
export function hookFailed({ origin, why, expect }: Step, errno: number, hook: HookEnd, refused: boolean): BoxError {
  const path = why.replace(/^run the hook /, "");
  if (!refused) return new BoxError({ origin, what: `cannot ${why}`, errno: errnoName(errno), exitCode: 1 });
  const late = expect?.refused.startsWith("it took longer") === true;
  const said = hook.output.trim();
  return new BoxError({
    origin,
    what: `${path}: ${late ? expect?.refused : howEnded(hook.siginfo)} after ${tookMs(hook)} ms`,
    exitCode: 1,
    ...(said === "" ? {} : { hint: `it printed: ${said}` }),
  });
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
