// argv in, exit code out: the only process.exit and the only last catch. Everything else is imported by the command
// that needs it, since every module loaded is time before the container.

import { parseFlags } from "./cli/arguments.ts";
import { commandNamed, globalFlags } from "./cli/commands.ts";
import { BoxError } from "./errors.ts";

async function main(argv: readonly string[]): Promise<number> {
  const parsed = parseFlags(argv, globalFlags, "");
  if (parsed.switches.has("version")) return (await import("./cli/version.ts")).printVersion();
  const [name, ...rest] = parsed.rest;
  if (name === undefined || parsed.switches.has("help") || name === "help") return (await import("./cli/help.ts")).printHelp(rest[0]);
  const { run } = await commandNamed(name).load();
  return await run(rest, { root: parsed.values.root, debug: parsed.switches.has("debug") });
}

try {
  process.exit(await main(Bun.argv.slice(2)));
} catch (error) {
  if (!(error instanceof BoxError)) throw error;
  const { errorLines } = await import("./cli/report-error.ts");
  for (const line of errorLines(error)) console.error(line);
  if (Bun.argv.includes("--debug")) {
    for (const call of error.facts.flight ?? []) console.error(`before: ${call}`);
    if (error.cause instanceof Error) console.error(error.cause.stack);
  }
  process.exit(error.exitCode);
}
