// box features: what this build can do, as the runtime-spec's Features structure.

import { featuresOf } from "../config/features.ts";
import { BoxError } from "../errors.ts";
import { writeLine } from "../execute/write-line.ts";
import { type FlagRow, parseFlags } from "./arguments.ts";
import { buildFacts } from "./version.ts";

export const flags: readonly FlagRow[] = [{ name: "help", short: "h", help: "show this help" }];

export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parseFlags(argv, flags, "features", true);
  if (parsed.switches.has("help")) return (await import("./help.ts")).printHelp("features");
  if (parsed.rest.length > 0) throw new BoxError({ what: "features takes no argument", exitCode: 1 });
  writeLine(JSON.stringify(featuresOf(buildFacts()), null, 4));
  return 0;
}
