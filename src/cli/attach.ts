// box attach: to a container that runs in the background.

import { type FlagRow, parseFlags } from "./arguments.ts";
import type { Globals } from "./commands.ts";

export const flags: readonly FlagRow[] = [
  { name: "no-stdin", help: "only watch" },
  { name: "sig-proxy", value: "true|false", help: "pass signals on to the container where it has no terminal (default true)" },
  { name: "help", short: "h", help: "show this help" },
];

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const parsed = parseFlags(argv, flags, "attach", true);
  if (parsed.switches.has("help")) return (await import("./help.ts")).printHelp("attach");
  return (await import("./attach-container.ts")).attachContainer(parsed, globals);
}
