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

  /** Exactly so many bytes, good until the next call. */
  *take(length: number): Step<Uint8Array> {
    if (this.#chunk.length - this.#at >= length) return this.#part(length);
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

  *skip(length: number): Step<void> {
    const here = Math.min(length, this.#chunk.length - this.#at);
    this.#at += here;
    this.ahead = length - here;
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
