// box update: other limits for a container that lives, from flags or from a JSON document of the shape of linux.resources.

import { checkResources } from "../config/check-spec.ts";
import { checkContainerId } from "../config/container-id.ts";
import type { Resources } from "../config/spec.ts";
import { BoxError } from "../errors.ts";
import { readDescriptor, readText } from "../execute/files.ts";
import { updateContainer } from "../execute/update-container.ts";
import { errnoName } from "../linux/errno-name.ts";
import { type FlagRow, type Parsed, parseFlags } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { rootOfStates } from "./invocation.ts";
import { lenientFlag } from "./launch-flags.ts";
import { parseJson } from "./parse-json.ts";
import { resourceFlags, resourcesFromFlags } from "./resources-from-flags.ts";

/** Taken as runc takes them, and refused by name. */
const later = ["l3-cache-schema", "mem-bw-schema"] as const;

export const flags: readonly FlagRow[] = [
  { name: "resources", short: "r", value: "FILE|-", help: "linux.resources as JSON, from a file or stdin; then no flag below counts" },
  ...resourceFlags,
  lenientFlag,
  ...later.map((name) => ({ name, value: "SCHEMA", help: "not supported yet" })),
  { name: "help", short: "h", help: "show this help" },
];

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const parsed = parseFlags(argv, flags, "update", true);
  if (parsed.switches.has("help")) return (await import("./help.ts")).printHelp("update");
  const [id, ...more] = parsed.rest;
  const hint = "box update [flags] ID";
  if (id === undefined) throw new BoxError({ what: "a container id is missing", hint });
  if (more.length > 0) throw new BoxError({ what: `update takes one container id, and here is ${JSON.stringify(more[0])} too`, hint });
  for (const name of later) if ((parsed.values[name] ?? "") !== "") throw new BoxError({ origin: `--${name}`, what: "not supported yet" });
  const resources = await resourcesOf(parsed);
  const notes = updateContainer(globals.root ?? rootOfStates(), checkContainerId(id), resources);
  for (const note of notes) console.error(`box: ${note}`);
  return 0;
}

async function resourcesOf(parsed: Parsed): Promise<Resources> {
  const from = parsed.values.resources ?? "";
  if (from === "") return checkResources(resourcesFromFlags(parsed));
  const text = from === "-" ? readDescriptor(0, 1024 * 1024) : readText(from, 1024 * 1024);
  const name = from === "-" ? "stdin" : from;
  if (typeof text === "number") throw new BoxError({ origin: "--resources", what: "cannot read", object: name, errno: errnoName(-text) });
  try {
    return checkResources(parseJson(text, name));
  } catch (error) {
    const { value, ignored } = (await import("./read-again.ts")).readAgain(error, "resources", text, name, parsed);
    await (await import("./leniency.ts")).warnOfIgnored(ignored);
    return value;
  }
}
