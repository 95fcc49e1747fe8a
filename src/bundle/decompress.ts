// gzip and zstd, by Bun's own zlib, in another thread than what the bytes are for. Loaded late: these modules take 20 MB.

import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { BoxError } from "../errors.ts";
import { CHUNK_BYTES } from "./blob.ts";
import { breathe, Interrupted } from "./watch.ts";

/** `name` is what messages call the source. Throws a BoxError when the data is broken or ends too soon. */
export async function decompress(
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

async function* copied(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) {
    if (chunk.length > 0) yield chunk.slice();
    await breathe();
  }
}
