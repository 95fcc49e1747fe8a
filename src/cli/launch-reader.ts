// For which container a process is at work, if it is box: told from its arguments, by the same tables of flags that box
// itself reads them with. So whoever watches processes knows a container's from the first one on, before it is in any cgroup.

import { problemOfId } from "../config/container-id.ts";
import { BoxError } from "../errors.ts";
import { readText } from "../execute/files.ts";
import { systemCall } from "../execute/libc.ts";
import { listFolder } from "../execute/list-folder.ts";
import { readLink } from "../execute/read-link.ts";
import { field } from "../host/read-facts.ts";
import { type FlagRow, parseFlags } from "./arguments.ts";
import { commandNamed, globalFlags } from "./commands.ts";
import { absolute } from "./invocation.ts";

/** These start processes in a container, or hooks for it. */
const starters = ["run", "create", "start", "exec"] as const;

type Reader = (pid: number, argv: readonly string[]) => (() => string | undefined) | undefined;

/** Containers of another folder of states than `stateRoot` are left out. */
export async function launchReader(stateRoot: string): Promise<Reader> {
  const flagsOf = new Map<string, readonly FlagRow[]>();
  for (const name of starters) flagsOf.set(name, (await commandNamed(name).load()).flags);
  const own = readLink("/proc/self/exe");
  return (pid, argv) => {
    // Nearly everything that is ever executed ends here.
    if (!starters.some((name) => argv.includes(name)) || readLink(`/proc/${pid}/exe`) !== own) return undefined;
    try {
      return readLaunch(pid, argv.slice(1), flagsOf, stateRoot);
    } catch (error) {
      // A command line that box itself refuses.
      if (error instanceof BoxError) return undefined;
      throw error;
    }
  };
}

function readLaunch(pid: number, argv: readonly string[], flagsOf: ReadonlyMap<string, readonly FlagRow[]>, stateRoot: string) {
  const { values, rest } = parseFlags(argv, globalFlags, "");
  const [name = "", ...words] = rest;
  const flags = flagsOf.get(name);
  if (flags === undefined || !isOwnFolder(pid, values.root, stateRoot)) return undefined;
  const parsed = parseFlags(words, flags, name);
  const [id] = parsed.rest;
  if (name === "run" && (parsed.separated || id === undefined)) return () => madeUpId(pid, stateRoot);
  return id === undefined || problemOfId(id) !== undefined ? undefined : () => id;
}

/** Without --root, a user's folder is another one than root's. */
function isOwnFolder(pid: number, root: string | undefined, stateRoot: string): boolean {
  if (root !== undefined) return (root.startsWith("/") ? absolute(root) : root) === stateRoot;
  const status = readText(`/proc/${pid}/status`);
  return typeof status === "string" && Number(field(status, "Uid").split("\t")[1]) === systemCall("getuid");
}

/** `box run -- COMMAND` makes an id of its own pid and the time (madeUpId in load-container.ts). */
function madeUpId(pid: number, stateRoot: string): string | undefined {
  const entries = listFolder(stateRoot);
  if (typeof entries === "number") return undefined;
  return entries.filter(({ name }) => name.startsWith(`box-${pid.toString(36)}-`)).at(-1)?.name;
}
