// box finish: what the supervisor could not do with a tape. It runs in the same process that was box and then the
// supervisor, still holds the lock, and ends with the container's exit code.

import { BoxError } from "../errors.ts";
import { readBytes, readText } from "../execute/files.ts";
import { addressOf, systemCall } from "../execute/libc.ts";
import { removeContainer, removeStateFolder } from "../execute/remove-container.ts";
import { findContainer } from "../execute/state-folder.ts";
import { exitFile, traceFile } from "../plan/state-files.ts";
import type { FlagRow } from "./arguments.ts";
import type { Globals } from "./commands.ts";

export const flags: readonly FlagRow[] = [];
const CLD_EXITED = 1;
const SIG_SETMASK = 2;
const SIGINFO_BYTES = 128;

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const id = argv[0] ?? "";
  const stateRoot = globals.root ?? "";
  const siginfo = readBytes(`${stateRoot}/${id}/${exitFile}`);
  return await finishHere(stateRoot, id, typeof siginfo === "number" ? new Uint8Array(0) : siginfo);
}

/** What is left to do once init has ended as `siginfo` says (waitid(2)); empty where that could not be kept, the disk being full say. */
export async function finishHere(stateRoot: string, id: string, siginfo: Uint8Array): Promise<number> {
  const found = findContainer(stateRoot, id);
  if (found === undefined) throw new BoxError({ what: `the state of container ${id} is gone`, origin: "id" });
  const { folder, state } = found;
  const trace = readText(`${folder}/${traceFile}`);
  const ended = typeof trace === "string" ? (await import("./end-trace.ts")).endTrace(trace) : undefined;
  const exitCode = exitCodeOf(siginfo);
  if (state === undefined) removeStateFolder(folder);
  else {
    unblockSignals();
    await removeContainer(state, folder, async () => (await import("./poststop.ts")).poststop(state, stateRoot, exitCode));
  }
  ended?.();
  if (exitCode === undefined)
    throw new BoxError({ what: `cannot tell how the container ended: ${folder}/${exitFile} is missing or cut short` });
  return exitCode;
}

/**
 * The supervisor blocked every signal, and programs that a plugin starts would inherit that. What was sent meanwhile
 * was for the container, which is gone, so it must not end box before everything is removed.
 */
function unblockSignals(): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const) process.on(signal, () => undefined);
  const none = new Uint8Array(8);
  systemCall("rt_sigprocmask", SIG_SETMASK, addressOf(none), 0, none.length);
}

function exitCodeOf(siginfo: Uint8Array): number | undefined {
  if (siginfo.length < SIGINFO_BYTES) return undefined;
  const words = new DataView(siginfo.buffer, siginfo.byteOffset);
  const [code, status] = [words.getInt32(8, true), words.getInt32(24, true)];
  return code === CLD_EXITED ? status & 0xff : 128 + status;
}
