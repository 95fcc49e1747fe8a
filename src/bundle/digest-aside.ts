// The digest of a large part of a file, computed by another process while this one unpacks it: that takes a third of the
// time that unpacking does, and most machines have more than one core.

import { BoxError } from "../errors.ts";
import type { Blob } from "./blob.ts";
import type { Digest } from "./digest.ts";

/** What starting a process is worth. */
const LEAST_BYTES = 8 * 1024 * 1024;

/** undefined for what is better computed on the way. Its end has to be waited for, or it has to be disposed of. */
export function digestAside({ fd, part, name }: Blob, digest: Digest | undefined): DigestAside | undefined {
  if (digest === undefined || part === undefined || part.size < LEAST_BYTES) return undefined;
  const argv = ["/proc/self/exe", "digest", digest.algorithm, `${part.offset}`, `${part.size}`];
  return new DigestAside(Bun.spawn(argv, { stdin: fd, stdout: "pipe", stderr: "inherit", env: {} }), digest, name);
}

export class DigestAside implements Disposable {
  readonly #child: Bun.Subprocess<number, "pipe", "inherit">;
  readonly #wanted: Digest;
  readonly #name: string;

  constructor(child: Bun.Subprocess<number, "pipe", "inherit">, wanted: Digest, name: string) {
    this.#child = child;
    this.#wanted = wanted;
    this.#name = name;
  }

  /** Waits for the result. Throws a BoxError when it is another than the digest. */
  async check(): Promise<void> {
    const got = (await new Response(this.#child.stdout).text()).trim();
    const exitCode = await this.#child.exited;
    if (exitCode !== 0)
      throw new BoxError({ what: `the digest of ${this.#name} could not be computed: box digest ended with ${exitCode}` });
    if (got !== this.#wanted.hex) throw wrongDigest(this.#name, this.#wanted, got);
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
  }
}

export const wrongDigest = (what: string, { hex }: Digest, got: string): BoxError =>
  new BoxError({ what: `${what} is not what its digest says: expected ${hex}, got ${got}` });
