// Actions of a profile as the kernel's return values: linux/seccomp.h, SECCOMP_RET_*. The lower 16 bits are data: an errno, or
// what a tracer gets.

import type { SeccompAction } from "../config/spec.ts";
import { errno } from "../linux/errno.ts";

const actions: Readonly<Record<SeccompAction, number>> = {
  SCMP_ACT_KILL: 0x00000000,
  SCMP_ACT_KILL_THREAD: 0x00000000,
  SCMP_ACT_KILL_PROCESS: 0x80000000,
  SCMP_ACT_TRAP: 0x00030000,
  SCMP_ACT_ERRNO: 0x00050000,
  SCMP_ACT_NOTIFY: 0x7fc00000,
  SCMP_ACT_TRACE: 0x7ff00000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_ALLOW: 0x7fff0000,
};

/** The action of a return value without its data; undefined where there is none. */
export const actionOf = (value: number): string | undefined =>
  // KILL is an older name for the one after it.
  Object.entries(actions).findLast(([, number]) => number === value)?.[0];

/** An errno counts for ERRNO and TRACE alone, and is EPERM when left out, as for runc. */
export function verdictOf(action: SeccompAction, errnoRet: number | undefined): number {
  const value = actions[action];
  return action === "SCMP_ACT_ERRNO" || action === "SCMP_ACT_TRACE" ? value + (errnoRet ?? errno.EPERM) : value;
}

/** For a call that the profile does not know. */
export const NO_SUCH_CALL = actions.SCMP_ACT_ERRNO + errno.ENOSYS;
/** For a call of an ABI that the profile does not list, as for libseccomp. */
export const WRONG_ABI = actions.SCMP_ACT_KILL;

/**
 * Whether calls that are newer than the profile get ENOSYS rather than its default, so that programs fall back to what they
 * did before (runc's rule): always, unless the default lets calls pass.
 */
export const hidesNewCalls = (action: SeccompAction): boolean =>
  action !== "SCMP_ACT_ALLOW" && action !== "SCMP_ACT_LOG" && action !== "SCMP_ACT_TRACE";
