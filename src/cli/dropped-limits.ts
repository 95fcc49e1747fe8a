// Limits on resources that this user's cgroups cannot have. A start goes on without them and says so, unless --require-limits
// was given.

import { someOf } from "../config/faults.ts";
import { BoxError } from "../errors.ts";
import type { Plan } from "../plan/plan.ts";
import type { Parsed } from "./arguments.ts";
import { located } from "./located.ts";

/** Throws a BoxError with all that would be left out, where none may be. */
export function checkDropped({ limits }: Pick<Plan, "limits">, { switches }: Parsed, locate: Parameters<typeof located>[1]): void {
  if (limits === undefined || limits.dropped.length === 0 || !switches.has("require-limits")) return;
  throw located(new BoxError({ what: "the configuration cannot be had on this host", faults: someOf(limits.dropped) }), locate);
}

/** One warning for each. */
export function droppedWarnings({ limits }: Pick<Plan, "limits">): BoxError[] {
  const warnings: BoxError[] = [];
  for (const { path, problem } of limits?.dropped ?? [])
    warnings.push(new BoxError({ origin: path, what: `there is no such limit: it ${problem}` }));
  return warnings;
}
