// Digests of content as images name them: `sha256:` and hexadecimal digits (OCI image specification, descriptor.md).

import { BoxError } from "../errors.ts";

export type Digest = { readonly algorithm: "sha256" | "sha512"; readonly hex: string };

const digits = { sha256: 64, sha512: 128 } as const;

/** Throws a BoxError for what is no digest: it would become a path. */
export function readDigest(text: unknown, where: string): Digest {
  const [, algorithm, hex = ""] = /^(sha256|sha512):([0-9a-f]+)$/.exec(typeof text === "string" ? text : "") ?? [];
  if ((algorithm === "sha256" || algorithm === "sha512") && hex.length === digits[algorithm]) return { algorithm, hex };
  throw new BoxError({ origin: where, what: `expected a digest such as sha256:…, got ${JSON.stringify(text) ?? "nothing"}` });
}

/** Looks at bytes as they go by; does nothing when no digest is wanted. */
export class Digester {
  readonly #wanted: Digest | undefined;
  readonly #hasher: Bun.CryptoHasher | undefined;
  readonly #what: string;

  constructor(wanted: Digest | undefined, what: string) {
    this.#wanted = wanted;
    this.#what = what;
    this.#hasher = wanted === undefined ? undefined : new Bun.CryptoHasher(wanted.algorithm);
  }

  get isWanted(): boolean {
    return this.#wanted !== undefined;
  }

  update(bytes: Uint8Array): void {
    this.#hasher?.update(bytes);
  }

  check(): void {
    const got = this.#hasher?.digest("hex");
    if (this.#wanted === undefined || got === this.#wanted.hex) return;
    throw new BoxError({ what: `${this.#what} is not what its digest says: expected ${this.#wanted.hex}, got ${got}` });
  }
}
