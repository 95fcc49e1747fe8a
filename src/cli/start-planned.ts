// A planned container is started, in place of the remains of another one where its id is taken by those.

import { BoxError } from "../errors.ts";
import { inWords, type Started } from "../execute/run-container.ts";
import { located } from "./located.ts";
import type { PlannedRun } from "./plan-run.ts";

/** Throws a BoxError in the words of the file that the container came from. */
export async function startPlanned(planned: PlannedRun): Promise<Started> {
  try {
    const started = await startOrReclaim(planned);
    if (planned.warnings.length > 0) await warn(planned);
    return started;
  } catch (error) {
    throw await asError(error, planned);
  }
}

export const asError = async (error: unknown, { program, locate }: PlannedRun): Promise<unknown> =>
  located(await inWords(error, program), await locate());

async function warn(planned: PlannedRun): Promise<void> {
  const { warnOf } = await import("./warn-of.ts");
  for (const warning of planned.warnings) warnOf(await asError(warning, planned));
}

async function startOrReclaim({ start, stateRoot, id, cgroups }: PlannedRun): Promise<Started> {
  for (;;) {
    try {
      return await start();
    } catch (error) {
      // What is filled once is not found empty again.
      if (mayLackCpus(error) && (await import("../execute/fill-cpusets.ts")).fillCpusets(cgroups)) continue;
      if (!isDuplicate(error)) throw error;
      // Throws when the container lives, so this goes round only while boxes of dead containers are in the way.
      await reclaimId(stateRoot, id);
    }
  }
}

async function reclaimId(stateRoot: string, id: string): Promise<void> {
  const { reclaim } = await import("../execute/reclaim.ts");
  await reclaim(stateRoot, id, async (state) => (await import("./poststop.ts")).poststop(state, stateRoot));
}

/** EAGAIN: another box holds the lock. */
const isDuplicate = (error: unknown): boolean =>
  error instanceof BoxError && error.facts.origin === "id" && (error.facts.errno === "EEXIST" || error.facts.errno === "EAGAIN");

/** A cgroup of cpuset that has no cpus takes no process (ENOSPC), and none below it takes cpus (EACCES). */
const mayLackCpus = (error: unknown): boolean =>
  error instanceof BoxError && error.facts.origin?.startsWith("linux.") === true && ["ENOSPC", "EACCES"].includes(error.facts.errno ?? "");
