// box plugin: list, new and check, for people who use plugins and who write them.

import { BoxError } from "../errors.ts";
import { type FlagRow, parseFlags } from "./arguments.ts";
import type { Globals } from "./commands.ts";

export const flags: readonly FlagRow[] = [
  { name: "json", help: "print it as JSON (list and check)" },
  { name: "help", short: "h", help: "show this help" },
];

const usage = "box plugin list | new NAME [DIR] | check FILE[:OPTIONS]";

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const parsed = parseFlags(argv, flags, "plugin", true);
  if (parsed.switches.has("help")) return (await import("./help.ts")).printHelp("plugin");
  const [action, first, second, ...more] = parsed.rest;
  const json = parsed.switches.has("json");
  if (action === "list" && first === undefined) return (await import("./plugin-list.ts")).listPlugins(json, globals);
  if (action === "check" && first !== undefined && second === undefined)
    return (await import("./plugin-check.ts")).checkPlugin(first, json, globals);
  if (action === "new" && first !== undefined && more.length === 0)
    return (await import("./plugin-new.ts")).writePlugin(first, second ?? ".");
  throw new BoxError({ what: action === undefined ? "an action is missing" : `cannot ${argv.join(" ")}`, hint: usage });
}
