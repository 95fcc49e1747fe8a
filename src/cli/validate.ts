// box validate: reads a configuration as run does, and says all that is wrong with it at once. Needs no privilege, asks nothing
// of the kernel, and changes nothing. What a box.yaml names (users of its root, devices, other containers) is looked up.

import { dropUnknown } from "../config/drop-unknown.ts";
import { someOf } from "../config/faults.ts";
import { specRule } from "../config/spec-rules.ts";
import { BoxError, type ConfigFault } from "../errors.ts";
import { machine } from "../execute/libc.ts";
import { writeLine } from "../execute/write-line.ts";
import { faultsIn } from "../plan/faults-in.ts";
import { type FlagRow, type Parsed, parseFlags } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { absolute, folderOf, rootOfStates } from "./invocation.ts";
import { lenientFlag } from "./launch-flags.ts";
import { isLenient, warnOfIgnored } from "./leniency.ts";
import { type Description, readDescription } from "./load-container.ts";
import { parsedWithPlace, placed } from "./read-again.ts";

export const flags: readonly FlagRow[] = [
  { name: "bundle", short: "b", value: "DIR", help: "folder with config.json or box.yaml (default: the current one)" },
  { name: "file", short: "f", value: "FILE", help: "a box.yaml of any name, or a config.json whose name ends in .json" },
  lenientFlag,
  { name: "help", short: "h", help: "show this help; it ends with 0 and a line `FILE is valid`, or with 1 and a line for each fault" },
];

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const parsed = parseFlags(argv, flags, "validate", true);
  if (parsed.switches.has("help")) return (await import("./help.ts")).printHelp("validate");
  const [more] = parsed.rest;
  if (more !== undefined)
    throw new BoxError({ what: `validate takes no ${JSON.stringify(more)}`, hint: "box validate [--bundle DIR | --file FILE]" });
  const { file } = parsed.values;
  const bundle = file === undefined ? absolute(parsed.values.bundle ?? ".") : folderOf(file, parsed);
  const description = readDescription(parsed, bundle);
  const { ignored, faults } =
    description.format === "json" ? ofJson(description, parsed) : await ofYaml(description, bundle, parsed, globals);
  await warnOfIgnored(ignored);
  if (faults.length > 0) throw new BoxError({ what: `${description.name} is not valid`, faults });
  writeLine(`${description.name} is valid`);
  return 0;
}

/** Both with their places in the file. */
type Found = { readonly ignored: readonly ConfigFault[]; readonly faults: readonly ConfigFault[] };

function ofJson({ text, name }: Description, parsed: Parsed): Found {
  const value = parsedWithPlace(text, name);
  const ignored = isLenient(parsed) ? someOf(dropUnknown(specRule, value)) : [];
  return { ignored: placed(ignored, text, name), faults: placed(faultsIn(value, machine), text, name) };
}

/** What the file itself gets wrong is thrown by its reader, all of it; the rest is about the configuration that it becomes. */
async function ofYaml({ text, name }: Description, folder: string, parsed: Parsed, globals: Globals): Promise<Found> {
  const { loadYaml } = await import("./load-yaml.ts");
  const source = { text, name, folder, lenient: isLenient(parsed) };
  const { spec, ignored, locate } = loadYaml(source, "box", globals.root ?? rootOfStates());
  return { ignored, faults: faultsIn(spec, machine).map((fault) => ({ ...fault, path: locate(fault.path) })) };
}
