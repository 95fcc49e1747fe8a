// Errors in the words of the file that a person wrote: `linux.resources.pids` becomes `box.yaml:3:10: limits.pids`.

import { BoxError } from "../errors.ts";

type Locate = ((origin: string) => string) | undefined;

/** What the action returns; what it throws is told so. */
export function locating<T>(locate: Locate, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw located(error, locate);
  }
}

/** As it is without `locate`, which a config.json has no need of. */
export function located(error: unknown, locate: Locate): unknown {
  if (!(error instanceof BoxError) || locate === undefined) return error;
  const { origin, faults } = error.facts;
  if (origin === undefined && faults === undefined) return error;
  const facts = {
    ...error.facts,
    ...(origin === undefined ? {} : { origin: locate(origin) }),
    ...(faults === undefined ? {} : { faults: faults.map((fault) => ({ ...fault, path: locate(fault.path) })) }),
  };
  return new BoxError(facts, { cause: error.cause });
}
