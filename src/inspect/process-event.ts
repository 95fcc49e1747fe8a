// What a message of the process connector says (src/linux/process-connector.ts has the layout), and how an end reads.
// Pure: bytes in, an event out. Names, containers and users are added by process-tracker.ts.

import { COMM_BYTES, eventFields, messageFields, processEvents } from "../linux/process-connector.ts";
import { signals } from "../linux/signals.ts";

/** The kinds as `box trace -e` takes them. A clone is a fork of a thread. */
export const eventKinds = ["fork", "exec", "exit", "core", "comm", "clone", "ptrace", "uid", "gid", "sid"] as const;
export type EventKind = (typeof eventKinds)[number];

export type ProcessEvent = {
  readonly kind: EventKind;
  /** Nanoseconds of CLOCK_MONOTONIC. */
  readonly timeNs: number;
  /** The process, by its pid in the first pid namespace; of a fork the parent. */
  readonly pid: number;
  readonly tid: number;
  /** Of a fork the new process, of a clone the new thread. */
  readonly child?: number;
  /** Of a ptrace: who traces it now, 0 for nobody. */
  readonly tracer?: number;
  /** Of an exit, as waitid(2) has it; undefined when nobody knows. */
  readonly status?: number | undefined;
  /** Of a uid or gid: the real one and the effective one. */
  readonly ids?: { readonly real: number; readonly effective: number };
  readonly comm?: string;
  /** Of an exec: /proc/PID/cmdline, where somebody has read it as soon as the event was there. */
  readonly cmdline?: string | undefined;
};

/** What tells that messages are missing: the kernel numbers them on each CPU (send_msg in drivers/connector/cn_proc.c). */
export type Numbered = { readonly cpu: number; readonly number: number; readonly event: ProcessEvent | undefined };

const START = messageFields.nlmsghdr.bytes + messageFields.cn_msg.bytes;
const SEQ = messageFields.nlmsghdr.bytes + messageFields.cn_msg.seq;

/** `event` is undefined for what is none of the events above, such as the answer to a listener. */
export function decodeMessage(message: DataView): Numbered {
  return {
    cpu: message.getUint32(START + eventFields.cpu, true),
    number: message.getUint32(SEQ, true),
    event: decodeEvent(message),
  };
}

function decodeEvent(message: DataView): ProcessEvent | undefined {
  const word = (offset: number): number => message.getInt32(START + offset, true);
  const { exec, fork, exit, id, ptrace } = eventFields;
  const timeNs = Number(message.getBigUint64(START + eventFields.timestamp_ns, true));
  // All but fork begin with the process and its thread.
  const base = { timeNs, pid: word(exec.process_tgid), tid: word(exec.process_pid) };
  const ids = { real: message.getUint32(START + id["r.ruid"], true), effective: message.getUint32(START + id["e.euid"], true) };
  switch (message.getUint32(START + eventFields.what, true)) {
    case processEvents.PROC_EVENT_FORK: {
      const [child, childProcess] = [word(fork.child_pid), word(fork.child_tgid)];
      if (child !== childProcess) return { kind: "clone", timeNs, pid: childProcess, tid: word(fork.parent_pid), child };
      return { kind: "fork", timeNs, pid: word(fork.parent_tgid), tid: word(fork.parent_pid), child };
    }
    case processEvents.PROC_EVENT_EXEC:
      return { kind: "exec", ...base };
    case processEvents.PROC_EVENT_EXIT:
      return { kind: "exit", ...base, status: word(exit.exit_code) };
    case processEvents.PROC_EVENT_COREDUMP:
      return { kind: "core", ...base };
    case processEvents.PROC_EVENT_COMM:
      return { kind: "comm", ...base, comm: commOf(message) };
    case processEvents.PROC_EVENT_PTRACE:
      return { kind: "ptrace", ...base, tracer: word(ptrace.tracer_tgid) };
    case processEvents.PROC_EVENT_UID:
      return { kind: "uid", ...base, ids };
    case processEvents.PROC_EVENT_GID:
      return { kind: "gid", ...base, ids };
    case processEvents.PROC_EVENT_SID:
      return { kind: "sid", ...base };
    default:
      return undefined;
  }
}

function commOf(message: DataView): string {
  const bytes = new Uint8Array(message.buffer, message.byteOffset + START + eventFields.comm.comm, COMM_BYTES);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

export type Ending = { readonly code: number } | { readonly signal: string; readonly core: boolean };

/** A status as wait(2) puts it together: the signal in the low 7 bits, 0x80 for a core, the exit code above. */
export function endingOf(status: number): Ending {
  const signal = status & 0x7f;
  return signal === 0 ? { code: (status >> 8) & 0xff } : { signal: signalName(signal), core: (status & 0x80) !== 0 };
}

/** `exit 3`, `SIGKILL`, `SIGSEGV core`; `ended` when the status is not known. */
export function endingText(status: number | undefined): string {
  if (status === undefined) return "ended";
  const ending = endingOf(status);
  if ("code" in ending) return `exit ${ending.code}`;
  return ending.core ? `${ending.signal} core` : ending.signal;
}

/** Real-time signals as `kill -l` has them. */
function signalName(number: number): string {
  for (const [name, value] of Object.entries(signals)) if (value === number) return name;
  return number >= 34 ? `SIGRTMIN+${number - 34}` : `signal ${number}`;
}
