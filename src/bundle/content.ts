// A blob's bytes for whoever reads them, decompressed on the way if they are gzip's or zstd's, and held to their digests.

import { BoxError } from "../errors.ts";
import { type Blob, chunksOf } from "./blob.ts";
import { type Digest, Digester } from "./digest.ts";
import { quietWatch, type Watch } from "./watch.ts";

export type Wanted = {
  readonly blob: Blob;
  /** Of the bytes as they are. */
  readonly digest?: Digest | undefined;
  /** Of the bytes decompressed. */
  readonly plainDigest?: Digest | undefined;
};

type Compression = "gzip" | "zstd" | undefined;

/** What is known of the first bytes of compressed data. */
const magics: readonly { readonly name: string; readonly bytes: readonly number[] }[] = [
  { name: "gzip", bytes: [0x1f, 0x8b] },
  { name: "zstd", bytes: [0x28, 0xb5, 0x2f, 0xfd] },
  { name: "xz", bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a] },
  { name: "bzip2", bytes: [0x42, 0x5a, 0x68] },
];

const LONGEST_MAGIC = 5;

function compressionOf(start: Uint8Array, name: string): Compression {
  const found = magics.find(({ bytes }) => bytes.every((byte, at) => start[at] === byte))?.name;
  if (found === undefined || found === "gzip" || found === "zstd") return found;
  throw new BoxError({ what: `${name} is compressed with ${found}`, hint: `decompress it first: ${found} -dc FILE | box bundle - DIR` });
}

/** By its first bytes; those of an empty file say nothing. */
export function compressionOfFile(blob: Blob): Compression {
  const { value: start } = chunksOf(blob, quietWatch, () => Number.POSITIVE_INFINITY).next();
  return start === undefined ? undefined : compressionOf(start, blob.name);
}

/**
 * All its chunks, each good until the next; an empty one when a pipe has nothing to give yet. `skip` says how much of what
 * follows is not wanted: that is left out where no digest is made of it. Throws a BoxError when the bytes are others than
 * the digests are of.
 */
export async function* contentOf(wanted: Wanted, watch: Watch, skip: () => number = () => 0): AsyncGenerator<Uint8Array, void> {
  const { blob } = wanted;
  const compression = blob.part === undefined ? undefined : compressionOfFile(blob);
  const { digest, plainDigest } = oneDigestIfPlain(wanted, compression);
  const raw = new Digester(digest, blob.name);
  const plain = new Digester(plainDigest, `${blob.name}, decompressed`);
  const chunks = chunksOf(blob, watch, () => (plain.isWanted || raw.isWanted || compression !== undefined ? 0 : skip()));
  const first = firstOf(chunks);
  if (first === undefined) throw new BoxError({ what: `${blob.name} is empty` });
  const found = blob.part === undefined ? compressionOf(first, blob.name) : compression;
  const all = found === undefined ? digested(first, chunks, raw) : decompressed(found, digested(first, chunks, raw), blob.name);
  for await (const chunk of all) {
    plain.update(chunk);
    yield chunk;
  }
  raw.check();
  plain.check();
}

/** With enough bytes to tell what it is, unless it ends before. */
function firstOf(chunks: Generator<Uint8Array, void>): Uint8Array | undefined {
  let first: Uint8Array = new Uint8Array(0);
  for (;;) {
    const { value, done } = chunks.next();
    if (done === true) return first.length === 0 ? undefined : first;
    if (first.length === 0 && value.length >= LONGEST_MAGIC) return value;
    // A copy: the next chunk comes into the same buffer.
    first = Buffer.concat([first, value]);
    if (first.length >= LONGEST_MAGIC) return first;
  }
}

/** Of bytes that are not compressed both digests are the same, and are computed once. */
function oneDigestIfPlain({ blob, digest, plainDigest }: Wanted, compression: Compression): Omit<Wanted, "blob"> {
  const isOne = blob.part !== undefined && compression === undefined && (digest === undefined || digest.hex === plainDigest?.hex);
  return isOne ? { digest: digest ?? plainDigest } : { digest, plainDigest };
}

function* digested(first: Uint8Array, rest: Iterable<Uint8Array>, digester: Digester): Generator<Uint8Array> {
  digester.update(first);
  yield first;
  for (const chunk of rest) {
    digester.update(chunk);
    yield chunk;
  }
}

async function* decompressed(compression: "gzip" | "zstd", chunks: Iterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  const { Decompressor } = await import("./decompress.ts");
  using decompressor = new Decompressor(compression, name);
  for (const chunk of chunks) {
    yield* decompressor.decompress(chunk);
    if (chunk.length === 0) yield chunk;
  }
  yield* decompressor.finish();
}
