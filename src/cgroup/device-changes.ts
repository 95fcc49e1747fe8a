// From the lines of one table of devices to those of another, in a devices controller of v1 that has the first. Pure.

import type { DeviceLines } from "./device-rules.ts";

export type DeviceChanges = {
  /** In this order. */
  readonly writes: readonly { readonly file: DeviceLines["first"]; readonly line: string }[];
  /** There is a moment in which less is allowed than before and after, so that nobody may run. */
  readonly passesNothing: boolean;
};

/** Only what differs is written where that can be, so that what both allow is allowed all the time. */
export function deviceChanges(before: DeviceLines, after: DeviceLines): DeviceChanges {
  const { first, second } = after;
  if (before.first !== first) {
    const lines = after.lines.map((line) => ({ file: second, line }));
    // Exceptions come after that where all but them is denied from now on. And where all is allowed, the kernel forgets the old
    // ones before it allows (devcgroup_update_access in security/device_cgroup.c).
    return { writes: [{ file: first, line: "a" }, ...lines], passesNothing: true };
  }
  const [had, has] = [accessByDevice(before.lines), accessByDevice(after.lines)];
  const writes: DeviceChanges["writes"][number][] = [];
  // What is new comes first, for a device whose number is in both.
  for (const [device, access] of has) add(writes, second, device, without(access, had.get(device) ?? ""));
  for (const [device, access] of had) add(writes, first, device, without(access, has.get(device) ?? ""));
  return { writes, passesNothing: false };
}

function add(writes: DeviceChanges["writes"][number][], file: DeviceLines["first"], device: string, access: string): void {
  if (access !== "") writes.push({ file, line: `${device} ${access}` });
}

/** `c 1:3 rwm` as what is in front of the letters, and the letters. */
const accessByDevice = (lines: readonly string[]): Map<string, string> =>
  new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), line.slice(line.lastIndexOf(" ") + 1)]));

const without = (letters: string, others: string): string => [...letters].filter((letter) => !others.includes(letter)).join("");
