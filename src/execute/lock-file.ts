// A lock for plugins, on a file that is made for it: JavaScript has no flock(2). It ends with the process, however that
// ends. Waiting takes turns with timers, so that a tap's time limit holds.

import { BoxError } from "../errors.ts";
import { errnoName } from "../linux/errno-name.ts";
import { cString, systemCall } from "./libc.ts";

const AT_FDCWD = -100;
/** O_RDWR | O_CREAT | O_CLOEXEC: a program that is started meanwhile holds the lock only if it is given the descriptor. */
const O_RDWR_CREAT_CLOEXEC = 0o2000102;
const OWNER_ONLY = 0o600;
const LOCK_EX_NB = 2 | 4;
const EWOULDBLOCK = 11;
const WAIT_MS = 5;

/** Does `work`, which is given the locked file's descriptor, once nobody else has the lock. */
export async function lockFile<Value>(path: string, work: (fd: number) => Promise<Value>): Promise<Value> {
  const name = cString(path);
  const fd = systemCall("openat", AT_FDCWD, name.address, O_RDWR_CREAT_CLOEXEC, OWNER_ONLY);
  if (fd < 0) throw new BoxError({ what: "cannot open", object: path, errno: errnoName(-fd) });
  try {
    await locked(fd, path);
    return await work(fd);
  } finally {
    systemCall("close", fd);
  }
}

async function locked(fd: number, path: string): Promise<void> {
  for (;;) {
    const result = systemCall("flock", fd, LOCK_EX_NB);
    if (result === 0) return;
    if (result !== -EWOULDBLOCK) throw new BoxError({ what: "cannot lock", object: path, errno: errnoName(-result) });
    await Bun.sleep(WAIT_MS);
  }
}
