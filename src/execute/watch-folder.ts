// Waits for changes in a folder (inotify(7)), so that whoever reads a file that grows need not look again and again.

import { BoxError } from "../errors.ts";
import { errnoName } from "../linux/errno-name.ts";
import { addressOf, cString, systemCall } from "./libc.ts";

/** O_NONBLOCK | O_CLOEXEC */
const FLAGS = 0o4000 | 0o2000000;
/** IN_MODIFY | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE */
const EVENTS = 0x2 | 0x40 | 0x80 | 0x100;

const bytes = new Uint8Array(4096);

export type FolderWatch = {
  /** Readable once something has changed. */
  readonly fd: number;
  /** Forgets what has changed so far. */
  readonly clear: () => void;
};

export function watchFolder(folder: string): FolderWatch {
  const fd = systemCall("inotify_init1", FLAGS);
  const name = cString(folder);
  const watch = fd < 0 ? fd : systemCall("inotify_add_watch", fd, name.address, EVENTS);
  if (watch < 0) throw new BoxError({ what: "cannot watch for changes of", object: folder, errno: errnoName(-watch), exitCode: 1 });
  return {
    fd,
    clear: () => {
      while (systemCall("read", fd, addressOf(bytes), bytes.length) > 0);
    },
  };
}
