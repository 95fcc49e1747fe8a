// The hidden command keep-start: loads all that a container's life needs and stops to be kept (src/execute/keep-start.ts).
// What returns from here is a process that begins there.

import { beginPlainly, hasKeptStart, rehearsing } from "../execute/begin-plainly.ts";
import { identityOf } from "../execute/identity.ts";
import { systemCall } from "../execute/libc.ts";
import { ownArguments, waitToBeKept } from "../execute/wait-to-be-kept.ts";
import { REHEARSAL_FOLDER } from "../front/layout.ts";
import { loadCommand } from "./commands.ts";
import { keptCommands, staysKept } from "./stays-kept.ts";

type Kept = { readonly argv: readonly string[]; readonly exit: (code: number) => void };

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

/** The command line of this process, and how it ends; undefined when nobody has kept the start. */
export async function becomeKept(parent: number): Promise<Kept | undefined> {
  // It must not stay when whoever keeps it is gone, and nobody else is to be kept.
  systemCall("prctl", PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (systemCall("getppid") !== parent || !isBox(parent)) return undefined;
  for (const name of keptCommands) await loadCommand(name);
  await import("./finish.ts");
  hasKeptStart(rehearsing);
  await (await import("./rehearse.ts")).rehearse(REHEARSAL_FOLDER);
  Object.defineProperty(process, "pid", { get: () => systemCall("getpid") });
  if (!waitToBeKept()) return undefined;
  const argv = ownArguments();
  hasKeptStart(argv);
  if (!staysKept(argv)) beginPlainly();
  return { argv, exit };
}

/** Box has nothing open that the engine would have to end: what it says it has written by then. */
const exit = (code: number): void => {
  systemCall("exit_group", code);
};

/** What a shell has as descriptor 3 would be written over, and its command would stop for ever. */
function isBox(pid: number): boolean {
  try {
    return identityOf(`/proc/${pid}/exe`).join() === identityOf("/proc/self/exe").join();
  } catch {
    return false;
  }
}
