// The host's filesystem for classes of cache and memory bandwidth (resctrl: Documentation/filesystems/resctrl.rst), as facts.
// Read only for a container that asks for a class.

import type { ResctrlFacts } from "./facts.ts";
import { type HostReader, unescapePath } from "./read-facts.ts";

/** `closID`: the class that the container names. undefined when no such filesystem is mounted. */
export function readResctrl(reader: HostReader, closID: string | undefined): ResctrlFacts | undefined {
  const mount = mountOf(reader.read("/proc/self/mountinfo") ?? "");
  if (mount === undefined) return undefined;
  const group = closID === undefined ? undefined : closID === "/" ? mount : `${mount}/${closID}`;
  const exists = group !== undefined && reader.filesystem(group) !== undefined;
  const schemata = exists ? reader.read(`${group}/schemata`) : undefined;
  const granularity = Number.parseInt(reader.read(`${mount}/info/MB/bandwidth_gran`) ?? "", 10);
  return {
    mount,
    exists,
    ...(schemata === undefined ? {} : { schemata }),
    ...(granularity > 0 ? { bandwidthGranularity: granularity } : {}),
  };
}

/** The first mount of that type; field 5 of proc_pid_mountinfo(5) says where. */
function mountOf(mountinfo: string): string | undefined {
  for (const line of mountinfo.split("\n")) {
    const dash = line.indexOf(" - ");
    if (line.startsWith("resctrl ", dash + 3)) return unescapePath(line.split(" ")[4] ?? "");
  }
  return undefined;
}
