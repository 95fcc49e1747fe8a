import { describe, expect, test } from "bun:test";
import { messageToReceive, messageToSend, sendToSocket } from "../../src/plan/send-descriptor.ts";
import { printStep } from "../../src/tape/print.ts";
import { type Buffer, newSlot, newVariables, type Struct } from "../../src/tape/step.ts";

const numbers = (buffer: Buffer): number[] => [...new Uint32Array((buffer.initial as Uint8Array).slice().buffer)];
const text = (buffer: Buffer): string => new TextDecoder().decode(buffer.initial as Uint8Array);

describe("a message", () => {
  test("to send: its text, and a header that says SCM_RIGHTS, with room for one descriptor", () => {
    const variables = newVariables();
    const { message, descriptor } = messageToSend(variables, "hello");
    const { msg_iov: vector, msg_iovlen: vectors, msg_control: control, msg_controllen: length } = message.initial as Struct;
    expect([vectors, length]).toEqual([1, 20]);
    const { iov_base: bytes, iov_len: bytesLength } = (vector as Buffer).initial as Struct;
    expect([text(bytes as Buffer), bytesLength]).toEqual(["hello", 5]);
    // cmsg_len, two words; SOL_SOCKET, SCM_RIGHTS, the descriptor, padding.
    expect(numbers(control as Buffer)).toEqual([20, 0, 1, 1, 0, 0]);
    expect([descriptor.place - (control as Buffer).place, descriptor.shared]).toEqual([16, false]);
  });

  test("to receive: one byte, and one descriptor, but not a second", () => {
    const variables = newVariables();
    const { message, descriptor } = messageToReceive(variables);
    const { msg_iov: vector, msg_control: control, msg_controllen: length } = message.initial as Struct;
    const { iov_len: bytesLength } = (vector as Buffer).initial as Struct;
    expect([bytesLength, length]).toEqual([1, 20]);
    // A message without a descriptor leaves −1 in its place, and not stdin.
    expect(numbers(control as Buffer)).toEqual([0, 0, 0, 0, 0xffffffff, 0]);
    expect(descriptor.place - (control as Buffer).place).toBe(16);
  });
});

describe("to a socket", () => {
  const send = (path: string): { steps: string[]; name: Uint8Array } => {
    const variables = newVariables();
    const what = newSlot(variables, "fd", "terminal");
    const steps = sendToSocket(variables, what, path, "/dev/ptmx", "--console-socket", "the terminal");
    const place = variables.buffers.find(({ buffer }) => buffer === "sockaddr_un");
    return { steps: steps.map(printStep), name: place?.initial as Uint8Array };
  };

  test("of a client: connect, send, close", () =>
    expect(send("/run/c.sock").steps.join("\n")).toMatchInlineSnapshot(`
      "socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0) → socket for the terminal
      connect(socket for the terminal, &sockaddr_un, 14)
      compute terminal → the descriptor in the message
      sendmsg(socket for the terminal, &msghdr {msg_iov: &iovec, msg_iovlen: 1, msg_control: &control, msg_controllen: 20}, MSG_NOSIGNAL)
      close(socket for the terminal)"
    `));

  test("its address is the family, the path's bytes and an end", () => {
    expect([...send("/é").name]).toEqual([1, 0, 0x2f, 0xc3, 0xa9, 0]);
  });
});
