// Which command lines go on from a kept start, and which begin anew without it.

import { parseFlags } from "./arguments.ts";
import { globalFlags } from "./commands.ts";
import { isHostConfigured } from "./invocation.ts";

/** The commands that go on from a kept start, as long as there is no plugin (begin-plainly.ts). Others never do. */
export const keptCommands = ["run", "create", "start", "exec", "state", "list", "kill", "delete", "pause", "resume", "update"];

/** Those that the host's plugins have a say in. */
const asksHost = ["run", "create", "exec"];

export function staysKept(argv: readonly string[]): boolean {
  try {
    const [name, ...rest] = parseFlags(argv, globalFlags, "").rest;
    if (name === undefined) return true;
    // Known now, a plugin saves what would be done twice (begin-plainly.ts). One that a bundle names is found later.
    const loadsPlugins = rest.some((word) => word.startsWith("--plugin")) || (asksHost.includes(name) && isHostConfigured());
    return keptCommands.includes(name) && !loadsPlugins;
  } catch {
    // What is wrong with it is told by whoever reads it next.
    return true;
  }
}
