// Small files of /proc and of cgroups that are read again and again. Opening one costs ten times as much as reading it, so
// they stay open; of a process or cgroup that has ended, such a descriptor reads nothing any more, whoever has its name by now.

import { readAgain, readText, SMALL_FILE_BYTES } from "./files.ts";
import { cString, systemCall } from "./libc.ts";

export type KeptFiles = {
  /** The text of a file, or the negative errno. */
  readonly read: (path: string) => string | number;
  readonly close: () => void;
};

const AT_FDCWD = -100;
const O_CLOEXEC = 0o2000000;

export function newKeptFiles(): KeptFiles {
  const descriptors = new Map<string, number>();
  const forget = (path: string, fd: number): void => {
    systemCall("close", fd);
    descriptors.delete(path);
  };
  return {
    read(path) {
      const fd = descriptors.get(path) ?? open(path);
      // Also when no more files may be open.
      if (fd < 0) return readText(path);
      descriptors.set(path, fd);
      const text = readAgain(fd);
      if (typeof text === "number") forget(path, fd);
      // What fills the room may go on.
      return typeof text === "string" && text.length >= SMALL_FILE_BYTES ? readText(path) : text;
    },
    close() {
      for (const [path, fd] of descriptors) forget(path, fd);
    },
  };
}

function open(path: string): number {
  const name = cString(path);
  return systemCall("openat", AT_FDCWD, name.address, O_CLOEXEC, 0);
}
