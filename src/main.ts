// argv in, exit code out: the only process.exit and the only last catch. Everything else is imported by the command
// that needs it, since every module loaded is time before the container.

import { failureOf } from "./cli/commands.ts";
import { currentCommand, dispatch, isFronted } from "./cli/dispatch.ts";
import { BoxError } from "./errors.ts";
import { KEPT_COMMAND } from "./front/kept-command.ts";
import { currentLog } from "./log.ts";

/** Whether this process has begun by itself, and not where another was kept. */
let begunPlainly = true;

/** This process's command line: the engine of a kept start has that of the process that was kept. */
async function argumentsOf(): Promise<readonly string[]> {
  const argv = Bun.argv.slice(2);
  if (!isFronted || argv[0] !== KEPT_COMMAND) return argv;
  const own = await (await import("./cli/become-kept.ts")).becomeKept(Number(argv[1]));
  begunPlainly = own === undefined;
  return own ?? argv;
}

try {
  const argv = await argumentsOf();
  process.exit(await dispatch(argv, begunPlainly));
} catch (error) {
  if (!(error instanceof BoxError)) throw error;
  const { reportError } = await import("./cli/report-error.ts");
  reportError(error);
  if (currentLog().level === "debug") {
    for (const call of error.facts.flight ?? []) console.error(`before: ${call}`);
    if (error.cause instanceof Error) console.error(error.cause.stack);
  }
  process.exit(error.facts.exitCode ?? failureOf(currentCommand()));
}
