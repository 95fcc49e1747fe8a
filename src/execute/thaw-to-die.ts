// The thaw without which a kill has no effect.

import { writeText } from "./write-text.ts";

/**
 * On v1 a frozen process dies of a SIGKILL only once it is thawed; on v2 it does at once. Whether this is a cgroup of the
 * freezer at all; a failure to thaw shows when the process lives on.
 */
export const thawToDie = (path: string): boolean => writeText(`${path}/freezer.state`, "THAWED") === 0;
