// A stand-in for systemd's journal: its datagram socket, and its native protocol read back.

import { unlinkSync } from "node:fs";
import { addressOf, systemCall } from "../../src/execute/libc.ts";
import { bytesOfSocketName } from "../../src/plan/send-descriptor.ts";
import { until } from "./harness.ts";

const AF_UNIX = 1;
const SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | 0o4000 | 0o2000000;
const NEWLINE = 10;

export class JournalReceiver implements Disposable {
  readonly path: string;
  readonly #socket: number;

  constructor(path: string) {
    this.path = path;
    const name = bytesOfSocketName(path);
    this.#socket = systemCall("socket", AF_UNIX, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0);
    if (systemCall("bind", this.#socket, addressOf(name), name.length) < 0) throw new Error(`cannot bind ${path}`);
  }

  /** The fields of the next entry. */
  async receive(): Promise<Record<string, string>> {
    const bytes = Buffer.alloc(65_536);
    let length = -1;
    await until(() => {
      length = systemCall("read", this.#socket, addressOf(bytes), bytes.length);
      return length > 0;
    }, `an entry for ${this.path}`);
    return fieldsIn(bytes.subarray(0, length));
  }

  [Symbol.dispose](): void {
    systemCall("close", this.#socket);
    unlinkSync(this.path);
  }
}

/** `NAME=VALUE\n`, or `NAME\n`, the length as 64 bits, the value and a newline. */
function fieldsIn(bytes: Buffer): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let at = 0; at < bytes.length; ) {
    const newline = bytes.indexOf(NEWLINE, at);
    const line = bytes.toString("utf8", at, newline);
    const equals = line.indexOf("=");
    at = newline + 1;
    if (equals >= 0) fields[line.slice(0, equals)] = line.slice(equals + 1);
    else {
      const length = Number(bytes.readBigUInt64LE(at));
      fields[line] = bytes.toString("utf8", at + 8, at + 8 + length);
      at += 8 + length + 1;
    }
  }
  return fields;
}
