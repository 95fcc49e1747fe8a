// A folder that is to be looked into later, when its name may be another's: held open for as long as this process lives.

import { BoxError } from "../errors.ts";
import { errnoName } from "../linux/errno-name.ts";
import { cString, systemCall } from "./libc.ts";

const AT_FDCWD = -100;
/** O_PATH | O_DIRECTORY | O_CLOEXEC, of which O_DIRECTORY is not the same number on every machine: the / does for it. */
const O_PATH_CLOEXEC = 0o12000000;

/** A path that leads to this folder, whatever has its name. Throws a BoxError when there is none. */
export function holdFolder(folder: string): string {
  const name = cString(`${folder}/`);
  const fd = systemCall("openat", AT_FDCWD, name.address, O_PATH_CLOEXEC, 0);
  if (fd < 0) throw new BoxError({ what: "cannot open", object: folder, errno: errnoName(-fd), exitCode: 1 });
  return `/proc/self/fd/${fd}`;
}
