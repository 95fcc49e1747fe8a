// argv in, exit code out: the only exit and the only last catch. Everything else is imported by the command
// that needs it, since every module loaded is time before the container.

import { failureOf } from "./cli/commands.ts";
import { currentCommand, dispatch } from "./cli/dispatch.ts";
import { BoxError } from "./errors.ts";
import { isFronted } from "./front/is-fronted.ts";
import { KEPT_COMMAND } from "./front/kept-command.ts";
import { currentLog } from "./log.ts";

type Begun = {
  readonly argv: readonly string[];
  /** Whether this process has begun by itself, and not where another was kept. */
  readonly plainly: boolean;
  readonly exit: (code: number) => void;
};

/** The engine of a kept start has the command line of the process that was kept. */
async function begin(): Promise<Begun> {
  const argv = Bun.argv.slice(2);
  const plain: Begun = { argv, plainly: true, exit: process.exit };
  if (!isFronted || argv[0] !== KEPT_COMMAND) return plain;
  const kept = await (await import("./cli/become-kept.ts")).becomeKept(Number(argv[1]));
  return kept === undefined ? plain : { ...kept, plainly: false };
}

try {
  const { argv, plainly, exit } = await begin();
  exit(await dispatch(argv, plainly));
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
