// Whether this start is the one to keep (keep-start.ts). Most machines that start box once start it again, and keeping takes
// longer than a start can spare: so the first leaves a mark, and the second keeps, once for each boot and build.

import { KEPT_STATE_ROOT } from "../front/layout.ts";
import { readText } from "./files.ts";
import { identityOf } from "./identity.ts";
import { keptFolder, makeKeptFolder, replaceKept } from "./kept-folder.ts";
import { cString, systemCall } from "./libc.ts";

const AT_FDCWD = -100;
const LOCK_EX_NB = 2 | 4;
const MARK = "start-mark";

/** Best effort: where no start can be kept, all are plain. */
export async function considerKeeping(): Promise<void> {
  if (systemCall("getuid") !== 0) return;
  const build = identityOf("/proc/self/exe").join(" ");
  const mark = readText(`${keptFolder(KEPT_STATE_ROOT)}/${MARK}`);
  if (mark === `kept ${build}` || mark === `refused ${build}`) return;
  systemCall("mkdirat", AT_FDCWD, cString(KEPT_STATE_ROOT).address, 0o711);
  const folder = makeKeptFolder(KEPT_STATE_ROOT);
  if (folder < 0) return;
  // Of many boxes that are started at once one keeps; the lock goes with its descriptor.
  if (systemCall("flock", folder, LOCK_EX_NB) === 0) {
    const next = mark === `started ${build}` ? await keep(folder) : "started";
    replaceKept(folder, MARK, new TextEncoder().encode(`${next} ${build}`));
  }
  systemCall("close", folder);
}

/** A start that cannot be kept or gone on from now cannot be the next time either. */
async function keep(folder: number): Promise<"kept" | "refused"> {
  const { keepStart, removeStart } = await import("./keep-start.ts");
  try {
    await keepStart(folder);
    return "kept";
  } catch {
    removeStart(folder);
    return "refused";
  }
}
