// Which command lines go on from a kept start, and which begin anew without it.

import { parseFlags } from "./arguments.ts";
import { globalFlags } from "./commands.ts";

/** The commands that go on from a kept start, as long as no plugin asks for a plain one (load-plugins.ts). Others never do. */
export const keptCommands = ["run", "create", "start", "exec", "state", "list", "kill", "delete", "pause", "resume", "update"];

export function staysKept(argv: readonly string[]): boolean {
  try {
    const [name] = parseFlags(argv, globalFlags, "").rest;
    return name === undefined || keptCommands.includes(name);
  } catch {
    // What is wrong with it is told by whoever reads it next.
    return true;
  }
}
