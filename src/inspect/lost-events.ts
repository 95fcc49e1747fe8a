// How many of the kernel's messages never came: by the socket's own counter, which knows of full buffers at once, and by
// gaps in the numbers of each CPU, which also show what the kernel had no memory to send. Pure.

export type LostEvents = {
  /** Looks at a message's number. True when some before it on the same CPU are missing. */
  readonly sees: (cpu: number, number: number) => boolean;
  /** How many are missing by now, given what the socket counted; the larger of the two, since each may lag behind. */
  readonly count: (dropped: number) => number;
};

const WORD = 0x1_0000_0000;
/** A step back, or a step as large as this, is a counter that began anew, not a gap. */
const HALF = WORD / 2;

export function newLostEvents(): LostEvents {
  const next = new Map<number, number>();
  let missing = 0;
  return {
    sees(cpu, number) {
      const gap = (number - (next.get(cpu) ?? number) + WORD) % WORD;
      next.set(cpu, (number + 1) % WORD);
      if (gap === 0 || gap >= HALF) return false;
      missing += gap;
      return true;
    },
    count: (dropped) => (dropped > missing ? dropped : missing),
  };
}
