// A hook that failed, in words: which one, how it ended and after how long, and what it said.

import { BoxError } from "../errors.ts";
import { errnoName } from "../linux/errno-name.ts";
import { signalName } from "../linux/signals.ts";
import type { Step } from "../tape/step.ts";
import { addressOf, systemCall } from "./libc.ts";
import type { HookEnd } from "./tape-failed.ts";

const CLD_EXITED = 1;
/** As much as helps: a hook may print without end. */
const OUTPUT_BYTES_MAX = 4096;

/** `refused`: it ran, and ended badly or too late; else it could not be run at all. */
export function hookFailed({ origin, why, expect }: Step, errno: number, hook: HookEnd, refused: boolean): BoxError {
  const path = why.replace(/^run the hook /, "");
  if (!refused) return new BoxError({ origin, what: `cannot ${why}`, errno: errnoName(errno), exitCode: 1 });
  const late = expect?.refused.startsWith("it took longer") === true;
  const said = readOutput(hook.output).trim();
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

function readOutput(fd: number): string {
  if (fd < 0) return "";
  const bytes = new Uint8Array(OUTPUT_BYTES_MAX);
  const got = systemCall("pread64", fd, addressOf(bytes), bytes.length, 0);
  return got <= 0 ? "" : new TextDecoder().decode(bytes.subarray(0, got));
}
