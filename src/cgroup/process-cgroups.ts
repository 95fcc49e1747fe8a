// The cgroups of any process, as folders. Pure over a function that reads files.

import { parseMounts, parseOwnCgroups } from "../host/read-facts.ts";
import type { Read } from "./counters.ts";
import type { CgroupPlace } from "./statistics.ts";

/** One in each hierarchy that is mounted here; undefined when there is no such process, or it is not to be seen. */
export function processCgroups(pid: number, read: Read): CgroupPlace[] | undefined {
  const text = read(`/proc/${pid}/cgroup`);
  if (text === undefined) return undefined;
  const { v1, v2 } = parseMounts(read("/proc/self/mountinfo") ?? "", parseOwnCgroups(text));
  const place = (version: 1 | 2, mount: string, own: string): CgroupPlace => ({ version, path: own === "/" ? mount : `${mount}${own}` });
  return [...v1.map(({ mount, own }) => place(1, mount, own)), ...(v2 === undefined ? [] : [place(2, v2.mount, v2.own)])];
}
