// Descriptors on their way to another process: SCM_RIGHTS messages (unix(7)), over the line between box and the child
// and to the sockets of clients that want a terminal's master or a pidfd.

import { structFields } from "../linux/structs.ts";
import { address, type Buffer, compute, newBuffer, newSlot, type Slot, type Step, slotIn, step, type Variables } from "../tape/step.ts";
import type { Bytes } from "./plan.ts";

/** A message that carries one descriptor beside its text: the struct msghdr, and where the descriptor stands in it. */
export type DescriptorMessage = { readonly message: Buffer; readonly descriptor: Slot<"int"> };

const CONTROL_BYTES = 24;
/** CMSG_LEN of one descriptor: a header of 16 bytes and an int. */
const CONTROL_LENGTH = 20;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;

/** To send: the descriptor has to be put in its place first. */
export function messageToSend(variables: Variables, text: string): DescriptorMessage {
  const control = newBuffer(variables, "control", CONTROL_BYTES, controlToSend());
  return messageOf(variables, new TextEncoder().encode(text), text.length, control);
}

const controlToSend = (): Uint8Array => new Uint8Array(new Uint32Array([CONTROL_LENGTH, 0, SOL_SOCKET, SCM_RIGHTS, 0, 0]).buffer);

/** To receive into: one byte of text and one descriptor, which stays −1 when a message comes without. */
export const messageToReceive = (variables: Variables): DescriptorMessage =>
  messageOf(variables, undefined, 1, newBuffer(variables, "control", CONTROL_BYTES, nothingReceived()));

const nothingReceived = (): Uint8Array => new Uint8Array(new Int32Array([0, 0, 0, 0, -1, 0]).buffer);

/** The same for a text that TypeScript puts in: where its address and its length go. */
export function messageToFill(variables: Variables): DescriptorMessage & { readonly text: Bytes } {
  const vector = newBuffer(variables, "iovec", structFields.iovec.bytes);
  const text = { address: slotIn("int", vector, 0, "the text"), length: slotIn("int", vector, 8, "its length") };
  return { ...messageAround(variables, vector, newBuffer(variables, "control", CONTROL_BYTES, controlToSend())), text };
}

function messageOf(variables: Variables, text: Uint8Array | undefined, length: number, control: Buffer): DescriptorMessage {
  const bytes = newBuffer(variables, "text of the message", (length + 7) & ~7, text);
  const vector = newBuffer(variables, "iovec", structFields.iovec.bytes, { struct: "iovec", iov_base: bytes, iov_len: length });
  return messageAround(variables, vector, control);
}

function messageAround(variables: Variables, vector: Buffer, control: Buffer): DescriptorMessage {
  const message = newBuffer(variables, "msghdr", structFields.msghdr.bytes, {
    struct: "msghdr",
    msg_iov: vector,
    msg_iovlen: 1,
    msg_control: control,
    msg_controllen: CONTROL_LENGTH,
  });
  return { message, descriptor: slotIn("int", control, 16, "the descriptor in the message") };
}

/** Longest path of a socket: sun_path of 108 bytes, with its end (unix(7)). */
export const longestSocketPath = 107;
const AF_UNIX = 1;

/** A struct sockaddr_un of just the length that it needs. */
export function bytesOfSocketName(path: string): Uint8Array {
  const bytes = new TextEncoder().encode(path);
  const name = new Uint8Array(2 + bytes.length + 1);
  name[0] = AF_UNIX;
  name.set(bytes, 2);
  return name;
}

/** Connects to the socket at `path` and sends `descriptor` there with `text`, as clients of runc expect it. */
export function sendToSocket(
  variables: Variables,
  descriptor: Slot<"fd">,
  path: string,
  text: string,
  origin: string,
  what: string,
): Step[] {
  const socket = newSlot(variables, "fd", `socket for ${what}`);
  const name = bytesOfSocketName(path);
  const place = newBuffer(variables, "sockaddr_un", (name.length + 7) & ~7, name);
  const { message, descriptor: inMessage } = messageToSend(variables, text);
  return [
    step("socket", [["AF_UNIX"], ["SOCK_STREAM", "SOCK_CLOEXEC"], 0], origin, `make a socket for ${what}`, { out: socket }),
    step("connect", [socket, address(place), name.length], origin, `connect to ${path}`),
    compute([descriptor, 0, 0, -1], origin, `put ${what} into a message`, { out: inMessage }),
    step("sendmsg", [socket, address(message), ["MSG_NOSIGNAL"]], origin, `send ${what} to ${path}`),
    step("close", [socket], origin, "done with it"),
  ];
}
