// Box from its sources on a host that has a resctrl filesystem, or so /proc/self/mountinfo says: the folder that RESCTRL
// names. All else is box's own, so the very steps are made.

import { hostReader } from "../../src/execute/files.ts";

const read = hostReader.read.bind(hostReader);
hostReader.read = (path) => {
  const text = read(path);
  return path === "/proc/self/mountinfo" ? `${text}999 1 0:99 / ${process.env.RESCTRL} rw,relatime - resctrl resctrl rw\n` : text;
};
await import("../../src/main.ts");
