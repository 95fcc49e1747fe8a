// box seccomp dump: the filter of system calls that a bundle's containers would get, or that a container has, as text or
// JSON. Needs no privilege but to read what is named, and changes nothing.

import { BoxError } from "../errors.ts";
import { readKeptFilter } from "../execute/kept-filter.ts";
import { machine } from "../execute/libc.ts";
import { writeLine } from "../execute/write-line.ts";
import type { SeccompFilter } from "../plan/builder.ts";
import { disassemble } from "../seccomp/disassemble.ts";
import { escapeControls } from "../tape/escape-controls.ts";
import { type FlagRow, type Parsed, parseFlags } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { lenientFlag } from "./launch-flags.ts";
import { loadContainer } from "./load-container.ts";
import { oneContainer } from "./one-container.ts";

export const flags: readonly FlagRow[] = [
  { name: "bundle", short: "b", value: "DIR", help: "bundle folder (default: the current folder)" },
  { name: "file", short: "f", value: "FILE", help: "a box.yaml of any name" },
  lenientFlag,
  { name: "json", help: "print it as JSON" },
  { name: "help", short: "h", help: "show this help" },
];

const usage = "box seccomp dump [-b DIR | -f FILE | ID]";

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const parsed = parseFlags(argv, flags, "seccomp", true);
  if (parsed.switches.has("help")) return (await import("./help.ts")).printHelp("seccomp");
  const [action, id, ...more] = parsed.rest;
  if (action !== "dump" || more.length > 0)
    throw new BoxError({ what: action === undefined ? "an action is missing" : `cannot ${argv.join(" ")}`, hint: usage });
  const { bundle, file } = parsed.values;
  if (id !== undefined && (bundle !== undefined || file !== undefined))
    throw new BoxError({ what: `a container and a ${file === undefined ? "bundle" : "file"} are two filters`, hint: usage });
  const filter = id === undefined ? await ofBundle(parsed, globals) : ofContainer(id, globals);
  if (filter === undefined)
    throw new BoxError({ what: `${id === undefined ? "the configuration" : `the container ${id}`} has no filter of system calls` });
  writeLine(parsed.switches.has("json") ? json(filter) : text(filter));
  return 0;
}

async function ofBundle(parsed: Parsed, globals: Globals): Promise<SeccompFilter | undefined> {
  const { container } = await loadContainer({ ...parsed, rest: [] }, globals, false);
  return container.seccomp;
}

/** As it was loaded, whatever has become of the bundle since. */
function ofContainer(id: string, globals: Globals): SeccompFilter | undefined {
  const { folder, state } = oneContainer([id], globals, usage);
  return readKeptFilter(folder, state);
}

function text({ filter, flags: loadedWith, notes }: SeccompFilter): string {
  const instructions = disassemble(filter, machine);
  const width = String(instructions.length - 1).length;
  const count = `${instructions.length} instruction${instructions.length === 1 ? "" : "s"}`;
  const head = [`# ${count}, loaded ${loadedWith.length === 0 ? "without flags" : `with ${loadedWith.join(", ")}`}`];
  for (const note of notes) head.push(`# ${escapeControls(note)}`);
  return [...head, ...instructions.map((one, at) => `${String(at).padStart(width)}  ${one.text}`)].join("\n");
}

function json({ filter, flags: loadedWith, notes }: SeccompFilter): string {
  const instructions = disassemble(filter, machine).map((one, at) => ({ at, ...one }));
  return JSON.stringify({ flags: loadedWith, notes, instructions }, null, 2);
}
