// What can be read only once, such as a pipe, is read by the process that makes the container: a plugin that asks for a plain
// start would have box begin anew behind it, and find it empty.

import { beginPlainly, goesOnFromKept } from "../execute/begin-plainly.ts";
import { systemCall } from "../execute/libc.ts";
import { isOnce } from "../execute/real-path.ts";

const F_SETFD = 2;

/** Before any of `paths` is read. Those that name a descriptor of the caller's find it in the plain start too. */
export function beginForOnce(paths: readonly string[]): void {
  if (!goesOnFromKept()) return;
  const descriptors = paths.flatMap((path) => /^\/(?:dev|proc\/self)\/fd\/(\d+)$/.exec(path)?.[1] ?? []);
  if (descriptors.length === 0 && !paths.some(isOnce)) return;
  // The front has marked it to be closed, as every other (begin-plainly.ts).
  for (const fd of descriptors) systemCall("fcntl", Number(fd), F_SETFD, 0);
  beginPlainly();
}
