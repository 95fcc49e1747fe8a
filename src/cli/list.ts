// box list: all containers below the folder of all states. A folder that is none, or not yet or no longer a whole one,
// is a warning and never stops the others.

import { problemOfId } from "../config/container-id.ts";
import { BoxError } from "../errors.ts";
import { listFolder } from "../execute/list-folder.ts";
import { checkStateRoot, type Found, readFolder, settled, somePatience } from "../execute/state-folder.ts";
import { writeLine } from "../execute/write-line.ts";
import { errnoName } from "../linux/errno-name.ts";
import { type FlagRow, parseFlags } from "./arguments.ts";
import type { Globals } from "./commands.ts";
import { rootOfStates } from "./invocation.ts";
import { type ShownState, shownState } from "./shown-state.ts";
import { tableOrJson } from "./table-or-json.ts";

export const flags: readonly FlagRow[] = [
  { name: "format", short: "f", value: "table|json", help: "how to print them (default table)" },
  { name: "quiet", short: "q", help: "print the ids alone" },
  { name: "help", short: "h", help: "show this help" },
];

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const { switches, values, rest } = parseFlags(argv, flags, "list", true);
  if (switches.has("help")) return (await import("./help.ts")).printHelp("list");
  if (rest.length > 0) throw new BoxError({ what: "expected flags alone", hint: "box list [--format table|json] [--quiet]" });
  const format = tableOrJson(values.format);
  const states = await readStates(globals.root);
  if (switches.has("quiet")) {
    if (states.length > 0) writeLine(states.map(({ id }) => id).join("\n"));
  } else if (format === "json") writeLine(JSON.stringify(states));
  else writeLine((await import("./list-table.ts")).printTable([header, ...states.map(row)]));
  return 0;
}

const header = ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"];

const row = ({ id, pid, status, bundle, created, owner }: ShownState): string[] => [id, String(pid), status, bundle, created, owner];

const ENOENT = 2;

async function readStates(given: string | undefined): Promise<ShownState[]> {
  const stateRoot = given ?? rootOfStates();
  checkStateRoot(stateRoot);
  const entries = listFolder(stateRoot);
  // The usual folder is made with the first container; one that somebody named is more likely misspelt.
  if (entries === -ENOENT && given === undefined) return [];
  if (typeof entries === "number")
    throw new BoxError({ origin: "--root", what: "cannot list", object: stateRoot, errno: errnoName(-entries) });
  const states: ShownState[] = [];
  const patience = somePatience();
  for (const { name, isFolder } of entries) {
    // What box keeps besides begins with a dot, which no id does.
    if (!isFolder || name.startsWith(".")) continue;
    const folder = `${stateRoot}/${name}`;
    const { state } = settled(() => findIn(folder, name), patience) ?? {};
    if (state !== undefined) states.push(await shownState(folder, state));
    else await warnOf(folder, name);
  }
  return states;
}

/** undefined when the folder cannot hold a container, or has been removed; without a state when it holds none of that name. */
function findIn(folder: string, id: string): Found | undefined {
  if (problemOfId(id) !== undefined) return undefined;
  const found = readFolder(folder);
  if (found.state === undefined) return typeof listFolder(folder) === "number" ? undefined : found;
  return found.state.id === id ? found : undefined;
}

/** Nothing is wrong with a folder that was removed since it was listed. */
async function warnOf(folder: string, id: string): Promise<void> {
  if (typeof listFolder(folder) === "number") return;
  const [{ noState }, { reportWarning }] = await Promise.all([import("./named-container.ts"), import("./report-error.ts")]);
  reportWarning(noState(folder, id));
}
