// box restore: not there yet, as there are no checkpoints.

import { BoxError } from "../errors.ts";
import type { FlagRow } from "./arguments.ts";

export const flags: readonly FlagRow[] = [];

export function run(): never {
  throw new BoxError({ what: "restore is not supported yet", exitCode: 1 });
}
