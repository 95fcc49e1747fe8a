// Bytes that come in chunks, for a reader that is written as if it had them all: it asks, and waits with `yield` when
// there are not enough yet. So one reader serves files, pipes and decompressors.

/** Part of a reader; every `yield` is given the next chunk. */
export type Step<Result> = Generator<undefined, Result, Uint8Array>;

const none = new Uint8Array(0);

export class Feed {
  #chunk: Uint8Array = none;
  #at = 0;
  /** What is still to be skipped of bytes that have not come. Whoever feeds may leave them out, and take them off here. */
  ahead = 0;

  /**
   * Exactly so many bytes if they have come, good until the next call. Nearly always they have, and then a call is much
   * cheaper than a generator: what is read by `take` and `some` is asked for here first.
   */
  ready(length: number): Uint8Array | undefined {
    return this.#chunk.length - this.#at >= length ? this.#part(length) : undefined;
  }

  /** At most so many bytes of those that have come. */
  readySome(most: number): Uint8Array | undefined {
    const there = this.#chunk.length - this.#at;
    return there > 0 ? this.#part(Math.min(most, there)) : undefined;
  }

  /** Exactly so many bytes, good until the next call. */
  *take(length: number): Step<Uint8Array> {
    const whole = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const part = yield* this.some(length - done);
      whole.set(part, done);
      done += part.length;
    }
    return whole;
  }

  /** At least one byte and at most so many, without a copy; good until the next call. */
  *some(most: number): Step<Uint8Array> {
    while (this.#at === this.#chunk.length) {
      this.#chunk = yield;
      this.#at = 0;
    }
    return this.#part(Math.min(most, this.#chunk.length - this.#at));
  }

  /** Whether all of it has come. If not, `skip` has to wait for the rest. */
  readySkip(length: number): boolean {
    const here = Math.min(length, this.#chunk.length - this.#at);
    this.#at += here;
    this.ahead = length - here;
    return this.ahead === 0;
  }

  *skip(length: number): Step<void> {
    if (this.readySkip(length)) return;
    while (this.ahead > 0) {
      const chunk = yield;
      // Bytes that were left out are off `ahead` by now.
      const dropped = Math.min(this.ahead, chunk.length);
      this.#chunk = chunk;
      this.#at = dropped;
      this.ahead -= dropped;
    }
  }

  #part(length: number): Uint8Array {
    const part = this.#chunk.subarray(this.#at, this.#at + length);
    this.#at += length;
    return part;
  }
}
