// box features: what this build can do, as the runtime-spec's Features structure.

import { featuresOf, type SeccompFlag } from "../config/features.ts";
import { BoxError } from "../errors.ts";
import { systemCall } from "../execute/libc.ts";
import { writeLine } from "../execute/write-line.ts";
import { errno } from "../linux/errno.ts";
import { flags as numbers } from "../linux/flags.ts";
import { type FlagRow, parseFlags } from "./arguments.ts";
import { buildFacts } from "./version.ts";

export const flags: readonly FlagRow[] = [{ name: "help", short: "h", help: "show this help" }];

export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parseFlags(argv, flags, "features", true);
  if (parsed.switches.has("help")) return (await import("./help.ts")).printHelp("features");
  if (parsed.rest.length > 0) throw new BoxError({ what: "features takes no argument", exitCode: 1 });
  writeLine(JSON.stringify(featuresOf(buildFacts(), kernelTakes), null, 4));
  return 0;
}

const { SECCOMP_SET_MODE_FILTER } = numbers.SECCOMP;
const NEW_LISTENER = numbers.SECCOMP_FILTER.SECCOMP_FILTER_FLAG_NEW_LISTENER;
const TSYNC_ESRCH = numbers.SECCOMP_FILTER.SECCOMP_FILTER_FLAG_TSYNC_ESRCH;

/** Flags are looked at before the filter, and there is none (EFAULT). One goes with a listener, which TSYNC does not like by itself. */
function kernelTakes(flag: SeccompFlag): boolean {
  const flagged = numbers.SECCOMP_FILTER[flag] | NEW_LISTENER | (flag === "SECCOMP_FILTER_FLAG_TSYNC" ? TSYNC_ESRCH : 0);
  return systemCall("seccomp", SECCOMP_SET_MODE_FILTER, flagged, 0) !== -errno.EINVAL;
}
