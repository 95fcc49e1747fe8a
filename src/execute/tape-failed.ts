// A failure of a tape before it has words: those take more code than a start that succeeds should have to load.

export type TapeFailure = {
  readonly tape: "box" | "child";
  /** Of the record; the child's word, so it may be anything. */
  readonly address: number;
  /** Positive; 0: the process ended at that record without failing. The child's word too. */
  readonly errno: number;
  /** What was fetched about it: a mount context's message, the head of a script, or a verifier's log. */
  readonly explanation: string;
  /** The path of the program that could not be executed. The child's word. */
  readonly program?: string;
  /** About the hook that ran last, when the record is one of a hook's. */
  readonly hook?: HookEnd;
};

export type HookEnd = {
  /** struct timespec of CLOCK_REALTIME. */
  readonly began: Uint8Array;
  /** Of waitid(2); zero: it has not ended. The child's word, where the child ran it. */
  readonly siginfo: Uint8Array;
  /** Since the epoch. */
  readonly endedMs: number;
  /** What it printed, as far as it helps: the file that it printed into is the next hook's too. */
  readonly output: string;
};

export class TapeFailed extends Error {
  override readonly name = "TapeFailed";
  readonly failure: TapeFailure;

  constructor(failure: TapeFailure) {
    super(`${failure.tape}: record ${failure.address}: errno ${failure.errno}`);
    this.failure = failure;
  }
}
