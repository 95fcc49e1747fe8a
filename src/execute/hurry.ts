// Puts this process before ordinary ones: whoever reads of a process in /proc has to come before that process has ended.
// On a busy machine one that is not, nor one that is merely nice, is late for a third of them; measured.

import { structFields } from "../linux/structs.ts";
import { addressOf, systemCall } from "./libc.ts";
import { listFolder } from "./list-folder.ts";

const SCHED_RR = 2;
const { bytes, fields } = structFields.sched_attr;

/**
 * Real-time scheduling at its lowest priority (sched(7)). Who may not have it, such as a user without root, goes on as before.
 * All threads get it, and with them those that they make: this one waits for the collector of garbage now and then.
 */
export function hurry(): void {
  const attributes = new DataView(new ArrayBuffer(bytes));
  const put = (name: string, value: number): void => attributes.setUint32(fields[name]?.offset as number, value, true);
  put("size", bytes);
  put("sched_policy", SCHED_RR);
  put("sched_priority", 1);
  const threads = listFolder("/proc/self/task");
  for (const { name } of typeof threads === "number" ? [] : threads)
    systemCall("sched_setattr", Number(name), addressOf(new Uint8Array(attributes.buffer)), 0);
}
