// A blob's bytes to whoever reads them, decompressed on the way if they are gzip's or zstd's, and held to their digests.

import { BoxError } from "../errors.ts";
import { type Blob, chunksOf, type Receiver } from "./blob.ts";
import { type Digest, Digester } from "./digest.ts";
import { digestAside } from "./digest-aside.ts";
import { breathe, quietWatch, type Watch } from "./watch.ts";

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

const LONGEST_MAGIC = 5;

function compressionOf(start: Uint8Array, name: string): Compression {
  const found = magics.find(({ bytes }) => bytes.every((byte, at) => start[at] === byte))?.name;
  if (found === undefined || found === "gzip" || found === "zstd") return found;
  throw new BoxError({ what: `${name} is compressed with ${found}`, hint: `decompress it first: ${found} -dc FILE | box bundle - DIR` });
}

/** Returns how many bytes there were, decompressed. Throws a BoxError when there are too many bytes, or others than the digests are of. */
export async function pump(blob: Blob, receiver: Receiver, wanted: Wanted, watch: Watch): Promise<number> {
  const compression = blob.part === undefined ? undefined : compressionOfFile(blob);
  const { digest, plainDigest } = oneDigestIfPlain(wanted, blob, compression);
  using aside = digestAside(blob, digest);
  const raw = new Digester(aside === undefined ? digest : undefined, blob.name);
  const plain = new Digester(plainDigest, `${blob.name}, decompressed`);
  let total = 0;
  const receive = (chunk: Uint8Array): void => {
    total += chunk.length;
    if (total > wanted.most)
      throw new BoxError({ what: `${blob.name} holds more than ${wanted.most} bytes`, hint: "--max-size allows more" });
    plain.update(chunk);
    receiver.push(chunk);
  };
  // Bytes that a digest is made of on the way are all read.
  const skip = (): number => (plain.isWanted || raw.isWanted || compression !== undefined ? 0 : leaveOut(receiver));
  const chunks = chunksOf(blob, watch, skip);
  const first = await firstOf(chunks);
  if (first === undefined) throw new BoxError({ what: `${blob.name} is empty` });
  const found = blob.part === undefined ? compressionOf(first, blob.name) : compression;
  const all = digested(first, chunks, raw);
  if (found !== undefined) await (await import("./decompress.ts")).decompress(found, all, receive, blob.name);
  else
    for (const chunk of all) {
      receive(chunk);
      await breathe();
    }
  raw.check();
  plain.check();
  await aside?.check();
  watch.check();
  return total;
}

/** With enough bytes to tell what it is, unless it ends before. */
async function firstOf(chunks: Generator<Uint8Array, void>): Promise<Uint8Array | undefined> {
  let first: Uint8Array = new Uint8Array(0);
  for (;;) {
    const { value, done } = chunks.next();
    if (done === true) return first.length === 0 ? undefined : first;
    if (first.length === 0 && value.length >= LONGEST_MAGIC) return value;
    // A copy: the next chunk comes into the same buffer.
    first = Buffer.concat([first, value]);
    if (first.length >= LONGEST_MAGIC) return first;
    await breathe();
  }
}

/** Of bytes that are not compressed both digests are the same, and are computed once. */
function oneDigestIfPlain({ digest, plainDigest }: Wanted, blob: Blob, compression: Compression): Pick<Wanted, "digest" | "plainDigest"> {
  const isOne = blob.part !== undefined && compression === undefined && (digest === undefined || digest.hex === plainDigest?.hex);
  return isOne ? { digest: digest ?? plainDigest } : { digest, plainDigest };
}

function leaveOut(receiver: Receiver): number {
  const useless = receiver.useless ?? 0;
  if (Number.isFinite(useless)) receiver.leftOut?.(useless);
  return useless;
}

/** By its first bytes; those of an empty file say nothing. */
export function compressionOfFile(blob: Blob): Compression {
  const { value: start } = chunksOf(blob, quietWatch, () => Number.POSITIVE_INFINITY).next();
  return start === undefined ? undefined : compressionOf(start, blob.name);
}

function* digested(first: Uint8Array, rest: Iterable<Uint8Array>, digester: Digester): Generator<Uint8Array> {
  digester.update(first);
  yield first;
  for (const chunk of rest) {
    digester.update(chunk);
    yield chunk;
  }
}
