// From a failed step to an error that names it: what it was for, where it came from, the call, the errno. Loaded only
// when something has failed.

import { BoxError, exitCodes } from "../errors.ts";
import { errnoName } from "../linux/errno-name.ts";
import { printArg, printStep, quote } from "../tape/print.ts";
import type { AnyArg, Step } from "../tape/step.ts";
import { hintFor } from "./hints.ts";
import type { Failed } from "./step-at.ts";

/** Without where the result would have gone: there is none. An environment stays out of logs: it may hold secrets. */
function printCall(step: Step, program?: string): string {
  const printed = printStep({ ...step, out: undefined });
  if (step.call !== "execve") return printed;
  const [path, args, env] = step.args;
  // The path is in a slot: which of PATH's folders the program is in was found out by the child.
  const shown = typeof path === "string" ? path : (program ?? (args as readonly string[])[0]);
  return `execve(${quote(String(shown))}, ${printArg(args as AnyArg, "argv")}, ${(env as readonly string[]).length} variables)`;
}

export function blame({ step, errno, explanation, before, refused, program }: Failed): BoxError {
  const name = errnoName(errno);
  const flight = before.map((one) => printCall(one));
  if (refused && step.expect !== undefined)
    return new BoxError({ what: `cannot ${step.why}: ${step.expect.refused}`, origin: step.origin, flight });
  if (step.failed === "search" && name === "ENOENT")
    return new BoxError({
      what: `cannot ${step.why}: executable file not found in $PATH`,
      origin: step.origin,
      exitCode: exitCodes.notFound,
      flight,
    });
  const hint = hintFor(step, name, explanation);
  return new BoxError({
    what: `cannot ${step.why}`,
    origin: step.origin,
    errno: name,
    flight,
    ...(step.call === "compute" ? {} : { call: printCall(step, program) }),
    ...(hint === undefined ? {} : { hint }),
    ...(step.failed === "execute" || step.failed === "search"
      ? { exitCode: name === "ENOENT" ? exitCodes.notFound : exitCodes.cannotExecute }
      : {}),
  });
}
