// box spec: writes a config.json to begin with, as runc spec does.

import { existsSync, writeFileSync } from "node:fs";
import { defaultSpec } from "../config/default-spec.ts";
import { BoxError } from "../errors.ts";
import { hostReader } from "../execute/files.ts";
import { readCgroups } from "../host/read-facts.ts";
import { type FlagRow, parseFlags } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { absolute } from "./invocation.ts";

export const flags: readonly FlagRow[] = [
  { name: "bundle", short: "b", value: "DIR", help: "folder to write config.json to (default: the current one)" },
  { name: "rootless", help: "for a user without root: with a user namespace" },
  { name: "help", short: "h", help: "show this help" },
];

export async function run(argv: readonly string[], _globals: Globals): Promise<number> {
  const parsed = parseFlags(argv, flags, "spec", true);
  if (parsed.switches.has("help")) return (await import("./help.ts")).printHelp("spec");
  const path = `${absolute(parsed.values.bundle ?? ".")}/config.json`;
  if (existsSync(path)) throw new BoxError({ what: `${path} exists already`, hint: "remove it, or choose another folder with --bundle" });
  const cgroupV2 = readCgroups(hostReader).v1.length === 0;
  const ids = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const spec = defaultSpec(parsed.switches.has("rootless") ? { rootless: ids, cgroupV2 } : { cgroupV2 });
  try {
    writeFileSync(path, `${JSON.stringify(spec, null, "\t")}\n`, { flag: "wx", mode: 0o666 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new BoxError({ what: "cannot write", object: path, ...(code === undefined ? {} : { errno: code }) });
  }
  return 0;
}
