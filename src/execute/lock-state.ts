// The lock under which a command looks at what a container is doing and then changes it, so that of two at once the
// second sees what the first did. It is not the lock on the state folder, which a supervisor holds for all its life.

import { BoxError } from "../errors.ts";
import { errnoName } from "../linux/errno-name.ts";
import { stateFile } from "../plan/state-files.ts";
import { cString, systemCall } from "./libc.ts";
import { statusOf } from "./status.ts";

const AT_FDCWD = -100;
const O_CLOEXEC = 0o2000000;
const LOCK_EX = 2;
const ENOENT = 2;

/** Waits for the lock on the container whose state folder this is; it lasts until this process ends or closes what it returns. */
export function lockState(folder: string): number {
  for (;;) {
    const fd = open(folder);
    if (fd === -ENOENT)
      throw new BoxError({ what: `the container ${folder.slice(folder.lastIndexOf("/") + 1)} does not exist`, origin: "id" });
    const result = fd < 0 ? fd : systemCall("flock", fd, LOCK_EX);
    if (result < 0) throw new BoxError({ what: "cannot lock", object: `${folder}/${stateFile}`, errno: errnoName(-result), exitCode: 1 });
    if (isState(fd)) return fd;
    systemCall("close", fd);
  }
}

/** Whether the file that was locked is a state still: each change of state puts another file in its place, and this one has no name then. */
export const isState = (lock: number): boolean => statusOf(lock)?.[STX_NLINK] !== 0;

/** Half a word of statx(2): stx_nlink is 32 bits at byte 16, of a file that has one name or none. */
const STX_NLINK = 8;

function open(folder: string): number {
  const name = cString(`${folder}/${stateFile}`);
  return systemCall("openat", AT_FDCWD, name.address, O_CLOEXEC, 0);
}
