// What /proc/PID/stat says of a process (proc_pid_stat(5)), as data. Pure.

export type ProcessStat = {
  /** Up to 15 bytes that the process chose itself, so anything may be in it. */
  readonly name: string;
  /** One letter: R, S, D, Z, T, t, X, I. */
  readonly state: string;
  readonly parent: number;
  readonly threads: number;
  /** After the boot, in ticks. */
  readonly startTicks: number;
};

/** USER_HZ: what /proc counts time in, on every machine box is built for. */
export const TICKS_PER_SECOND = 100;

/** undefined for a text that is no such file, or only a part of one. */
export function parseStat(text: string): ProcessStat | undefined {
  // The name may hold spaces and parentheses, so fields are counted from its end: the first one here is field 3.
  const nameEnd = text.lastIndexOf(")");
  const fields = text.slice(nameEnd + 2).split(" ");
  const [state = "", parent, threads, startTicks] = [fields[0], Number(fields[1]), Number(fields[17]), Number(fields[19])];
  if (nameEnd < 0 || Number.isNaN(startTicks)) return undefined;
  return { name: text.slice(text.indexOf("(") + 1, nameEnd), state, parent, threads, startTicks };
}
