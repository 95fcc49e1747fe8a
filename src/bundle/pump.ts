// A blob's bytes to whoever reads them, decompressed on the way if they are gzip's or zstd's, and held to their digests.

import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { BoxError } from "../errors.ts";
import { type Blob, CHUNK_BYTES, chunksOf, type Receiver } from "./blob.ts";
import { type Digest, Digester } from "./digest.ts";
import { Interrupted, type Watch } from "./watch.ts";

export type Wanted = {
  /** Of the bytes as they are. */
  readonly digest?: Digest | undefined;
  /** Of the bytes decompressed. */
  readonly plainDigest?: Digest | undefined;
  /** How many bytes there may be, decompressed. */
  readonly most: number;
};

type Compression = "gzip" | "zstd" | undefined;

/** What is known of the first bytes of compressed data. */
const magics: readonly { readonly name: string; readonly bytes: readonly number[] }[] = [
  { name: "gzip", bytes: [0x1f, 0x8b] },
  { name: "zstd", bytes: [0x28, 0xb5, 0x2f, 0xfd] },
  { name: "xz", bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a] },
  { name: "bzip2", bytes: [0x42, 0x5a, 0x68] },
];

export function compressionOf(start: Uint8Array, name: string): Compression {
  const found = magics.find(({ bytes }) => bytes.every((byte, at) => start[at] === byte))?.name;
  if (found === undefined || found === "gzip" || found === "zstd") return found;
  throw new BoxError({ what: `${name} is compressed with ${found}`, hint: `decompress it first: ${found} -dc FILE | box bundle - DIR` });
}

/** Returns how many bytes there were, decompressed. Throws a BoxError when there are too many bytes, or others than the digests are of. */
export async function pump(blob: Blob, receiver: Receiver, wanted: Wanted, watch: Watch): Promise<number> {
  const plain = new Digester(wanted.plainDigest, `${blob.name}, decompressed`);
  const raw = new Digester(wanted.digest, blob.name);
  let total = 0;
  const receive = (chunk: Uint8Array): void => {
    total += chunk.length;
    if (total > wanted.most)
      throw new BoxError({ what: `${blob.name} holds more than ${wanted.most} bytes`, hint: "--max-size allows more" });
    plain.update(chunk);
    receiver.push(chunk);
  };
  // Bytes that a digest is made of are all read.
  const skip = (): number => {
    if (plain.isWanted || raw.isWanted) return 0;
    const useless = receiver.useless ?? 0;
    if (Number.isFinite(useless)) receiver.leftOut?.(useless);
    return useless;
  };
  const chunks = chunksOf(blob, watch, skip);
  const { value: first } = chunks.next();
  if (first !== undefined) {
    const compression = compressionOf(first, blob.name);
    const all = digested(first, chunks, raw);
    if (compression === undefined) for (const chunk of all) receive(chunk);
    else await decompress(compression, all, receive, blob.name);
  }
  raw.check();
  plain.check();
  return total;
}

function* digested(first: Uint8Array, rest: Iterable<Uint8Array>, digester: Digester): Generator<Uint8Array> {
  digester.update(first);
  yield first;
  for (const chunk of rest) {
    digester.update(chunk);
    yield chunk;
  }
}

async function decompress(
  compression: "gzip" | "zstd",
  chunks: Iterable<Uint8Array>,
  receive: (chunk: Uint8Array) => void,
  name: string,
): Promise<void> {
  const options = { chunkSize: CHUNK_BYTES };
  // The decompressor reads in another thread while the next chunk is read into the same buffer.
  const copies = Readable.from(copied(chunks), { highWaterMark: 1 });
  try {
    await pipeline(copies, compression === "gzip" ? createGunzip(options) : createZstdDecompress(options), async (plain) => {
      for await (const chunk of plain) receive(chunk as Uint8Array);
    });
  } catch (error) {
    if (error instanceof BoxError || error instanceof Interrupted) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    // Anything but the decompressor's own words is a bug.
    if (!/^(Z_|ZSTD_|ERR_ZLIB|ERR_ZSTD|ERR__ZSTD)/.test(code ?? "")) throw error;
    throw new BoxError({ what: `${name} is broken or cut short: ${compression}: ${message}` }, { cause: error });
  }
}

function* copied(chunks: Iterable<Uint8Array>): Generator<Uint8Array> {
  for (const chunk of chunks) yield chunk.slice();
}
