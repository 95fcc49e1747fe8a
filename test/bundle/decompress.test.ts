import { describe, expect, test } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { CHUNK_BYTES } from "../../src/bundle/blob.ts";
import { Decompressor } from "../../src/bundle/decompress.ts";
import { BoxError } from "../../src/errors.ts";

const compress = { gzip: gzipSync, zstd: zstdCompressSync } as const;
const kinds = ["gzip", "zstd"] as const;

/** All that comes out of bytes that come in chunks of that size. */
function decompressed(kind: (typeof kinds)[number], bytes: Uint8Array, size: number): Buffer {
  using decompressor = new Decompressor(kind, "it");
  const parts: Buffer[] = [];
  const take = (chunks: Iterable<Uint8Array>): void => {
    for (const chunk of chunks) {
      expect(chunk.length).toBeLessThanOrEqual(CHUNK_BYTES);
      parts.push(Buffer.from(chunk));
    }
  };
  for (let at = 0; at < bytes.length; at += size) take(decompressor.decompress(bytes.slice(at, at + size)));
  take(decompressor.finish());
  return Buffer.concat(parts);
}

const noise = crypto.getRandomValues(new Uint8Array(50_000));
const content = Buffer.concat([noise, new Uint8Array(3 * CHUNK_BYTES), noise]);

for (const kind of kinds)
  describe(kind, () => {
    const packed = compress[kind](content);

    test("comes out whole, whatever the chunks", () => {
      for (const size of [1000, 4096, packed.length - 1, packed.length])
        expect(decompressed(kind, packed, size).equals(content)).toBe(true);
      expect(decompressed(kind, compress[kind](noise.subarray(0, 300)), 1).equals(noise.subarray(0, 300))).toBe(true);
    });

    test("in several parts, wherever a chunk ends", () => {
      const part = compress[kind](noise.subarray(0, 500));
      const both = Buffer.concat([part, part]);
      const expected = Buffer.concat([noise.subarray(0, 500), noise.subarray(0, 500)]);
      for (const size of [part.length - 1, part.length, part.length + 1, both.length])
        expect(decompressed(kind, both, size).equals(expected)).toBe(true);
    });

    test("of zeros only as much as there is room for at a time", () => {
      const zeros = new Uint8Array(40 * CHUNK_BYTES);
      expect(decompressed(kind, compress[kind](zeros), 256).equals(zeros)).toBe(true);
    });

    // Bun's zstd does not say that there should be more: an archive that is cut short is noticed by its reader.
    test("broken it is refused, and gzip cut short", () => {
      const refused = (bytes: Uint8Array): string => {
        try {
          decompressed(kind, bytes, 4096);
        } catch (error) {
          return error instanceof BoxError ? (error.facts.what ?? "") : String(error);
        }
        return "taken";
      };
      const words = new RegExp(`^it is broken or cut short: ${kind}: .+`);
      for (const length of kind === "gzip" ? [3, 20, Math.floor(packed.length / 2), packed.length - 1] : [])
        expect(refused(packed.subarray(0, length))).toMatch(words);
      expect(refused(new Uint8Array(100).fill(7))).toMatch(words);
    });
  });

test("what fills a gzip file up behind its end is nothing", () => {
  const packed = Buffer.concat([gzipSync(content), new Uint8Array(5000)]);
  for (const size of [1000, packed.length - 5000, packed.length]) expect(decompressed("gzip", packed, size).equals(content)).toBe(true);
});
