// A client of box that gives it a unix socket and gets a descriptor there (SCM_RIGHTS, unix(7)), as conmon and containerd's
// shim do. Calls that box's own tapes have no use for go through libc.

import { dlopen, ptr } from "bun:ffi";
import { closeSync, readSync } from "node:fs";
import { systemCall } from "../../src/execute/libc.ts";
import { until } from "./harness.ts";

const libc = dlopen("libc.so.6", {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "i32"], returns: "i32" },
  listen: { args: ["i32", "i32"], returns: "i32" },
  accept4: { args: ["i32", "ptr", "ptr", "i32"], returns: "i32" },
  recvmsg: { args: ["i32", "ptr", "i32"], returns: "i64" },
});

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const MSG_CMSG_CLOEXEC = 0x4000_0000;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;

export type Received = {
  readonly text: string;
  /** Closed at the end of the receiver's scope. */
  readonly fd: number;
};

export class SocketReceiver implements Disposable {
  readonly path: string;
  readonly #listening: number;
  readonly #open: number[] = [];

  constructor(path: string) {
    this.path = path;
    const address = Buffer.alloc(110);
    address.writeUInt16LE(AF_UNIX, 0);
    address.write(path, 2);
    this.#listening = libc.symbols.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK_CLOEXEC, 0);
    const bound = libc.symbols.bind(this.#listening, ptr(address), 2 + Buffer.byteLength(path) + 1);
    if (bound !== 0 || libc.symbols.listen(this.#listening, 5) !== 0) throw new Error(`cannot listen at ${path}`);
  }

  /** A connection that somebody has made, negative if nobody has. */
  accept(): number {
    return libc.symbols.accept4(this.#listening, null, null, SOCK_NONBLOCK_CLOEXEC);
  }

  /** One connection, one descriptor in its first message, and all text up to its end. */
  async receive(): Promise<Received> {
    return await this.receiveFrom(await this.connection());
  }

  /** Waits for one; to be given to receiveFrom, or to be closed. */
  async connection(): Promise<number> {
    let connection = -1;
    await until(() => {
      connection = this.accept();
      return connection >= 0;
    }, `a connection to ${this.path}`);
    return connection;
  }

  /** As `receive` does; the connection is closed then. */
  async receiveFrom(connection: number): Promise<Received> {
    try {
      const text = Buffer.alloc(0x10_0000);
      // Room for several, to notice if more than one came.
      const control = Buffer.alloc(64);
      const vector = new BigUint64Array([BigInt(ptr(text)), BigInt(text.length)]);
      const message = new BigUint64Array([0n, 0n, BigInt(ptr(vector)), 1n, BigInt(ptr(control)), BigInt(control.length), 0n]);
      let length = -1;
      await until(() => {
        length = Number(libc.symbols.recvmsg(connection, ptr(message), MSG_CMSG_CLOEXEC));
        return length >= 0;
      }, "a message");
      const [bytes, level, type] = [Number(control.readBigUInt64LE(0)), control.readInt32LE(8), control.readInt32LE(12)];
      if (bytes !== 20 || level !== SOL_SOCKET || type !== SCM_RIGHTS) throw new Error(`no single descriptor: ${[bytes, level, type]}`);
      const fd = control.readInt32LE(16);
      this.#open.push(fd);
      const parts = [text.toString("latin1", 0, length)];
      await until(() => {
        length = Number(libc.symbols.recvmsg(connection, ptr(message), MSG_CMSG_CLOEXEC));
        if (length > 0) parts.push(text.toString("latin1", 0, length));
        return length === 0;
      }, "the end of the connection");
      return { text: Buffer.from(parts.join(""), "latin1").toString(), fd };
    } finally {
      closeSync(connection);
    }
  }

  /** Lets go of a descriptor before the end of the scope. */
  close(fd: number): void {
    closeSync(fd);
    this.#open.splice(this.#open.indexOf(fd), 1);
  }

  [Symbol.dispose](): void {
    for (const fd of [...this.#open, this.#listening]) closeSync(fd);
  }
}

/** What comes out of a terminal's master, until it holds `text`. */
export async function readUntil(master: number, text: string): Promise<string> {
  systemCall("fcntl", master, F_SETFL, O_NONBLOCK);
  const buffer = Buffer.alloc(4096);
  let output = "";
  await until(
    () => {
      try {
        output += buffer.toString("utf8", 0, readSync(master, buffer));
      } catch (error) {
        // Nothing yet; or nobody has the slave open any more.
        if (!["EAGAIN", "EIO"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
      }
      return output.includes(text);
    },
    `${JSON.stringify(text)} at the terminal, which said ${JSON.stringify(output)}`,
  );
  return output;
}
