// Writes classic BPF from its end to its start, so that a jump's target is known when the jump is written. What a filter
// means is not decided here. An instruction is a struct sock_filter of linux/filter.h:
//
//   bit 0      16   24   32          64
//       | code | jt | jf |     k     |
//
// A branch goes to the instruction after it, plus jt or jf, at most 255; BPF_JA goes k further.

import { BoxError } from "../errors.ts";

/** Those codes that are used here, by what they do. The accumulator is A. */
export const codes = {
  load: 0x20, // BPF_LD | BPF_W | BPF_ABS: A = the word of struct seccomp_data at k
  and: 0x54, // BPF_ALU | BPF_AND | BPF_K: A &= k
  jump: 0x05, // BPF_JMP | BPF_JA
  ifEqual: 0x15, // BPF_JMP | BPF_JEQ | BPF_K
  ifGreater: 0x25, // BPF_JMP | BPF_JGT | BPF_K
  ifAtLeast: 0x35, // BPF_JMP | BPF_JGE | BPF_K
  ifAnyBit: 0x45, // BPF_JMP | BPF_JSET | BPF_K
  return: 0x06, // BPF_RET | BPF_K
} as const;

/** BPF_MAXINSNS. */
const INSTRUCTIONS_MAX = 4096;
const INSTRUCTION_BYTES = 8;

/** Offsets in struct seccomp_data; an argument has its low word first, on every machine of box. */
export const data = { number: 0, arch: 4, arguments: 16 } as const;

/** Where a jump goes: an instruction's index or, from VERDICTS up, to any return of what is left when VERDICTS is taken off. */
export type Target = number;
export const VERDICTS = 2 ** 32;

/** One less than a branch reaches: what its other target needs may come in between. */
const REACH = 254;

export type FilterWriter = {
  readonly words: Uint32Array<ArrayBuffer>;
  /** The index of the instruction written last; the program is what starts there. */
  at: number;
  /** By verdict, the index of the return written last. */
  readonly returns: Map<number, number>;
};

export const newWriter = (): FilterWriter => ({
  // A buffer of its own from the start: to ask a typed array for one that it does not have yet takes 0.2 ms.
  words: new Uint32Array(new ArrayBuffer(INSTRUCTIONS_MAX * INSTRUCTION_BYTES)),
  at: INSTRUCTIONS_MAX,
  returns: new Map(),
});

/** Throws a BoxError when the program is too long for the kernel. */
export function put(to: FilterWriter, code: number, jt: number, jf: number, k: number): void {
  if (to.at === 0) throw tooLong();
  to.at--;
  to.words[2 * to.at] = code | (jt << 16) | (jf << 24);
  to.words[2 * to.at + 1] = k;
}

const tooLong = (): BoxError =>
  new BoxError({
    what: "the configuration is not valid",
    faults: [
      { path: "linux.seccomp.syscalls", problem: `makes a filter of more than ${INSTRUCTIONS_MAX} instructions, which no kernel takes` },
    ],
  });

/** An instruction within reach of the next one to be written: the target itself, or a return or long jump to it. */
function near(to: FilterWriter, target: Target): number {
  if (target < VERDICTS) {
    if (target - to.at > REACH) put(to, codes.jump, 0, 0, target - to.at);
    else return target;
    return to.at;
  }
  const verdict = target - VERDICTS;
  const known = to.returns.get(verdict);
  if (known !== undefined && known - to.at <= REACH) return known;
  put(to, codes.return, 0, 0, verdict);
  to.returns.set(verdict, to.at);
  return to.at;
}

/** Makes what was written last, and what follows it, the way to `target`: nothing, a return or a jump. */
export function begin(to: FilterWriter, target: Target): void {
  if (target === to.at) return;
  if (target < VERDICTS) put(to, codes.jump, 0, 0, target - to.at);
  else put(to, codes.return, 0, 0, target - VERDICTS);
}

/** Compares A with k; returns where the comparison stands, or the target if there is but one. */
export function branch(to: FilterWriter, code: number, k: number, ifTrue: Target, ifFalse: Target): Target {
  if (ifTrue === ifFalse) return ifTrue;
  const jt = near(to, ifTrue);
  const jf = near(to, ifFalse);
  put(to, code, jt - to.at, jf - to.at, k);
  return to.at;
}

/** Loads the word at `offset` and compares it with k; a target that would load the same word first is entered after that. */
export function test(to: FilterWriter, offset: number, code: number, k: number, ifTrue: Target, ifFalse: Target): Target {
  if (ifTrue === ifFalse) return ifTrue;
  branch(to, code, k, skipLoad(to, offset, ifTrue), skipLoad(to, offset, ifFalse));
  put(to, codes.load, 0, 0, offset);
  return to.at;
}

const skipLoad = (to: FilterWriter, offset: number, target: Target): Target =>
  target < VERDICTS && to.words[2 * target] === codes.load && to.words[2 * target + 1] === offset ? target + 1 : target;

/** The program as struct sock_filter[]. */
export const finish = (to: FilterWriter): Uint8Array<ArrayBuffer> => new Uint8Array(to.words.buffer, to.at * INSTRUCTION_BYTES);
