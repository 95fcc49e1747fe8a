// Lists of processors and of memory nodes, as cpuset(7) writes them: `0-3,7`. One function for the check and for whoever
// makes the kernel's bit mask of it.

/** An arbitrary bound, far above the kernel's own, so that a slip does not become a mask of megabytes. */
const largest = 65_536;

/** `0-3,7` → [0, 1, 2, 3, 7]; spaces and empty parts are passed over, as runc does. Undefined for what is no list. */
export function numberList(text: string): number[] | undefined {
  const ranges = rangesIn(text);
  if (ranges === undefined) return undefined;
  const numbers: number[] = [];
  // In order, so that each number comes once: the same range again and again would become a list without end.
  let next = 0;
  for (const { first, last } of ranges.sort((one, other) => one.first - other.first)) {
    for (let number = first < next ? next : first; number <= last; number++) numbers.push(number);
    if (last >= next) next = last + 1;
  }
  return numbers;
}

export const isNumberList = (text: string): boolean => rangesIn(text) !== undefined;

function rangesIn(text: string): { readonly first: number; readonly last: number }[] | undefined {
  const ranges: { readonly first: number; readonly last: number }[] = [];
  for (const part of text.split(",")) {
    const range = part.trim();
    if (range === "") continue;
    const dash = range.indexOf("-");
    const first = numberOf(dash < 0 ? range : range.slice(0, dash));
    const last = dash < 0 ? first : numberOf(range.slice(dash + 1));
    if (first === undefined || last === undefined || last < first) return undefined;
    ranges.push({ first, last });
  }
  return ranges.length === 0 ? undefined : ranges;
}

/** Decimal digits alone: no sign, no space, nothing else that Number() would take. */
function numberOf(text: string): number | undefined {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) < 48 || text.charCodeAt(at) > 57) return undefined;
  return text === "" || Number(text) > largest ? undefined : Number(text);
}

/** The numbers as the kernel's bit mask: words of 64 bits, little-endian. */
export function bitMask(numbers: readonly number[]): Uint8Array {
  let highest = 0;
  for (const number of numbers) if (number > highest) highest = number;
  const mask = new Uint8Array(((highest >>> 6) + 1) * 8);
  for (const number of numbers) mask[number >>> 3] = (mask[number >>> 3] as number) | (1 << (number & 7));
  return mask;
}
