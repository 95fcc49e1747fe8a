// gzip and zstd, by Bun's own zlib. Not by its streams, which take more time than decompressing does and give every chunk
// in memory of its own: the decompressor below them is called directly, into one buffer. Loaded late: these modules take 20 MB.

import { constants, createGunzip, createZstdDecompress } from "node:zlib";
import { BoxError } from "../errors.ts";
import { CHUNK_BYTES } from "./blob.ts";

/** What a stream of node:zlib has below it (lib/zlib.js of Node.js, processChunkSync). */
type Inner = {
  readonly _handle: {
    writeSync(flush: number, from: Uint8Array, at: number, length: number, to: Uint8Array, toAt: number, toLength: number): void;
    close(): void;
    onerror: (message: string) => void;
  };
  /** After each write: how much room is left, and how much of the input. */
  readonly _writeState: Uint32Array;
};

const flushes = {
  gzip: { more: constants.Z_NO_FLUSH, end: constants.Z_FINISH },
  zstd: { more: constants.ZSTD_e_continue, end: constants.ZSTD_e_end },
} as const;

const nothing = new Uint8Array(0);

export class Decompressor implements Disposable {
  readonly #inner: Inner;
  readonly #flushes: (typeof flushes)["gzip" | "zstd"];
  readonly #room = new Uint8Array(CHUNK_BYTES);
  #failure: string | undefined;
  readonly #what: string;

  /** `name` is what messages call the source. */
  constructor(compression: "gzip" | "zstd", name: string) {
    this.#inner = (compression === "gzip" ? createGunzip() : createZstdDecompress()) as unknown as Inner;
    this.#inner._handle.onerror = (message) => {
      this.#failure = message;
    };
    this.#flushes = flushes[compression];
    this.#what = `${name} is broken or cut short: ${compression}`;
  }

  /** What these bytes give, in chunks that are good until the next. Throws a BoxError when they are broken. */
  decompress(bytes: Uint8Array): Generator<Uint8Array, void> {
    return this.#write(bytes, this.#flushes.more);
  }

  /** There are no more bytes. Throws a BoxError when there should be. */
  finish(): Generator<Uint8Array, void> {
    return this.#write(nothing, this.#flushes.end);
  }

  *#write(bytes: Uint8Array, flush: number): Generator<Uint8Array, void> {
    const { _handle: handle, _writeState: state } = this.#inner;
    for (let at = 0; ; ) {
      handle.writeSync(flush, bytes, at, bytes.length - at, this.#room, 0, this.#room.length);
      if (this.#failure !== undefined) throw new BoxError({ what: `${this.#what}: ${this.#failure}` });
      const [roomLeft = 0, left = 0] = state;
      const got = this.#room.length - roomLeft;
      const taken = bytes.length - at - left;
      at += taken;
      if (got > 0) yield this.#room.subarray(0, got);
      // More may come out where the room was full. What is not taken where nothing came out follows the end, as padding does.
      if (roomLeft > 0 && (left === 0 || (got === 0 && taken === 0))) return;
    }
  }

  [Symbol.dispose](): void {
    this.#inner._handle.close();
  }
}
