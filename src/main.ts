// argv in, exit code out: the only process.exit and the only last catch. Everything else is imported by the command
// that needs it, since every module loaded is time before the container.

import { parseFlags } from "./cli/arguments.ts";
import { type Command, commandNamed, failureOf, globalFlags } from "./cli/commands.ts";
import { readGlobals, withWholeRoot } from "./cli/globals.ts";
import { BoxError } from "./errors.ts";
import { currentLog } from "./log.ts";

let command: Command | undefined;

async function main(argv: readonly string[]): Promise<number> {
  const parsed = parseFlags(argv, globalFlags, "");
  if (parsed.switches.has("version")) return (await import("./cli/version.ts")).printVersion();
  const globals = readGlobals(parsed);
  const [name, ...rest] = parsed.rest;
  if (name === undefined || parsed.switches.has("help") || name === "help") return (await import("./cli/help.ts")).printHelp(rest[0]);
  command = commandNamed(name);
  const { run } = await command.load();
  return await run(rest, await withWholeRoot(globals));
}

try {
  process.exit(await main(Bun.argv.slice(2)));
} catch (error) {
  if (!(error instanceof BoxError)) throw error;
  const { reportError } = await import("./cli/report-error.ts");
  reportError(error);
  if (currentLog().level === "debug") {
    for (const call of error.facts.flight ?? []) console.error(`before: ${call}`);
    if (error.cause instanceof Error) console.error(error.cause.stack);
  }
  process.exit(error.facts.exitCode ?? failureOf(command));
}
