// Steps that send what a container has written to the journal: one datagram for each read, in the native protocol's binary
// form (systemd.io/JOURNAL_NATIVE_PROTOCOL), so that any bytes pass. The pipes are in packets, so an entry is what the
// container has written at once. A journal that does not take it for a second loses it; the next that it takes says so.
//
//   PRIORITY=6\nCONTAINER_ID=…\nMESSAGE\n │ length as u64 │ bytes │ \n

import type { Journal } from "../config/stdio-choice.ts";
import { structFields } from "../linux/structs.ts";
import { address, type Buffer, compute, lastErrno, newBuffer, newSlot, type Slot, type Step, slotIn, step } from "../tape/step.ts";
import { entry } from "./log-layout.ts";
import type { SupervisorVariables } from "./plan.ts";
import { bytesOfSocketName } from "./send-descriptor.ts";
import type { Entry, LogWriter } from "./write-log.ts";

const origin = "stdio";
const IOVEC_BYTES = structFields.iovec.bytes;
const NEWLINE = 10;
const EAGAIN = 11;
const TRIES = 100;
const pause = { struct: "timespec", tv_sec: 0, tv_nsec: 10_000_000 } as const;
/** syslog(3): LOG_INFO, LOG_ERR, LOG_WARNING. */
const priorities = { stdout: 6, stderr: 3, lost: 4 } as const;

type Text = { readonly buffer: Buffer; readonly length: number };

export function journalWriter(own: SupervisorVariables, journal: Journal, one: Entry): LogWriter {
  if (own.stdio === undefined) throw new Error("stdio: a journal without a place for it");
  const { log: socket } = own.stdio;
  const { variables } = own;
  const text = (name: string, bytes: string): Text => {
    const encoded = new TextEncoder().encode(bytes);
    return { buffer: newBuffer(variables, name, encoded.length, encoded), length: encoded.length };
  };
  const head = (priority: number): string => fieldsOf(journal, priority);
  const vector = newBuffer(variables, "parts of an entry", 4 * IOVEC_BYTES);
  const length = newSlot(variables, "int", "length of the message");
  const lost = newSlot(variables, "int", "whether entries were lost");
  const tries = newSlot(variables, "int", "tries left");
  const message = newMessage(own, vector, 4, "entry for the journal");
  const part = (index: number, name: string, at: Buffer | Slot, bytes: number | Slot<"int">): Step[] => [
    compute([address(at), 0, 0, -1], origin, `${name} of the entry`, { out: slotIn("int", vector, index * IOVEC_BYTES, name) }),
    compute([bytes, 0, 0, -1], origin, "its length", { out: slotIn("int", vector, index * IOVEC_BYTES + 8, `${name}, its length`) }),
  ];
  const [stdout, stderr, end] = [
    text("fields of stdout", `${head(priorities.stdout)}MESSAGE\n`),
    text("fields of stderr", `${head(priorities.stderr)}MESSAGE\n`),
    text("end of the entry", "\n"),
  ];
  const tell = (): Step[] =>
    tellLost(own, socket, lost, text("that entries were lost", `${head(priorities.lost)}MESSAGE=box: output was lost before this\n`));
  return {
    prepare: [
      ...part(1, "length", length, 8),
      ...part(2, "bytes", one.bytes, 0),
      ...part(3, "end", end.buffer, end.length),
      compute([0, 0, 0, -1], origin, "nothing is lost yet", { out: lost }),
    ],
    write: (prefix) => [
      ...part(0, "fields", stdout.buffer, stdout.length),
      compute([one.stream, 0, 0, -1], origin, "is it stderr's?", {
        equal: { value: entry.streams.stderr, steps: part(0, "fields", stderr.buffer, stderr.length) },
      }),
      ...withoutNewline(own, one, length),
      compute([length, 0, 0, -1], origin, "so many bytes", { out: slotIn("int", vector, 2 * IOVEC_BYTES + 8, "length of the bytes") }),
      ...beginTries(tries, lost),
      compute([0, 0, 0, -1], origin, "try", { label: `${prefix} try` }),
      ...tell(),
      ...send({ socket, message, lost, tries, path: journal.socket, prefix }),
    ],
    end: tell,
  };
}

const fieldsOf = ({ fields }: Journal, priority: number): string => {
  let out = `PRIORITY=${priority}\n`;
  for (const [name, value] of Object.entries(fields)) out += `${name}=${value}\n`;
  return out;
};

function newMessage({ variables }: SupervisorVariables, vector: Buffer, parts: number, name: string): Buffer {
  const { bytes } = structFields.msghdr;
  return newBuffer(variables, name, bytes, { struct: "msghdr", msg_iov: vector, msg_iovlen: parts });
}

/** A newline at the end is not part of the message. The last byte's place is known only now, and this call finds it. */
function withoutNewline({ variables }: SupervisorVariables, { bytes, count }: Entry, length: Slot<"int">): Step[] {
  const self = newSlot(variables, "int", "own pid");
  const last = newBuffer(variables, "last byte", 8);
  const to = newBuffer(variables, "to the last byte", IOVEC_BYTES, { struct: "iovec", iov_base: last, iov_len: 1 });
  const from = newBuffer(variables, "the last byte's place", IOVEC_BYTES, { struct: "iovec", iov_len: 1 });
  const place = slotIn("int", from, 0, "the last byte's place");
  return [
    compute([count, 0, 0, -1], origin, "all of it", { out: length }),
    step("getpid", [], origin, "whose memory", { out: self }),
    compute([address(bytes), count, 1, -1], origin, "where the last byte is", { out: place }),
    step("process_vm_readv", [self, address(to), 1, address(from), 1, 0], origin, "read it", { onError: "ignore" }),
    compute([slotIn("int", last, 0, "last byte"), 0, 0, 0xff], origin, "is it a newline?", {
      equal: { value: NEWLINE, steps: [compute([count, 0, 1, -1], origin, "leave it out", { out: length })] },
    }),
  ];
}

function tellLost(own: SupervisorVariables, socket: Slot<"fd">, lost: Slot<"int">, words: Text): Step[] {
  const vector = newBuffer(own.variables, "that entries were lost, as a part", IOVEC_BYTES, {
    struct: "iovec",
    iov_base: words.buffer,
    iov_len: words.length,
  });
  const message = newMessage(own, vector, 1, "that entries were lost, as an entry");
  const tell = step("sendmsg", [socket, address(message), ["MSG_DONTWAIT", "MSG_NOSIGNAL"]], origin, "say that entries were lost", {
    onError: "ignore",
    ok: [compute([0, 0, 0, -1], origin, "said", { out: lost })],
  });
  return [compute([lost, 0, 0, -1], origin, "was something lost?", { equal: { value: 0, steps: [] }, ok: [tell] })];
}

/** After a loss just as often as it takes to find a journal that was started anew. */
const beginTries = (tries: Slot<"int">, lost: Slot<"int">): Step[] => [
  compute([TRIES, 0, 0, -1], origin, "be patient", { out: tries }),
  compute([lost, 0, 0, -1], origin, "was the last one lost too?", {
    equal: { value: 1, steps: [compute([2, 0, 0, -1], origin, "no more patience", { out: tries })] },
  }),
];

type Sending = { socket: Slot<"fd">; message: Buffer; lost: Slot<"int">; tries: Slot<"int">; path: string; prefix: string };

function send({ socket, message, lost, tries, path, prefix }: Sending): Step[] {
  const name = bytesOfSocketName(path);
  return [
    step("sendmsg", [socket, address(message), ["MSG_DONTWAIT", "MSG_NOSIGNAL"]], origin, "send the entry", {
      onError: "ignore",
      ok: [compute([0, 0, 0, -1], origin, "sent", { goto: `${prefix} written` })],
    }),
    compute([0, 0, lastErrno, -1], origin, "is the journal busy?", {
      equal: { value: EAGAIN, steps: [compute([0, 0, 0, -1], origin, "yes", { goto: `${prefix} later` })] },
    }),
    step("connect", [socket, name, name.length], origin, "it may have been started anew", { onError: "ignore" }),
    compute([tries, 0, 1, -1], origin, "count the tries", {
      label: `${prefix} later`,
      out: tries,
      equal: { value: 0, steps: [compute([1, 0, 0, -1], origin, "give up", { out: lost, goto: `${prefix} written` })] },
    }),
    step("ppoll", [null, 0, pause, null, 8], origin, "wait a little", { onError: "ignore" }),
    compute([0, 0, 0, -1], origin, "once more", { goto: `${prefix} try` }),
    compute([0, 0, 0, -1], origin, "done with it", { label: `${prefix} written` }),
  ];
}
