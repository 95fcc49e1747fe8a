// Whether a profile lets certain system calls through, told from its rules alone.

import type { Seccomp } from "../config/spec.ts";

/** What init calls between its filter and the program: the last words with box, the wait, a failure's words, and capset. */
export const callsOfInit = ["read", "write", "close", "openat", "execve", "exit_group", "capset"] as const;

/** Whether each of the calls is allowed whatever its arguments. A rule that says anything else about one is a no. */
export function allows({ defaultAction, syscalls = [] }: Seccomp, calls: readonly string[]): boolean {
  for (const call of calls) {
    let allowed = isPass(defaultAction);
    for (const { names, action, args = [] } of syscalls) {
      if (!names.includes(call)) continue;
      if (!isPass(action)) return false;
      if (args.length === 0) allowed = true;
    }
    if (!allowed) return false;
  }
  return true;
}

const isPass = (action: string): boolean => action === "SCMP_ACT_ALLOW" || action === "SCMP_ACT_LOG";
