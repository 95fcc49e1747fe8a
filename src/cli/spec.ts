// box spec: writes a config.json to begin with, as runc spec does; or prints what a box.yaml expands to, the box.yaml of a
// config.json, or the JSON Schema of box.yaml.

import { existsSync, writeFileSync } from "node:fs";
import { defaultSpec } from "../config/default-spec.ts";
import { BoxError } from "../errors.ts";
import { hostReader } from "../execute/files.ts";
import { writeLine } from "../execute/write-line.ts";
import { readCgroups } from "../host/read-facts.ts";
import { type FlagRow, type Parsed, parseFlags } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { absolute } from "./invocation.ts";
import { lenientFlag } from "./launch-flags.ts";

export const flags: readonly FlagRow[] = [
  {
    name: "bundle",
    short: "b",
    value: "DIR",
    help: "folder of the config.json to write, or to read with --yaml (default: the current one)",
  },
  { name: "rootless", help: "for a user without root: with a user namespace" },
  { name: "from", value: "FILE", help: "print the config.json that this box.yaml expands to, for the container ID or box" },
  { name: "yaml", help: "print the box.yaml that expands to the bundle's config.json" },
  lenientFlag,
  { name: "schema", help: "print the JSON Schema of box.yaml" },
  { name: "help", short: "h", help: "show this help" },
];

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const parsed = parseFlags(argv, flags, "spec", true);
  if (parsed.switches.has("help")) return (await import("./help.ts")).printHelp("spec");
  const bundle = absolute(parsed.values.bundle ?? ".");
  switch (oneWay(parsed)) {
    case "from":
      await (await import("./convert-spec.ts")).printExpanded(parsed.values.from ?? "", parsed, globals);
      break;
    case "yaml":
      await (await import("./convert-spec.ts")).printShortened(bundle, parsed);
      break;
    case "schema":
      writeLine(JSON.stringify((await import("../config/yaml-schema.ts")).yamlSchema(), null, 2));
      break;
    case undefined:
      writeDefault(bundle, parsed.switches.has("rootless"));
  }
  return 0;
}

const ways = ["from", "yaml", "schema"] as const;

/** Which of the flags that print is there; two ask for different things. */
function oneWay({ values, switches }: Parsed): (typeof ways)[number] | undefined {
  const [first, second] = ways.filter((name) => values[name] !== undefined || switches.has(name));
  if (second !== undefined) throw new BoxError({ origin: `--${first}`, what: `goes without --${second}` });
  return first;
}

function writeDefault(bundle: string, rootless: boolean): void {
  const path = `${bundle}/config.json`;
  if (existsSync(path)) throw new BoxError({ what: `${path} exists already`, hint: "remove it, or choose another folder with --bundle" });
  const cgroupV2 = readCgroups(hostReader).v1.length === 0;
  const ids = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const spec = defaultSpec(rootless ? { rootless: ids, cgroupV2 } : { cgroupV2 });
  try {
    writeFileSync(path, `${JSON.stringify(spec, null, "\t")}\n`, { flag: "wx", mode: 0o666 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new BoxError({ what: "cannot write", object: path, ...(code === undefined ? {} : { errno: code }) });
  }
}
