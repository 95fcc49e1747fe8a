// What an agent of system calls is told beside the listener: the runtime-spec's container process state (config-linux.md).
// Loaded only for a process whose filter asks an agent.

import type { Spec } from "../config/spec.ts";
import type { State } from "../state/state.ts";
import { encoder, type Run, setBytes } from "./tape-run.ts";

/** `pid` is the process that gets the filter, which in an exec is not the container's init. */
export function setAgentState(run: Run, pid: number, state: State, { linux }: Spec): void {
  const metadata = linux?.seccomp?.listenerMetadata;
  const { ociVersion, id, status, bundle, annotations } = state;
  const told = {
    ociVersion,
    fds: ["seccompFd"],
    pid,
    ...(metadata === undefined ? {} : { metadata }),
    state: { ociVersion, id, status, pid: state.pid, bundle, ...(annotations === undefined ? {} : { annotations }) },
  };
  setBytes(run, "agentState", "agentStateLength", encoder.encode(JSON.stringify(told)));
}
