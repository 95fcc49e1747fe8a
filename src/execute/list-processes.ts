// The processes that there are, as /proc lists them.

import { listFolder } from "./list-folder.ts";

/** Pids in no order; none where /proc is not to be read. */
export function listProcesses(): number[] {
  const entries = listFolder("/proc");
  const pids: number[] = [];
  for (const { name } of typeof entries === "number" ? [] : entries) if (/^\d+$/.test(name)) pids.push(Number(name));
  return pids;
}
