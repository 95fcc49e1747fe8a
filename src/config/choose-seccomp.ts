// The choice of a filter of system calls, as `seccomp` of a box.yaml and --seccomp of a command line give it.

import type { Machine } from "../linux/syscalls.ts";
import { fromClientProfile } from "./client-profile.ts";
import { defaultSeccomp } from "./default-seccomp.ts";

/**
 * linux.seccomp for a container with these capabilities: `default`, `unconfined` (undefined is given back), or what `readJson`
 * reads from the file of that name, which checkSpec has yet to see.
 */
export function chooseSeccomp(choice: string, granted: readonly string[], machine: Machine, readJson: (file: string) => unknown): unknown {
  if (choice === "unconfined") return undefined;
  if (choice === "default") return defaultSeccomp(granted, machine);
  return fromClientProfile(readJson(choice), machine, granted);
}
