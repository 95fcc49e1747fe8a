// Memory that two threads share: slots that one fills in turn and the other empties. Both wait where they must, without an
// event loop.
//
//   words    0 filled · 1 emptied · 2 closed · from 4 on two for each slot: length, passed
//   slots    the bytes, behind the words

const SLOTS = 4;
export const SLOT_BYTES = 512 * 1024;
const WORDS_BYTES = 4096;
const [FILLED, EMPTIED, CLOSED, OF_SLOTS] = [0, 1, 2, 4];

/** `passed`: how many bytes of the source have been read for it. */
export type Filled = { readonly slot: Uint8Array; readonly length: number; readonly passed: number };

export const newRingMemory = (): SharedArrayBuffer => new SharedArrayBuffer(WORDS_BYTES + SLOTS * SLOT_BYTES);

export class Ring {
  readonly #words: Int32Array;
  readonly #slots: readonly Uint8Array[];

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory, 0, OF_SLOTS + SLOTS * 2);
    this.#slots = Array.from({ length: SLOTS }, (_, index) => new Uint8Array(memory, WORDS_BYTES + index * SLOT_BYTES, SLOT_BYTES));
  }

  /** Waits for a slot that is empty; undefined when the ring is closed. */
  empty(): Uint8Array | undefined {
    const filled = this.#word(FILLED);
    for (let emptied = this.#word(EMPTIED); filled - emptied === SLOTS && !this.isClosed; emptied = this.#word(EMPTIED))
      Atomics.wait(this.#words, EMPTIED, emptied);
    return this.isClosed ? undefined : this.#slots[filled % SLOTS];
  }

  /** The slot that was empty is filled so far. */
  fill(length: number, passed: number): void {
    const at = OF_SLOTS + (this.#word(FILLED) % SLOTS) * 2;
    this.#words[at] = length;
    this.#words[at + 1] = passed;
    this.#advance(FILLED);
  }

  /** The next slot, good until it is released; undefined when none was filled in that time. */
  take(timeoutMs: number): Filled | undefined {
    const emptied = this.#word(EMPTIED);
    if (this.#word(FILLED) === emptied) Atomics.wait(this.#words, FILLED, emptied, timeoutMs);
    if (this.#word(FILLED) === emptied) return undefined;
    const at = OF_SLOTS + (emptied % SLOTS) * 2;
    const [length = 0, passed = 0] = [this.#words[at], this.#words[at + 1]];
    return { slot: this.#slots[emptied % SLOTS] as Uint8Array, length, passed };
  }

  release(): void {
    this.#advance(EMPTIED);
  }

  get isClosed(): boolean {
    return this.#word(CLOSED) !== 0;
  }

  /** Nobody empties slots any more, so whoever fills them stops. */
  close(): void {
    Atomics.store(this.#words, CLOSED, 1);
    Atomics.notify(this.#words, EMPTIED);
  }

  #word(index: number): number {
    return Atomics.load(this.#words, index);
  }

  #advance(index: number): void {
    Atomics.add(this.#words, index, 1);
    Atomics.notify(this.#words, index);
  }
}
