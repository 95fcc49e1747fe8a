// box finish: what the supervisor could not do with a tape. It runs in the same process that was box and then the
// supervisor, still holds the lock, and ends with the container's exit code.

import { existsSync, readFileSync } from "node:fs";
import { BoxError } from "../errors.ts";
import { addressOf, systemCall } from "../execute/libc.ts";
import { removeContainer, removeStateFolder } from "../execute/remove-container.ts";
import { findContainer } from "../execute/state-folder.ts";
import type { FlagRow } from "./arguments.ts";
import type { Globals } from "./commands.ts";

export const flags: readonly FlagRow[] = [];
const CLD_EXITED = 1;
const SIG_SETMASK = 2;
const SIGINFO_BYTES = 128;

export async function run(argv: readonly string[], globals: Globals): Promise<number> {
  const id = argv[0] ?? "";
  const found = findContainer(globals.root ?? "", id);
  if (found === undefined) throw new BoxError({ what: `the state of container ${id} is gone`, origin: "id" });
  const { folder, state } = found;
  const exitCode = readExitCode(`${folder}/exit`);
  if (state === undefined) removeStateFolder(folder);
  else {
    unblockSignals();
    await removeContainer(state, folder, async () => (await import("./poststop.ts")).poststop(state, globals.root ?? "", exitCode));
  }
  if (exitCode === undefined) throw new BoxError({ what: `cannot tell how the container ended: ${folder}/exit is missing or cut short` });
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

/** From the siginfo of waitid(2) that the supervisor left; undefined where it could not, the disk being full say. */
function readExitCode(path: string): number | undefined {
  const bytes = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
  if (bytes.length < SIGINFO_BYTES) return undefined;
  const code = bytes.readInt32LE(8);
  const status = bytes.readInt32LE(24);
  return code === CLD_EXITED ? status & 0xff : 128 + status;
}
