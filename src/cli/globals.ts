// The flags in front of the command, checked. What they mean for messages is set at once, so that whatever fails
// afterwards is told where the caller looks.

import { BoxError } from "../errors.ts";
import { type Log, setLog } from "../log.ts";
import type { Parsed } from "./arguments.ts";
import type { Globals } from "./commands.ts";

export function readGlobals({ values, switches, rest: [command] }: Parsed): Globals {
  const format = oneOf("log-format", values["log-format"], ["text", "json"] as const);
  const level = oneOf("log-level", values["log-level"], ["warning", "error", "debug"] as const);
  const debug = level === "debug" || switches.has("debug");
  // An empty name is none, as with runc.
  const log: Log = { file: values.log === "" ? undefined : values.log, format, level: debug ? "debug" : level };
  setLog(log);
  oneOf("rootless", values.rootless, ["auto", "true", "false"] as const);
  const cgroupManager = oneOf("cgroup-manager", values["cgroup-manager"], ["cgroupfs", "disabled", "systemd"] as const);
  // Other commands find a container's cgroups in its state, whatever its caller says of them.
  if (command === "run" || command === "create") {
    if (switches.has("systemd-cgroup")) throw notYet("--systemd-cgroup", "box makes cgroups itself: leave it out");
    if (cgroupManager === "systemd") throw notYet("--cgroup-manager systemd", "box makes cgroups itself: --cgroup-manager cgroupfs");
  }
  return { root: values.root, debug, cgroupManager };
}

/** The folder of all states by its whole path: state and mounts name it. Rarely needed, so what it takes is loaded late. */
export async function withWholeRoot(globals: Globals): Promise<Globals> {
  if (globals.root === undefined || globals.root.startsWith("/")) return globals;
  const { wholeRoot } = await import("./whole-root.ts");
  return { ...globals, root: wholeRoot(globals.root) };
}

const notYet = (origin: string, hint: string): BoxError => new BoxError({ origin, what: "not supported yet", hint });

/** The first of `allowed` when the flag is not given or is empty; throws a BoxError when it is something else. */
function oneOf<const T extends string>(name: string, given: string | undefined, allowed: readonly T[]): T {
  if (given === undefined || given === "") return allowed[0] as T;
  for (const one of allowed) if (one === given) return one;
  throw new BoxError({ origin: `--${name}`, what: `expected ${allowed.join(", ")}, got ${JSON.stringify(given)}` });
}
