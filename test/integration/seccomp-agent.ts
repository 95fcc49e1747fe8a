// An agent of system calls as a client has one (seccomp_unotify(2)): it listens at a socket, gets the listeners of filters
// there, and answers what the kernel asks it by them.

import { addressOf, systemCall } from "../../src/execute/libc.ts";
import { POLLIN, waitFor } from "../../src/execute/poll.ts";
import { syscallNumbers } from "../../src/seccomp/syscall-numbers.ts";
import { until } from "./harness.ts";
import { SocketReceiver } from "./socket-receiver.ts";

const NOTIF_BYTES = 80;
const RESPONSE_BYTES = 24;
/** _IOWR('!', 0, struct seccomp_notif) and _IOWR('!', 1, struct seccomp_notif_resp). */
const SECCOMP_IOCTL_NOTIF_RECV = 0xc0502100;
const SECCOMP_IOCTL_NOTIF_SEND = 0xc0182101;
const SECCOMP_USER_NOTIF_FLAG_CONTINUE = 1;

/** How a call ends: as if there were no filter, or with an errno, or with a result that the agent makes up. */
export type Answer = "continue" | { readonly errno: number } | { readonly result: number };
export type Asked = { readonly call: string; readonly pid: number };

const column = process.arch === "x64" ? 1 : 4;
const names = new Map(
  syscallNumbers
    .trim()
    .split("\n")
    .map((row) => row.split(" "))
    .map((row) => [Number(row[column]), row[0] as string]),
);

export class Agent implements Disposable {
  /** What came with each listener: container process states. */
  readonly told: unknown[] = [];
  readonly asked: Asked[] = [];
  readonly path: string;
  readonly #receiver: SocketReceiver;
  readonly #answer: (asked: Asked) => Answer;
  readonly #listeners: number[] = [];
  #serving = true;
  #failure: unknown;

  constructor(path: string, answer: (asked: Asked) => Answer) {
    this.path = path;
    this.#receiver = new SocketReceiver(path);
    this.#answer = answer;
    void this.#serve().catch((error: unknown) => (this.#failure = error));
  }

  /** What came with each listener, once there are so many: what box has sent may still be on its way here. */
  async toldOf(listeners: number): Promise<readonly unknown[]> {
    await until(() => this.told.length >= listeners, `${listeners} listeners`);
    return this.told;
  }

  async #serve(): Promise<void> {
    while (this.#serving) {
      const connection = this.#receiver.accept();
      if (connection >= 0) {
        const { text, fd } = await this.#receiver.receiveFrom(connection);
        this.told.push(JSON.parse(text));
        this.#listeners.push(fd);
      }
      const ready = waitFor(
        this.#listeners.map((fd) => ({ fd, events: POLLIN })),
        0,
      );
      for (const [at, events] of ready.entries()) if ((events & POLLIN) !== 0) this.#answerOne(this.#listeners[at] as number);
      await Bun.sleep(1);
    }
  }

  #answerOne(listener: number): void {
    const asked = Buffer.alloc(NOTIF_BYTES);
    // Whoever asked may have died meanwhile (ENOENT).
    if (systemCall("ioctl", listener, SECCOMP_IOCTL_NOTIF_RECV, addressOf(asked)) < 0) return;
    const call = { call: names.get(asked.readInt32LE(16)) ?? "unknown", pid: asked.readUInt32LE(8) };
    this.asked.push(call);
    const answer = this.#answer(call);
    const response = Buffer.alloc(RESPONSE_BYTES);
    response.writeBigUInt64LE(asked.readBigUInt64LE(0), 0);
    if (answer === "continue") response.writeUInt32LE(SECCOMP_USER_NOTIF_FLAG_CONTINUE, 20);
    else if ("errno" in answer) response.writeInt32LE(-answer.errno, 16);
    else response.writeBigInt64LE(BigInt(answer.result), 8);
    systemCall("ioctl", listener, SECCOMP_IOCTL_NOTIF_SEND, addressOf(response));
  }

  /** Ends it, as far as anybody can tell: whoever asks from then on gets ENOSYS. */
  leave(): void {
    if (this.#serving) this.#receiver[Symbol.dispose]();
    this.#serving = false;
  }

  [Symbol.dispose](): void {
    this.leave();
    if (this.#failure !== undefined) throw this.#failure;
  }
}
