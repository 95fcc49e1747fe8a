// box checkpoint: not there yet. It fails at once, also when it is asked for help: that is how podman finds out whether
// a runtime has checkpoints.

import { BoxError } from "../errors.ts";
import type { FlagRow } from "./arguments.ts";

export const flags: readonly FlagRow[] = [];

export function run(): never {
  throw new BoxError({ what: "checkpoint is not supported yet", exitCode: 1 });
}
