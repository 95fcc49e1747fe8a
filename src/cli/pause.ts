// box pause: stops all processes of a container where they are, by its cgroup's freezer.

import { BoxError } from "../errors.ts";
import { freeze } from "../execute/freezer.ts";
import { liveStatus } from "../execute/live-status.ts";
import { lockState } from "../execute/lock-state.ts";
import { type FlagRow, parseFlags } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { oneContainer } from "./one-container.ts";

export const flags: readonly FlagRow[] = [{ name: "help", short: "h", help: "show this help" }];

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const parsed = parseFlags(argv, flags, "pause");
  if (parsed.switches.has("help")) return (await import("./help.ts")).printHelp("pause");
  const container = oneContainer(parsed.rest, globals, "pause ID");
  lockState(container.folder);
  const status = liveStatus(container);
  if (status !== "running" && status !== "created")
    throw new BoxError({ what: `container not running: ${container.state.id} is ${status}`, exitCode: 1 });
  freeze(container.state);
  return 0;
}
