// argv in, exit code out: the only process.exit and the only last catch. Everything else is imported by the command
// that needs it, since every module loaded is time before the container.

import { parseFlags } from "./cli/arguments.ts";
import { type Command, commandNamed, failureOf, globalFlags } from "./cli/commands.ts";
import { readGlobals, withWholeRoot } from "./cli/globals.ts";
import { BoxError } from "./errors.ts";
import { KEPT_COMMAND } from "./front/kept-command.ts";
import { currentLog } from "./log.ts";

declare const BOX_FRONTED: boolean | undefined;
/** Whether this executable has the front (src/front). */
const isFronted = typeof BOX_FRONTED === "boolean" && BOX_FRONTED;

let command: Command | undefined;
/** Whether this process has begun by itself, and not where another was kept. */
let begunPlainly = true;

async function main(argv: readonly string[]): Promise<number> {
  const parsed = parseFlags(argv, globalFlags, "");
  if (parsed.switches.has("version")) return (await import("./cli/version.ts")).printVersion();
  const globals = readGlobals(parsed);
  const [name, ...rest] = parsed.rest;
  if (name === undefined || parsed.switches.has("help") || name === "help") return (await import("./cli/help.ts")).printHelp(rest[0]);
  command = commandNamed(name);
  // First of all: for more modules the engine makes threads, and one that blocks nothing takes what box is to wait with.
  if (begunPlainly && command.holdsSignals === true) (await import("./execute/libc.ts")).blockSignals();
  const { run } = await command.load();
  if (isFronted && begunPlainly && command.keepsStart === true) await (await import("./execute/consider-keeping.ts")).considerKeeping();
  return await run(rest, await withWholeRoot(globals));
}

/** This process's command line: the engine of a kept start has that of the process that was kept. */
async function argumentsOf(): Promise<readonly string[]> {
  const argv = Bun.argv.slice(2);
  if (!isFronted || argv[0] !== KEPT_COMMAND) return argv;
  const own = await (await import("./cli/become-kept.ts")).becomeKept(Number(argv[1]));
  begunPlainly = own === undefined;
  return own ?? argv;
}

try {
  process.exit(await main(await argumentsOf()));
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
