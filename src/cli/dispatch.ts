// From a command line to the command that it names, and that command's exit code.

import { isFronted } from "../front/is-fronted.ts";
import { parseFlags } from "./arguments.ts";
import { type Command, commandNamed, globalFlags, loadCommand } from "./commands.ts";
import { readGlobals, withWholeRoot } from "./globals.ts";

let current: Command | undefined;

/** The command that this process has been told to run, once that is known. */
export const currentCommand = (): Command | undefined => current;

/** `begunPlainly`: whether this process has begun by itself, and not where another was kept. Throws a BoxError. */
export async function dispatch(argv: readonly string[], begunPlainly: boolean): Promise<number> {
  // A process that goes on from a kept start has run others.
  current = undefined;
  const parsed = parseFlags(argv, globalFlags, "");
  if (parsed.switches.has("version")) return (await import("./version.ts")).printVersion();
  const globals = readGlobals(parsed);
  const [name, ...rest] = parsed.rest;
  if (name === undefined || parsed.switches.has("help") || name === "help") return (await import("./help.ts")).printHelp(rest[0]);
  const command = commandNamed(name);
  current = command;
  // First of all: for more modules the engine makes threads, and one that blocks nothing takes what box is to wait with.
  if (begunPlainly && command.holdsSignals === true) (await import("../execute/libc.ts")).blockSignals();
  const { run } = await loadCommand(name);
  if (isFronted && begunPlainly && command.keepsStart === true) await (await import("../execute/consider-keeping.ts")).considerKeeping();
  return await run(rest, await withWholeRoot(globals));
}
