// box ps: the processes of one container or of all, in a table of box's own (ps-table.ts). With options of ps(1), or with
// --format, as runc does it: the table is ps(1)'s, of which the lines with the container's pids are kept; without ps(1) box
// makes the usual one itself.

import { BoxError } from "../errors.ts";
import { processesOf } from "../execute/container-processes.ts";
import { hostReader } from "../execute/files.ts";
import { writeLine } from "../execute/write-line.ts";
import { type FlagRow, parseFlags } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { rootOfStates } from "./invocation.ts";
import { namedContainer } from "./named-container.ts";
import { tableOrJson } from "./table-or-json.ts";

export const flags: readonly FlagRow[] = [
  { name: "tree", help: "each process below its parent" },
  { name: "json", help: "print JSON" },
  { name: "wide", short: "w", help: "cut nothing, however wide the table gets" },
  { name: "format", short: "f", value: "table|json", help: "as runc: what ps(1) prints of them, or their pids as JSON" },
  { name: "help", short: "h", help: "show this help" },
];

const synopsis = "box ps [flags] [ID] | box ps [--format table|json] ID [PS-OPTION…]";
/** Flags of box's own that ps(1) does not have, so that they may also stand behind the id. */
const ownFlags = ["tree", "json", "wide"] as const;

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const { switches, values, rest } = parseFlags(argv, flags, "ps");
  if (switches.has("help")) return (await import("./help.ts")).printHelp("ps");
  const [id, ...words] = rest;
  const options = words.filter((word) => !ownFlags.some((name) => word === `--${name}`));
  const wishes = ownFlags.filter((name) => switches.has(name) || words.includes(`--${name}`));
  if (options.length === 0 && values.format === undefined) {
    const has = (name: (typeof ownFlags)[number]): boolean => wishes.includes(name);
    (await import("./ps-table.ts")).showProcesses(globals, id, { tree: has("tree"), json: has("json"), wide: has("wide") });
    return 0;
  }
  if (wishes.length > 0)
    throw new BoxError({ what: `--${wishes[0]} goes neither with --format nor with options of ps(1)`, hint: synopsis });
  if (id === undefined) throw new BoxError({ what: "a container id is missing", hint: synopsis });
  const format = tableOrJson(values.format);
  const pids = processesOf(namedContainer(globals.root ?? rootOfStates(), id).state);
  if (format === "json") writeLine(JSON.stringify(pids));
  else writeLine(await tableOf(pids, options));
  return 0;
}

async function tableOf(pids: readonly number[], options: readonly string[]): Promise<string> {
  const program = Bun.which("ps");
  if (program !== null) return linesOf(pids, outputOf(program, options.length === 0 ? ["-ef"] : options));
  if (options.length > 0 && options.join(" ") !== "-ef") throw new BoxError({ what: "cannot run ps: executable file not found in $PATH" });
  return (await import("../inspect/process-table.ts")).processTable(pids, hostReader.read, new Date());
}

/** What ps(1) writes on both streams: its complaints are the error's. */
function outputOf(program: string, options: readonly string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([program, ...options], { stdin: "ignore" });
  if (exitCode === 0) return stdout.toString();
  const said = `${stdout}${stderr}`.trim().split("\n")[0] ?? "";
  throw new BoxError({ what: `ps ${options.join(" ")} ended with ${exitCode}${said === "" ? "" : `: ${said}`}` });
}

/** The heading of ps(1)'s table and the lines that have one of `pids` in the column PID. */
function linesOf(pids: readonly number[], output: string): string {
  const [heading = "", ...lines] = output.split("\n");
  const column = wordsOf(heading).indexOf("PID");
  if (column < 0) throw new BoxError({ what: "ps printed no column PID", hint: "the options must leave it in: box ps ID -o pid,comm" });
  const wanted = new Set(pids);
  return [heading, ...lines.filter((line) => wanted.has(Number(wordsOf(line)[column])))].join("\n");
}

const wordsOf = (line: string): string[] => line.trim().split(/\s+/);
