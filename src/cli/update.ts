// box update: other limits for a container that lives, from flags or from a JSON document of the shape of linux.resources.

import { checkResources } from "../config/check-spec.ts";
import { checkContainerId } from "../config/container-id.ts";
import type { IntelRdt, Resources } from "../config/spec.ts";
import { BoxError } from "../errors.ts";
import { readGiven, readGivenDescriptor } from "../execute/files.ts";
import { updateContainer } from "../execute/update-container.ts";
import { errnoName } from "../linux/errno-name.ts";
import { type FlagRow, type Parsed, parseFlags } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { rootOfStates } from "./invocation.ts";
import { lenientFlag } from "./launch-flags.ts";
import { parseJson } from "./parse-json.ts";
import { resourceFlags, resourcesFromFlags } from "./resources-from-flags.ts";

export const flags: readonly FlagRow[] = [
  { name: "resources", short: "r", value: "FILE|-", help: "linux.resources as JSON, from a file or stdin; then no flag below counts" },
  ...resourceFlags,
  { name: "l3-cache-schema", value: "LINE", help: "share of the cache, such as L3:0=f;1=ff, for all of the container's class" },
  { name: "mem-bw-schema", value: "LINE", help: "share of memory bandwidth, such as MB:0=20;1=70, for all of its class" },
  lenientFlag,
  { name: "help", short: "h", help: "show this help" },
];

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const parsed = parseFlags(argv, flags, "update", true);
  if (parsed.switches.has("help")) return (await import("./help.ts")).printHelp("update");
  const [id, ...more] = parsed.rest;
  const hint = "box update [flags] ID";
  if (id === undefined) throw new BoxError({ what: "a container id is missing", hint });
  if (more.length > 0) throw new BoxError({ what: `update takes one container id, and here is ${JSON.stringify(more[0])} too`, hint });
  const resources = await resourcesOf(parsed);
  const notes = updateContainer(globals.root ?? rootOfStates(), checkContainerId(id), resources, schemaOf(parsed));
  for (const note of notes) console.error(`box: ${note}`);
  return 0;
}

/** Of Intel's resource director; what is empty asks for nothing. */
function schemaOf({ values }: Parsed): Pick<IntelRdt, "l3CacheSchema" | "memBwSchema"> {
  const { "l3-cache-schema": l3CacheSchema = "", "mem-bw-schema": memBwSchema = "" } = values;
  if (memBwSchema !== "" && (!memBwSchema.startsWith("MB:") || memBwSchema.includes("\n")))
    throw new BoxError({ origin: "--mem-bw-schema", what: `expected one line that begins with MB:, got ${JSON.stringify(memBwSchema)}` });
  return { ...(l3CacheSchema === "" ? {} : { l3CacheSchema }), ...(memBwSchema === "" ? {} : { memBwSchema }) };
}

async function resourcesOf(parsed: Parsed): Promise<Resources> {
  const from = parsed.values.resources ?? "";
  if (from === "") return checkResources(resourcesFromFlags(parsed));
  const text = from === "-" ? readGivenDescriptor(0, 1024 * 1024) : readGiven(from, 1024 * 1024);
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
