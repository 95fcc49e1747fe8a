// box state: what a container is doing, as JSON in runc's shape.

import { BoxError } from "../errors.ts";
import { writeLine } from "../execute/write-line.ts";
import { type FlagRow, parseFlags } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { rootOfStates } from "./invocation.ts";
import { namedContainer } from "./named-container.ts";
import { shownState } from "./shown-state.ts";

export const flags: readonly FlagRow[] = [{ name: "help", short: "h", help: "show this help" }];

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const parsed = parseFlags(argv, flags, "state", true);
  if (parsed.switches.has("help")) return (await import("./help.ts")).printHelp("state");
  const [id] = parsed.rest;
  if (id === undefined || parsed.rest.length > 1) throw new BoxError({ what: "expected one container id", hint: "box state ID" });
  const { folder, state } = namedContainer(globals.root ?? rootOfStates(), id);
  writeLine(JSON.stringify(await shownState(folder, state), null, 2));
  return 0;
}
