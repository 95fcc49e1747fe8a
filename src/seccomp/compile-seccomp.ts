// linux.seccomp as the kernel takes it: a program of classic BPF and flags for seccomp(2). Loaded only for a configuration
// that has a profile. Its instructions are made in write-filter.ts from what answers.ts makes of the rules; the plan loads them.

import { show } from "../config/faults.ts";
import type { Seccomp, SeccompAction, SeccompRule } from "../config/spec.ts";
import { BoxError } from "../errors.ts";
import type { Flag } from "../linux/flags.ts";
import type { Machine } from "../linux/syscalls.ts";
import { readAbis } from "./abis.ts";
import { readAnswers } from "./answers.ts";
import { readPackedNumbers } from "./numbers.ts";
import type { Remarks } from "./remarks.ts";
import { writeFilter } from "./write-filter.ts";

export type CompiledSeccomp = {
  /** struct sock_filter[], at most 4096 of them. */
  readonly filter: Uint8Array;
  /** SECCOMP_FILTER_FLAG_* for seccomp(SECCOMP_SET_MODE_FILTER); with a listener, NEW_LISTENER is among them. */
  readonly flags: readonly Flag<"SECCOMP_FILTER">[];
  /** What the profile says and the filter cannot: a sentence each. */
  readonly notes: readonly string[];
  /** Loading the filter makes a descriptor for an agent, its listener: a rule has SCMP_ACT_NOTIFY. */
  readonly listens: boolean;
};

/** Throws a BoxError with all that is wrong in a profile that has the right shape (src/config/check-spec.ts). */
export function compileSeccomp(seccomp: Seccomp, machine: Machine, numbers = readPackedNumbers(machine)): CompiledSeccomp {
  const remarks: Remarks = { notes: [], faults: [] };
  const abis = readAbis(seccomp.architectures ?? [], machine, remarks);
  const listens = checkListener(seccomp, remarks);
  checkErrnos(seccomp, remarks);
  const flags = readFlags(seccomp.flags, listens, remarks);
  const answers = readAnswers(seccomp, abis, numbers, remarks);
  if (remarks.faults.length > 0) throw new BoxError({ what: "the configuration is not valid", faults: remarks.faults });
  return { filter: writeFilter(answers, seccomp), flags, notes: remarks.notes, listens };
}

const NOTIFY = "SCMP_ACT_NOTIFY";

/**
 * Whether the filter asks an agent. It may about any call, as the agent is told before init makes one under the filter
 * (src/plan/agent.ts).
 */
function checkListener({ defaultAction, syscalls = [], listenerPath, listenerMetadata }: Seccomp, to: Remarks): boolean {
  let listens = defaultAction === NOTIFY;
  for (let rule = 0; rule < syscalls.length; rule++) if (syscalls[rule]?.action === NOTIFY) listens = true;
  const path = "linux.seccomp.listenerPath";
  if (listenerPath === undefined) {
    if (listens) to.faults.push({ path, problem: `is missing: ${NOTIFY} needs the socket of an agent` });
    if (listenerMetadata !== undefined)
      to.faults.push({ path: "linux.seccomp.listenerMetadata", problem: "is for an agent, and there is no linux.seccomp.listenerPath" });
  } else if (!listens) to.notes.push(`${path} does not apply: no rule has ${NOTIFY}.`);
  else if (new TextEncoder().encode(listenerPath).length > SOCKET_PATH_MAX)
    to.faults.push({ path, expected: `a path of at most ${SOCKET_PATH_MAX} bytes, as sockets have`, got: show(listenerPath) });
  return listens;
}

/** sun_path of 108 bytes, with its end (unix(7)). */
const SOCKET_PATH_MAX = 107;

/** Data of SECCOMP_RET_ERRNO above this is taken for it (linux/err.h, MAX_ERRNO). */
const ERRNO_MAX = 4095;

/** The spec has an errno refused where the action knows none. */
function checkErrno(action: SeccompAction, errnoRet: number | undefined, path: string, to: Remarks): void {
  if (errnoRet === undefined) return;
  if (action !== "SCMP_ACT_ERRNO" && action !== "SCMP_ACT_TRACE")
    to.faults.push({ path, problem: `is not for ${action}, which returns no errno` });
  else if (action === "SCMP_ACT_ERRNO" && errnoRet > ERRNO_MAX)
    to.faults.push({ path, expected: `an errno up to ${ERRNO_MAX}`, got: show(errnoRet) });
}

function checkErrnos({ defaultAction, defaultErrnoRet, syscalls = [] }: Seccomp, to: Remarks): void {
  checkErrno(defaultAction, defaultErrnoRet, "linux.seccomp.defaultErrnoRet", to);
  for (let rule = 0; rule < syscalls.length; rule++) {
    const { action, errnoRet } = syscalls[rule] as SeccompRule;
    if (errnoRet !== undefined) checkErrno(action, errnoRet, `linux.seccomp.syscalls[${rule}].errnoRet`, to);
  }
}

const LISTENER = "SECCOMP_FILTER_FLAG_NEW_LISTENER";
const KILLABLE = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV";
const SPEC_ALLOW = "SECCOMP_FILTER_FLAG_SPEC_ALLOW";
const LOG = "SECCOMP_FILTER_FLAG_LOG";
const TSYNC = "SECCOMP_FILTER_FLAG_TSYNC";

/** Without a list, runc's default: a filter does not turn on mitigations of speculative execution that cost speed. */
function readFlags(given: readonly string[] | undefined, listens: boolean, to: Remarks): Flag<"SECCOMP_FILTER">[] {
  const flags: Flag<"SECCOMP_FILTER">[] = given === undefined ? [SPEC_ALLOW] : [];
  for (let at = 0; at < (given ?? []).length; at++) {
    const flag = given?.[at] as string;
    const path = `linux.seccomp.flags[${at}]`;
    if (flag === KILLABLE && !listens)
      // The kernel refuses it without a listener.
      to.notes.push(`${path}: ${flag} is left out: no rule has ${NOTIFY}.`);
    else if (flag === KILLABLE || flag === SPEC_ALLOW || flag === LOG) {
      if (!flags.includes(flag)) flags.push(flag);
    } else if (flag !== TSYNC)
      // There is one thread that could be told of the filter, which TSYNC is for.
      to.faults.push({ path, expected: `a flag for a filter, such as ${LOG}`, got: show(flag) });
  }
  if (listens) flags.push(LISTENER);
  return flags;
}
