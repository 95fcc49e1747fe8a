// The process that is kept: it has loaded what commands need, says of itself what only it can say, and stops. It goes on in
// every box that begins there.

import { encodeFrontAddresses } from "../front/front-macro.ts" with { type: "macro" };
import { FRONT_DATA_ADDRESS } from "../front/layout.ts";
import { readText } from "./files.ts";
import { addressOf, callAddress, systemCall } from "./libc.ts";

const { mark } = encodeFrontAddresses();

const SIGNALS = 64;
export const ACTION_BYTES = 32;
export const STACK_T_BYTES = 24;
/** What it says: an action for each signal, and its stack for signals. */
export const REPORT_BYTES = SIGNALS * ACTION_BYTES + STACK_T_BYTES;
/** The descriptors that are open when it starts, so that Bun's own are above what callers hand on; the first takes the report. */
export const REPORT_FD = 3;
export const FILLED_TO = 63;

/** Returns true in a process that has begun here, with all of that process's own arguments and environment in place. */
export function waitToBeKept(): boolean {
  const report = new Uint8Array(REPORT_BYTES);
  for (let signal = 1; signal <= SIGNALS; signal++)
    systemCall("rt_sigaction", signal, 0, addressOf(report) + (signal - 1) * ACTION_BYTES, 8);
  systemCall("sigaltstack", 0, addressOf(report) + SIGNALS * ACTION_BYTES);
  systemCall("pwrite64", REPORT_FD, addressOf(report), report.length, 0);
  systemCall("close_range", REPORT_FD, FILLED_TO, 0);
  takeEnvironment();
  return callAddress(mark, FRONT_DATA_ADDRESS) === 1;
}

/** The command line of this process: the engine has kept that of the other one. */
export function ownArguments(): string[] {
  const text = readText("/proc/self/cmdline");
  return typeof text === "string" ? text.split("\0").slice(1, -1) : [];
}

/** The engine's own environment is that of the process that was kept, and slow to change: this one is read when it is asked for. */
function takeEnvironment(): void {
  let own: Record<string, string> | undefined;
  Object.defineProperty(process, "env", {
    get() {
      own ??= ownEnvironment();
      return own;
    },
  });
}

function ownEnvironment(): Record<string, string> {
  // Of nothing but variables: a name may be that of anything an object has.
  const environment: Record<string, string> = Object.create(null);
  const text = readText("/proc/self/environ");
  if (typeof text !== "string") return environment;
  for (const entry of text.split("\0")) {
    const at = entry.indexOf("=");
    if (at > 0) environment[entry.slice(0, at)] = entry.slice(at + 1);
  }
  return environment;
}
