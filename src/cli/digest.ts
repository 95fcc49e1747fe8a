// box digest, which only box bundle calls: the digest of a part of the file that stdin is.

import { chunksOf } from "../bundle/blob.ts";
import { readDigestName } from "../bundle/digest.ts";
import { catchSignals, quietWatch } from "../bundle/watch.ts";
import { BoxError } from "../errors.ts";
import { writeLine } from "../execute/write-line.ts";
import type { FlagRow } from "./arguments.ts";

export const flags: readonly FlagRow[] = [];

const STDIN = 0;

export function run([name = "", offset = "", size = "", ...more]: readonly string[]): number {
  const algorithm = readDigestName(name);
  if (algorithm === undefined || !/^\d{1,15}$/.test(offset) || !/^\d{1,15}$/.test(size) || more.length > 0)
    throw new BoxError({ what: "expected a digest's name, an offset and a size" });
  // Box bundle gets the same ones, ends this process, and says why: not the other way round.
  catchSignals();
  const hasher = new Bun.CryptoHasher(algorithm);
  const part = { offset: Number(offset), size: Number(size) };
  for (const chunk of chunksOf({ fd: STDIN, name: "stdin", part }, quietWatch)) hasher.update(chunk);
  writeLine(hasher.digest("hex"));
  return 0;
}
