// process.oomScoreAdj: how much sooner, or later, the container's processes are killed when memory is short. Written by
// the first process that comes from box, since a process passes its own on to what it makes, and before it enters anything.

import type { Process } from "../config/spec.ts";
import type { Step } from "../tape/step.ts";
import type { Building } from "./builder.ts";
import { writeOwnFile } from "./procfs.ts";

/** Lower than it is needs CAP_SYS_RESOURCE (EACCES without), the value that is there does not (proc(5)). */
export function adjustOomScore(building: Building, process: Process): Step[] {
  const score = process.oomScoreAdj;
  if (score === undefined) return [];
  return writeOwnFile(building, "oom_score_adj", `${score}`, "process.oomScoreAdj", `set the adjustment of the OOM score to ${score}`);
}
