// The socket on which the kernel tells of processes: every fork, exec and exit of the machine (Documentation/driver-api/
// connector.rst). Opening, reading and closing it; src/inspect/process-event.ts knows what a message says.
// Nothing is filtered in the kernel: its numbers without a gap are what tells that a message was lost.

import { errnoName } from "../linux/errno-name.ts";
import {
  connectorNumbers,
  eventFields,
  messageFields,
  processEvents,
  SK_MEMINFO_DROPS,
  socketNumbers,
} from "../linux/process-connector.ts";
import { addressOf, systemCall } from "./libc.ts";

const { NETLINK_CONNECTOR, NLMSG_DONE, CN_IDX_PROC, CN_VAL_PROC, PROC_CN_MCAST_LISTEN, PROC_CN_MCAST_IGNORE } = connectorNumbers;
const { SOL_SOCKET, SO_RCVBUF, SO_RCVBUFFORCE, SO_MEMINFO } = socketNumbers;
const { nlmsghdr, cn_msg } = messageFields;

const AF_NETLINK = 16;
const SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | 0o4000 | 0o2000000;
const SOCKADDR_BYTES = 12;
const [NL_FAMILY, NL_PID, NL_GROUPS] = [0, 4, 8] as const;
const ENOBUFS = 105;

/** Room for some 150,000 events: the kernel counts 832 bytes for each, and doubles what it is given (socket(7)). */
const BUFFER_BYTES = 64 * 1024 * 1024;

/** What one event may take; the largest has 76 bytes. */
const SLOT_BYTES = 128;
const SLOTS = 256;
/** struct mmsghdr: a msghdr of 56 bytes, then how long the message is. */
const MMSGHDR_BYTES = 64;
const MSG_LEN = 56;
const IOVEC_BYTES = 16;

/** Where a message's proc_event begins. */
const EVENT_START = nlmsghdr.bytes + cn_msg.bytes;

export type Connector = {
  readonly fd: number;
  /** Takes what waits, at most 256 messages, and says how many it took. `each` gets a view that is good until it returns. */
  readonly receive: (each: (message: DataView) => void) => number;
  /** How many messages found no room so far. */
  readonly dropped: () => number;
  readonly close: () => void;
};

/** Why there is no connector: the call that the kernel refused, or that it does not answer. */
export type Refusal = { readonly call: string; readonly errno?: string };

/**
 * Asks for all events. A user without root may since Linux 6.6; before, bind(2) fails with EPERM. Outside of the first pid
 * and user namespace the kernel takes the request and does nothing (drivers/connector/cn_proc.c), so its answer is looked for.
 */
export function openConnector(): Connector | Refusal {
  const fd = systemCall("socket", AF_NETLINK, SOCK_DGRAM_NONBLOCK_CLOEXEC, NETLINK_CONNECTOR);
  if (fd < 0) return { call: "socket", errno: errnoName(-fd) };
  const refuse = (call: string, errno: number): Refusal => {
    systemCall("close", fd);
    return errno < 0 ? { call, errno: errnoName(-errno) } : { call };
  };
  growBuffer(fd);
  const address = new DataView(new ArrayBuffer(SOCKADDR_BYTES));
  address.setUint16(NL_FAMILY, AF_NETLINK, true);
  address.setUint32(NL_GROUPS, 1 << (CN_IDX_PROC - 1), true);
  const bound = systemCall("bind", fd, addressOf(bytesOf(address)), SOCKADDR_BYTES);
  if (bound < 0) return refuse("bind", bound);
  const sent = request(fd, PROC_CN_MCAST_LISTEN);
  if (sent < 0) return refuse("sendto", sent);
  const early: Uint8Array[] = [];
  const receiver = receiverOf(fd);
  let answered = false;
  // The kernel has answered before it returned from the request; others' events may stand in front.
  for (let got = SLOTS; got === SLOTS && !answered; )
    got = receiver((message) => {
      if (isAnswer(message)) answered = true;
      early.push(bytesOf(message).slice());
    });
  if (!answered) return refuse("PROC_CN_MCAST_LISTEN", 0);
  return {
    fd,
    receive(each) {
      const first = early.splice(0);
      for (const bytes of first) each(new DataView(bytes.buffer));
      return first.length + receiver(each);
    },
    dropped: () => droppedBy(fd),
    close() {
      // Kernels before 6.6 count listeners by these requests alone.
      request(fd, PROC_CN_MCAST_IGNORE);
      systemCall("close", fd);
    },
  };
}

const bytesOf = (view: DataView): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

/** As large as this user may have it: without CAP_NET_ADMIN the second call stops at net.core.rmem_max. */
function growBuffer(fd: number): void {
  const size = new Uint8Array(new Int32Array([BUFFER_BYTES]).buffer);
  if (systemCall("setsockopt", fd, SOL_SOCKET, SO_RCVBUFFORCE, addressOf(size), size.length) < 0)
    systemCall("setsockopt", fd, SOL_SOCKET, SO_RCVBUF, addressOf(size), size.length);
}

/** Tells this request's answer from those to other listeners, which everyone gets. */
const requestNumber = (): number => systemCall("getpid");

function request(fd: number, operation: number): number {
  const length = EVENT_START + 4;
  const message = new DataView(new ArrayBuffer(length));
  message.setUint32(nlmsghdr.nlmsg_len, length, true);
  message.setUint16(nlmsghdr.nlmsg_type, NLMSG_DONE, true);
  message.setUint32(nlmsghdr.bytes + cn_msg["id.idx"], CN_IDX_PROC, true);
  message.setUint32(nlmsghdr.bytes + cn_msg["id.val"], CN_VAL_PROC, true);
  message.setUint32(nlmsghdr.bytes + cn_msg.ack, requestNumber(), true);
  message.setUint16(nlmsghdr.bytes + cn_msg.len, 4, true);
  message.setUint32(EVENT_START, operation, true);
  return systemCall("sendto", fd, addressOf(bytesOf(message)), length, 0, 0, 0);
}

/** The kernel answers with the number that it was sent, plus one. */
const isAnswer = (message: DataView): boolean =>
  message.getUint32(EVENT_START + eventFields.what, true) === processEvents.PROC_EVENT_NONE &&
  message.getUint32(nlmsghdr.bytes + cn_msg.ack, true) === requestNumber() + 1;

/** One block of memory: the headers, then what they point to. */
function receiverOf(fd: number): Connector["receive"] {
  const vectors = SLOTS * MMSGHDR_BYTES;
  const senders = vectors + SLOTS * IOVEC_BYTES;
  const messages = senders + SLOTS * SOCKADDR_BYTES;
  const memory = new ArrayBuffer(messages + SLOTS * SLOT_BYTES);
  const bytes = new Uint8Array(memory);
  const words = new DataView(memory);
  const address = (offset: number): bigint => BigInt(addressOf(bytes) + offset);
  for (let slot = 0; slot < SLOTS; slot++) {
    const [header, vector] = [slot * MMSGHDR_BYTES, vectors + slot * IOVEC_BYTES];
    words.setBigUint64(vector, address(messages + slot * SLOT_BYTES), true);
    words.setBigUint64(vector + 8, BigInt(SLOT_BYTES), true);
    // struct msghdr: msg_name, msg_namelen, msg_iov, msg_iovlen (src/linux/structs.ts).
    words.setBigUint64(header, address(senders + slot * SOCKADDR_BYTES), true);
    words.setUint32(header + 8, SOCKADDR_BYTES, true);
    words.setBigUint64(header + 16, address(vector), true);
    words.setBigUint64(header + 24, 1n, true);
  }
  return (each) => {
    const got = receiveMany(fd, bytes);
    for (let slot = 0; slot < got; slot++) {
      const length = words.getUint32(slot * MMSGHDR_BYTES + MSG_LEN, true);
      // Anyone with CAP_NET_ADMIN may write to this socket; the kernel's own pid is 0.
      const isKernel = words.getUint32(senders + slot * SOCKADDR_BYTES + NL_PID, true) === 0;
      if (isKernel && length >= EVENT_START + eventFields.bytes) each(new DataView(memory, messages + slot * SLOT_BYTES, length));
    }
    return got;
  };
}

function receiveMany(fd: number, headers: Uint8Array): number {
  for (;;) {
    const got = systemCall("recvmmsg", fd, addressOf(headers), SLOTS, 0, 0);
    // The kernel says once that messages were dropped; the counter says how many, and the next call goes on.
    if (got !== -ENOBUFS) return got < 0 ? 0 : got;
  }
}

function droppedBy(fd: number): number {
  const words = new Uint32Array(SK_MEMINFO_DROPS + 1);
  const bytes = new Uint8Array(words.buffer);
  const length = new Uint8Array(new Uint32Array([bytes.length]).buffer);
  systemCall("getsockopt", fd, SOL_SOCKET, SO_MEMINFO, addressOf(bytes), addressOf(length));
  return words[SK_MEMINFO_DROPS] ?? 0;
}
