// The kernel's process events as they arrive on a netlink socket (include/uapi/linux/cn_proc.h, connector.h and
// netlink.h): numbers, and where each field stands. Not in structs.ts, since no tape passes these.
// test/linux/process-connector.test.ts compares every number and offset with the C headers of both machines.

export const connectorNumbers = {
  NETLINK_CONNECTOR: 11,
  NLMSG_DONE: 3,
  CN_IDX_PROC: 1,
  CN_VAL_PROC: 1,
  PROC_CN_MCAST_LISTEN: 1,
  PROC_CN_MCAST_IGNORE: 2,
} as const;

/** Numbers of socket(7) that both machines share. */
export const socketNumbers = { SOL_SOCKET: 1, SO_RCVBUF: 8, SO_RCVBUFFORCE: 33, SO_MEMINFO: 55 } as const;

/** SO_MEMINFO fills 32-bit words, of which this one counts the messages that found no room (include/uapi/linux/sock_diag.h). */
export const SK_MEMINFO_DROPS = 8;

/** Bits of `what`. */
export const processEvents = {
  PROC_EVENT_NONE: 0,
  PROC_EVENT_FORK: 1,
  PROC_EVENT_EXEC: 2,
  PROC_EVENT_UID: 4,
  PROC_EVENT_GID: 0x40,
  PROC_EVENT_SID: 0x80,
  PROC_EVENT_PTRACE: 0x100,
  PROC_EVENT_COMM: 0x200,
  PROC_EVENT_COREDUMP: 0x4000_0000,
  PROC_EVENT_EXIT: 0x8000_0000,
} as const;

/**
 * A message: nlmsghdr, cn_msg, then a proc_event, or the operation that is asked for. No padding in between, so that the
 * event lies at no multiple of 8.
 */
export const messageFields = {
  nlmsghdr: { nlmsg_len: 0, nlmsg_type: 4, nlmsg_flags: 6, nlmsg_seq: 8, nlmsg_pid: 12, bytes: 16 },
  cn_msg: { "id.idx": 0, "id.val": 4, seq: 8, ack: 12, len: 16, flags: 18, bytes: 20 },
} as const;

/** From the beginning of proc_event; the fields of each event share their places. */
export const eventFields = {
  what: 0,
  cpu: 4,
  timestamp_ns: 8,
  fork: { parent_pid: 16, parent_tgid: 20, child_pid: 24, child_tgid: 28 },
  exec: { process_pid: 16, process_tgid: 20 },
  /** Of PROC_EVENT_UID and PROC_EVENT_GID. */
  id: { process_pid: 16, process_tgid: 20, "r.ruid": 24, "e.euid": 28 },
  sid: { process_pid: 16, process_tgid: 20 },
  ptrace: { process_pid: 16, process_tgid: 20, tracer_pid: 24, tracer_tgid: 28 },
  comm: { process_pid: 16, process_tgid: 20, comm: 24 },
  coredump: { process_pid: 16, process_tgid: 20, parent_pid: 24, parent_tgid: 28 },
  exit: { process_pid: 16, process_tgid: 20, exit_code: 24, exit_signal: 28, parent_pid: 32, parent_tgid: 36 },
  bytes: 40,
} as const;

export const COMM_BYTES = 16;
