// A failure of a tape before it has words: those take more code than a start that succeeds should have to load.

export type TapeFailure = {
  readonly tape: "box" | "child";
  /** Of the record; the child's word, so it may be anything. */
  readonly address: number;
  /** Positive; 0: the process ended at that record without failing. The child's word too. */
  readonly errno: number;
  /** What was fetched about it: a mount context's message, the head of a script, or a verifier's log. */
  readonly explanation: string;
};

export class TapeFailed extends Error {
  override readonly name = "TapeFailed";
  readonly failure: TapeFailure;

  constructor(failure: TapeFailure) {
    super(`${failure.tape}: record ${failure.address}: errno ${failure.errno}`);
    this.failure = failure;
  }
}
