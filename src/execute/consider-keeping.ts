// Whether this start is the one to keep (keep-start.ts). Most machines that start box once start it again, and keeping takes
// longer than a start can spare: so the first leaves a mark, and the second keeps, once for each boot and build.

import { FRONT_DATA_ADDRESS, KEPT_STATE_ROOT, NAME_BYTES, words } from "../front/layout.ts";
import { readText } from "./files.ts";
import { identityOf } from "./identity.ts";
import { keptFolder, makeKeptFolder, replaceKept } from "./kept-folder.ts";
import { cString, mappedBytes, systemCall } from "./libc.ts";

const AT_FDCWD = -100;
const LOCK_EX_NB = 2 | 4;

/** Best effort: where no start can be kept, all are plain. */
export async function considerKeeping(): Promise<void> {
  if (systemCall("getuid") !== 0) return;
  const name = startOfThisBuild();
  // A folder that outlives the boot, as in a container, has starts of no use.
  const file = `${identityOf("/proc/self/exe").join(" ")} ${String(readText("/proc/sys/kernel/random/boot_id")).trim()}`;
  const mark = readText(`${keptFolder(KEPT_STATE_ROOT)}/${name}-mark`);
  if (typeof mark === "string" && (mark.startsWith(`kept ${file}`) || mark.startsWith(`refused ${file}`))) return;
  systemCall("mkdirat", AT_FDCWD, cString(KEPT_STATE_ROOT).address, 0o711);
  const folder = makeKeptFolder(KEPT_STATE_ROOT);
  if (folder < 0) return;
  // Of many boxes that are started at once one keeps; the lock goes with its descriptor.
  if (systemCall("flock", folder, LOCK_EX_NB) === 0) {
    const next = await nextMark(folder, name, file, mark);
    replaceKept(folder, `${name}-mark`, new TextEncoder().encode(next));
  }
  systemCall("close", folder);
}

/** The first start and one that failed leave it to the next one, but only once each. */
async function nextMark(folder: number, name: string, file: string, mark: string | number): Promise<string> {
  const hasFailed = typeof mark === "string" && mark.startsWith(`failed ${file}`);
  if (!hasFailed && mark !== `started ${file}`) return `started ${file}`;
  const why = await keep(folder, name);
  return why === undefined ? `kept ${file}` : `${hasFailed ? "refused" : "failed"} ${file}: ${why}`;
}

/** As the front looks for it. */
function startOfThisBuild(): string {
  const bytes = new Uint8Array(mappedBytes(FRONT_DATA_ADDRESS + words.name, NAME_BYTES));
  return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
}

/**
 * Returns why it could not be done. That may have been this box's alone, whose caller lets it have too few files or too little
 * memory, so the next one tries once more; what fails twice would fail every time.
 */
async function keep(folder: number, name: string): Promise<string | undefined> {
  const { keepStart } = await import("./keep-start.ts");
  const { removeOldStarts } = await import("./remove-old-starts.ts");
  try {
    removeOldStarts(keptFolder(KEPT_STATE_ROOT));
    await keepStart(folder, name);
    return undefined;
  } catch (error) {
    systemCall("unlinkat", folder, cString(name).address, 0);
    return error instanceof Error ? error.message : String(error);
  }
}
