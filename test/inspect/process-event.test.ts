import { expect, test } from "bun:test";
import { decodeMessage, endingOf, endingText, type ProcessEvent } from "../../src/inspect/process-event.ts";
import { eventFields, messageFields, processEvents } from "../../src/linux/process-connector.ts";

const start = messageFields.nlmsghdr.bytes + messageFields.cn_msg.bytes;

/** A message as the kernel sends it, with these 32-bit words after the timestamp. It begins at an odd place of its buffer. */
function message(what: number, words: readonly number[], text = ""): DataView {
  const view = new DataView(new ArrayBuffer(start + eventFields.bytes + 4), 4);
  view.setUint32(messageFields.nlmsghdr.bytes + messageFields.cn_msg.seq, 77, true);
  view.setUint32(start + eventFields.what, what, true);
  view.setUint32(start + eventFields.cpu, 3, true);
  view.setBigUint64(start + eventFields.timestamp_ns, 5_000_000_001n, true);
  for (const [index, word] of words.entries()) view.setInt32(start + 16 + index * 4, word, true);
  for (const [index, byte] of new TextEncoder().encode(text).entries()) view.setUint8(start + eventFields.comm.comm + index, byte);
  return view;
}

const timeNs = 5_000_000_001;
const cases: readonly [name: keyof typeof processEvents, words: readonly number[], expected: ProcessEvent | undefined, text?: string][] = [
  ["PROC_EVENT_FORK", [11, 10, 20, 20], { kind: "fork", timeNs, pid: 10, tid: 11, child: 20 }],
  ["PROC_EVENT_FORK", [11, 10, 21, 20], { kind: "clone", timeNs, pid: 20, tid: 11, child: 21 }],
  ["PROC_EVENT_EXEC", [11, 10], { kind: "exec", timeNs, pid: 10, tid: 11 }],
  ["PROC_EVENT_EXIT", [10, 10, 0x300, 17, 1, 1], { kind: "exit", timeNs, pid: 10, tid: 10, status: 0x300 }],
  ["PROC_EVENT_COREDUMP", [10, 10, 1, 1], { kind: "core", timeNs, pid: 10, tid: 10 }],
  ["PROC_EVENT_COMM", [11, 10], { kind: "comm", timeNs, pid: 10, tid: 11, comm: "fifteen letters" }, "fifteen letters"],
  ["PROC_EVENT_COMM", [11, 10], { kind: "comm", timeNs, pid: 10, tid: 11, comm: "sixteen letters!" }, "sixteen letters!"],
  ["PROC_EVENT_PTRACE", [10, 10, 31, 30], { kind: "ptrace", timeNs, pid: 10, tid: 10, tracer: 30 }],
  ["PROC_EVENT_UID", [10, 10, 1000, -2], { kind: "uid", timeNs, pid: 10, tid: 10, ids: { real: 1000, effective: 4294967294 } }],
  ["PROC_EVENT_GID", [10, 10, 5, 6], { kind: "gid", timeNs, pid: 10, tid: 10, ids: { real: 5, effective: 6 } }],
  ["PROC_EVENT_SID", [10, 10], { kind: "sid", timeNs, pid: 10, tid: 10 }],
  ["PROC_EVENT_NONE", [0], undefined],
];

for (const [name, words, event, text] of cases)
  test(`${name} ${words.join(" ")}`, () => {
    expect(decodeMessage(message(processEvents[name], words, text))).toEqual({ cpu: 3, number: 77, event });
  });

test("an event that this box does not know is none", () => {
  expect(decodeMessage(message(0x400, [1, 1])).event).toBeUndefined();
});

test("endings as wait(2) encodes them", () => {
  const texts = [undefined, 0, 0x300, 9, 0x8b, 34, 40, 32].map(endingText);
  expect(texts).toEqual(["ended", "exit 0", "exit 3", "SIGKILL", "SIGSEGV core", "SIGRTMIN+0", "SIGRTMIN+6", "signal 32"]);
  expect([endingOf(0xff00), endingOf(0x86)]).toEqual([{ code: 255 }, { signal: "SIGABRT", core: true }]);
});
