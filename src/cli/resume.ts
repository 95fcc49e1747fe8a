// box resume: lets a paused container go on.

import { BoxError } from "../errors.ts";
import { thaw } from "../execute/freezer.ts";
import { liveStatus } from "../execute/live-status.ts";
import { lockState } from "../execute/lock-state.ts";
import { type FlagRow, parseFlags } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { oneContainer } from "./one-container.ts";

export const flags: readonly FlagRow[] = [{ name: "help", short: "h", help: "show this help" }];

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const parsed = parseFlags(argv, flags, "resume");
  if (parsed.switches.has("help")) return (await import("./help.ts")).printHelp("resume");
  const container = oneContainer(parsed.rest, globals, "resume ID");
  lockState(container.folder);
  const status = liveStatus(container);
  if (status !== "paused") throw new BoxError({ what: `container not paused: ${container.state.id} is ${status}`, exitCode: 1 });
  thaw(container.state);
  return 0;
}
