// The text formats of cgroup files, as counters: 64 bits without a sign, so bigint. Pure. A file that is missing, or a
// line that is not understood, counts as nothing, as the kernel that lacks a counter would have it.

/** Text of a file, undefined when it cannot be read. */
export type Read = (path: string) => string | undefined;

/** What stands for "no limit" where a number is wanted. */
export const unlimited = 0xffff_ffff_ffff_ffffn;

/** One number: `max` is `unlimited`; nothing, or a negative number, is 0. */
export function counter(text: string | undefined): bigint {
  const word = text?.trim() ?? "";
  if (word === "max") return unlimited;
  return /^[0-9]+$/.test(word) ? BigInt(word) : 0n;
}

/** Lines of a name and a number, such as memory.stat. */
export function keyedCounters(text: string | undefined): Map<string, bigint> {
  const out = new Map<string, bigint>();
  for (const line of text?.split("\n") ?? []) {
    const space = line.indexOf(" ");
    if (space > 0) out.set(line.slice(0, space), counter(line.slice(space + 1)));
  }
  return out;
}

/** All numbers of a line, such as cpuacct.usage_percpu. */
export const counterList = (text: string | undefined): bigint[] => (text ?? "").split(/\s+/).filter(Boolean).map(counter);

/** The members of a list such as `0-3,7` (cpuset(7), "List format"). */
export function listedNumbers(text: string | undefined): number[] {
  const out: number[] = [];
  for (const range of text?.trim().split(",") ?? []) {
    const [first = "", last = first] = range.split("-");
    if (/^[0-9]+$/.test(first) && /^[0-9]+$/.test(last)) for (let at = Number(first); at <= Number(last); at++) out.push(at);
  }
  return out;
}

/** For a field that is left out when it is zero. */
export const unlessZero = (value: bigint | undefined): bigint | undefined => (value === 0n ? undefined : value);

/** For a field that is left out when it is empty. */
export const unlessEmpty = <T>(list: readonly T[]): readonly T[] | undefined => (list.length === 0 ? undefined : list);

/**
 * Sizes of huge pages as the kernel's cgroup files have them, `2MB`, from the names in /sys/kernel/mm/hugepages,
 * `hugepages-2048kB`.
 */
export function hugePageSizes(names: readonly string[]): string[] {
  const out: string[] = [];
  for (const name of names) {
    const kilobytes = Number(/^hugepages-([0-9]+)kB$/.exec(name)?.[1] ?? 0);
    if (kilobytes >= 1024 * 1024) out.push(`${Math.floor(kilobytes / (1024 * 1024))}GB`);
    else if (kilobytes >= 1024) out.push(`${Math.floor(kilobytes / 1024)}MB`);
    else if (kilobytes > 0) out.push(`${kilobytes}KB`);
  }
  return out;
}
