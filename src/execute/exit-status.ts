// How a container ended, from the note that its supervisor left in the state folder.

import { signalName } from "../linux/signals.ts";
import { exitFile } from "../plan/state-files.ts";
import type { State } from "../state/state.ts";
import { readBytes, readText } from "./files.ts";
import { cString, systemCall } from "./libc.ts";
import { statusOf } from "./status.ts";

export type ExitStatus = {
  /** As a shell says it: 128 and the signal for one that a signal ended. */
  readonly exitCode: number;
  readonly signal?: string;
  /** Whether the kernel has killed in it for lack of memory. */
  readonly oomKilled: boolean;
  /** RFC 3339, UTC; undefined where only the kernel knew of the end. */
  readonly finished?: string;
};

const CLD_EXITED = 1;
const SIGINFO_BYTES = 128;

/** undefined when nothing is noted. */
export function readExit(folder: string, state: State): ExitStatus | undefined {
  const siginfo = readBytes(`${folder}/${exitFile}`);
  if (typeof siginfo === "number" || siginfo.length < SIGINFO_BYTES) return undefined;
  const words = new DataView(siginfo.buffer, siginfo.byteOffset);
  const [code, status] = [words.getInt32(8, true), words.getInt32(24, true)];
  const oomKilled = oomKills(state.box.cgroups) > 0;
  const finished = timeOfChange(`${folder}/${exitFile}`);
  return { ...(code === CLD_EXITED ? exited(status & 0xff) : killed(status)), oomKilled, ...(finished === undefined ? {} : { finished }) };
}

export const exited = (exitCode: number): Pick<ExitStatus, "exitCode"> => ({ exitCode });
export const killed = (signal: number): Pick<ExitStatus, "exitCode" | "signal"> => ({ exitCode: 128 + signal, signal: signalName(signal) });

const AT_FDCWD = -100;
const O_CLOEXEC = 0o2000000;

function timeOfChange(path: string): string | undefined {
  const name = cString(path);
  const fd = systemCall("openat", AT_FDCWD, name.address, O_CLOEXEC, 0);
  if (fd < 0) return undefined;
  const status = statusOf(fd);
  systemCall("close", fd);
  if (status === undefined) return undefined;
  // stx_mtime at byte 112: 64 bits of seconds, 32 of nanoseconds.
  const view = new DataView(status.buffer, status.byteOffset);
  return new Date(Number(view.getBigInt64(112, true)) * 1000 + Math.floor(view.getUint32(120, true) / 1e6)).toISOString();
}

/** How often the kernel has killed in these cgroups for lack of memory, while they are there. */
export function oomKills(cgroups: State["box"]["cgroups"]): number {
  for (const { version, path } of cgroups) {
    const text = readText(`${path}/${version === 1 ? "memory.oom_control" : "memory.events"}`);
    const found = typeof text === "string" ? /^oom_kill ([0-9]+)$/m.exec(text)?.[1] : undefined;
    if (found !== undefined) return Number(found);
  }
  return 0;
}
