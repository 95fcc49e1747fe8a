// The lock under which a command looks at what a container is doing and then changes it, so that of two at once the
// second sees what the first did. It is not the lock on the state folder, which a supervisor holds for all its life.

import { BoxError } from "../errors.ts";
import { errnoName } from "../linux/errno-name.ts";
import { stateFile } from "../plan/state-files.ts";
import { cString, systemCall } from "./libc.ts";

const AT_FDCWD = -100;
const O_CLOEXEC = 0o2000000;
const LOCK_EX = 2;

/** Waits for the lock on the container whose state folder this is; it lasts until this process ends or closes what it returns. */
export function lockState(folder: string): number {
  const path = `${folder}/${stateFile}`;
  const name = cString(path);
  const fd = systemCall("openat", AT_FDCWD, name.address, O_CLOEXEC, 0);
  const result = fd < 0 ? fd : systemCall("flock", fd, LOCK_EX);
  if (result < 0) throw new BoxError({ what: "cannot lock", object: path, errno: errnoName(-result), exitCode: 1 });
  return fd;
}
