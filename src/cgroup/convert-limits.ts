// Numbers of linux.resources as the kernel's files want them. The spec thinks in cgroup v1: shares, and memory and swap
// counted together; v2 has weights, and swap by itself. Where runc converts, these are its formulas.

/**
 * cpu.shares (2 to 262144, usually 1024) as cpu.weight (1 to 10000, usually 100): through the least, the greatest and the
 * usual value goes a parabola over the logarithm. This is the conversion of runc since 1.3.2 and of crun since 1.23, and not the line of
 * runc before, by which 1024 shares were a weight of 39.
 */
export function weightOfShares(shares: number): number {
  if (shares <= 2) return 1;
  if (shares >= 262144) return 10000;
  const log = Math.log2(shares);
  return Math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34));
}

/** blockIO.weight (10 to 1000) as io.weight (1 to 10000), along a line. */
export const ioWeightOf = (weight: number): number => 1 + Math.floor((Math.max(weight - 10, 0) * 9999) / 990);

/**
 * memory.swap.max for the limit on memory and on both together: a number of bytes, -1 for no limit, undefined for a file
 * that is not to be written, or what is wrong with the two. For both, 0 and undefined mean that nothing is asked for.
 */
export function swapAlone(limit: number | undefined, both: number | undefined): number | undefined | { readonly problem: string } {
  if (both === undefined || both === 0) return limit === -1 ? -1 : undefined;
  if (both === -1 || limit === -1) return both;
  if (limit === undefined || limit === 0) return { problem: "counts memory and swap together, so cgroup v2 needs memory.limit beside it" };
  return both < limit ? { problem: `counts memory and swap together, so it is at least memory.limit, ${decimal(limit)}` } : both - limit;
}

/** All digits of an integer of 64 bits. The greatest ones have been rounded up by one when JSON was read: they go back. */
export function decimal(value: number): string {
  if (Number.isSafeInteger(value)) return String(value);
  if (value >= 2 ** 64) return "18446744073709551615";
  return value === 2 ** 63 ? "9223372036854775807" : String(BigInt(value));
}

/** The same, with "max" for the -1 of v1. */
export const decimalOrMax = (value: number): string => (value === -1 ? "max" : decimal(value));
