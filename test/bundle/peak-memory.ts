// The most memory that a process has had. Its resource usage would also count what its parent had before it was executed.

import { readFileSync } from "node:fs";

const EVERY_MS = 5;

/** Bytes, as seen last before its end: the kernel keeps the peak (proc_pid_status(5), VmHWM). */
export async function peakUntilEnd(child: Bun.Subprocess): Promise<number> {
  let peak = 0;
  for (; child.exitCode === null && child.signalCode === null; await Bun.sleep(EVERY_MS)) {
    const executed = readOr(`/proc/${child.pid}/comm`) !== readOr("/proc/self/comm");
    const [, kilobytes = "0"] = /^VmHWM:\s*(\d+) kB$/m.exec(readOr(`/proc/${child.pid}/status`)) ?? [];
    if (executed) peak = Math.max(peak, Number(kilobytes) * 1024);
  }
  return peak;
}

function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // It has just ended.
    return "";
  }
}
