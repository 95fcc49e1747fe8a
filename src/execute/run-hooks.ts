// OCI hooks that run outside of a start: poststart after `box start`, poststop after the end. The same steps as in a plan,
// as a tape of their own for each hook, so that one that fails does not keep the others from running.

import type { HookPoint, Hooks } from "../config/spec.ts";
import { eachHook, type HookRun, newHookReport } from "../plan/hooks.ts";
import type { State } from "../state/state.ts";
import { encodeTape } from "../tape/encode.ts";
import { header } from "../tape/layout.ts";
import { newVariables, step } from "../tape/step.ts";
import { failureInWords } from "./failure.ts";
import { readHookOutput } from "./hook-output.ts";
import * as libc from "./libc.ts";
import { addressOf, cString, systemCall } from "./libc.ts";

/** Signals that Bun ignores, which an execve would pass on: SIGPIPE and SIGXFSZ. */
const ignoredSignals = [13, 25];
const MFD_CLOEXEC = 1;

/**
 * Runs the hooks of one point; `failed` hears of each that fails, and throws where no other is to run. `state` is the
 * runtime-spec's, with the status that hooks are to see.
 */
export function runHooksOf(
  hooks: Hooks | undefined,
  point: HookPoint,
  { box: _, ...state }: State,
  failed: (error: unknown) => void,
): void {
  if ((hooks?.[point] ?? []).length === 0) return;
  const text = new TextEncoder().encode(JSON.stringify(state));
  const files = { state: memoryFile("box-hook-state"), output: memoryFile("box-hook-output") };
  systemCall("pwrite64", files.state, addressOf(text), text.length, 0);
  const variables = newVariables();
  const run: HookRun = { ...files, variables, report: newHookReport(variables, false), ignoredSignals };
  const enter = [step("chdir", [state.bundle], "bundle", `enter the folder ${state.bundle}`)];
  const where = { machine: libc.machine, base: libc.tapeMemory.address, status: libc.boxStatusAddress };
  for (const steps of eachHook(run, hooks, point, enter)) {
    const encoded = encodeTape([steps], variables, where, { mostBytes: libc.tapeMemory.bytes });
    libc.loadTape(encoded.image);
    const result = libc.runTape(encoded.entries[0] as number);
    if (result === 0) continue;
    const bytes = (of: Parameters<typeof encoded.addressOf>[0] & { bytes: number }): Uint8Array =>
      libc.bytesAt(encoded.addressOf(of), of.bytes).slice();
    const hook = {
      began: bytes(run.report.began),
      siginfo: bytes(run.report.siginfo),
      endedMs: Date.now(),
      output: readHookOutput(files.output),
    };
    const address = libc.readWord(libc.tapeMemory.address + header.lastRecord);
    failed(failureInWords({ tape: "box", address, errno: -result, explanation: "", hook }, { box: encoded, child: encoded }));
  }
  for (const fd of [files.state, files.output]) systemCall("close", fd);
}

/** Above stdio, which hooks get their own of. */
function memoryFile(name: string): number {
  const text = cString(name);
  return systemCall("memfd_create", text.address, MFD_CLOEXEC);
}
