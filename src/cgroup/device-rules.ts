// Which devices a container may use: linux.resources.devices as a table, and that table as the lines that cgroup v1
// takes. Pure. device-filter.ts makes the program of cgroup v2 from the same table.
//
// Of the rules that match a device the last one decides, for each of r, w and m by itself (runtime-spec, "Allowed
// Device list"). What no rule allows is denied, also when there are none: runc does the same. The table no longer
// depends on the order of rules: what stands first in it is narrower, and the first entry that matches decides.

import type { DeviceRule } from "../config/spec.ts";
import { flags } from "../linux/flags.ts";

/** As major or minor number: every one. */
export const EVERY = -1;

export type DeviceEntry = {
  readonly type: "c" | "b";
  readonly major: number;
  readonly minor: number;
  /** What is allowed: bits BPF_DEVCG_ACC_*. */
  readonly access: number;
};

const { BPF_DEVCG_ACC_READ, BPF_DEVCG_ACC_WRITE, BPF_DEVCG_ACC_MKNOD } = flags.BPF_DEVCG_ACC;
export const ALL_ACCESS = BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD;

/** After all others, as with runc: every container may make any node, and has these. */
const usual: readonly DeviceRule[] = [
  { allow: true, type: "c", access: "m" },
  { allow: true, type: "b", access: "m" },
  { allow: true, type: "c", major: 1, minor: 3, access: "rwm" }, // null
  { allow: true, type: "c", major: 1, minor: 5, access: "rwm" }, // zero
  { allow: true, type: "c", major: 1, minor: 7, access: "rwm" }, // full
  { allow: true, type: "c", major: 1, minor: 8, access: "rwm" }, // random
  { allow: true, type: "c", major: 1, minor: 9, access: "rwm" }, // urandom
  { allow: true, type: "c", major: 5, minor: 0, access: "rwm" }, // tty
  { allow: true, type: "c", major: 5, minor: 2, access: "rwm" }, // ptmx
  { allow: true, type: "c", major: 136, access: "rwm" }, // pts
];

/** What a container with these rules may use: an entry for every device that is not like all wider entries say. */
export function deviceTable(rules: readonly DeviceRule[]): DeviceEntry[] {
  const all = [...rules, ...usual];
  return [...entriesOf("c", all), ...entriesOf("b", all)];
}

function entriesOf(type: "c" | "b", rules: readonly DeviceRule[]): DeviceEntry[] {
  const mine = rules.filter((rule) => (rule.type ?? "a") === "a" || rule.type === type);
  const exact = new Map<string, DeviceEntry>();
  const ofMajor = new Map<number, DeviceEntry>();
  const ofMinor = new Map<number, DeviceEntry>();
  const at = (major: number, minor: number): DeviceEntry => ({ type, major, minor, access: accessAt(mine, major, minor) });
  for (const { major = EVERY, minor = EVERY } of mine) {
    if (major === EVERY && minor !== EVERY) ofMinor.set(minor, at(major, minor));
    else if (major !== EVERY && minor === EVERY) ofMajor.set(major, at(major, minor));
    else if (major !== EVERY) exact.set(`${major}:${minor}`, at(major, minor));
  }
  // Where "all of a major" and "all of a minor" meet, neither speaks for the other.
  for (const major of ofMajor.keys()) for (const minor of ofMinor.keys()) exact.set(`${major}:${minor}`, at(major, minor));
  const table = [...sorted(exact), ...sorted(ofMajor), ...sorted(ofMinor), at(EVERY, EVERY)];
  return table.filter((entry, index) => index === table.length - 1 || table.some((wider) => isWider(wider, entry) && wider.access !== entry.access));
}

const sorted = (entries: ReadonlyMap<unknown, DeviceEntry>): DeviceEntry[] =>
  [...entries.values()].sort((one, other) => one.major - other.major || one.minor - other.minor);

/** What the last rules that match say. `EVERY` asks for a device with a number that no rule names. */
function accessAt(rules: readonly DeviceRule[], major: number, minor: number): number {
  let allowed = 0;
  for (const rule of rules) {
    const fits = (rule.major ?? EVERY) === EVERY || rule.major === major;
    if (!fits || ((rule.minor ?? EVERY) !== EVERY && rule.minor !== minor)) continue;
    const access = accessBits(rule.access ?? "");
    allowed = rule.allow ? allowed | access : allowed & ~access;
  }
  return allowed;
}

function accessBits(letters: string): number {
  let bits = 0;
  if (letters.includes("r")) bits |= BPF_DEVCG_ACC_READ;
  if (letters.includes("w")) bits |= BPF_DEVCG_ACC_WRITE;
  if (letters.includes("m")) bits |= BPF_DEVCG_ACC_MKNOD;
  return bits;
}

/** Whether `one` matches all that `other` does, and more. */
const isWider = (one: DeviceEntry, other: DeviceEntry): boolean =>
  one !== other &&
  one.type === other.type &&
  (one.major === EVERY || one.major === other.major) &&
  (one.minor === EVERY || one.minor === other.minor);

/** What to write into a new cgroup of the v1 devices controller: "a" into `first`, then each line into `then`. */
export type DeviceLines = {
  readonly first: "devices.allow" | "devices.deny";
  readonly then: "devices.allow" | "devices.deny";
  readonly lines: readonly string[];
};

/**
 * The table as v1 has it (security/device_cgroup.c): all is allowed or all is denied, and then there are exceptions. An
 * exception has none of its own, so a table that needs one cannot be written; then the result says which.
 */
export function deviceLines(table: readonly DeviceEntry[]): DeviceLines | { readonly problem: string } {
  const allows = table.every(({ major, minor, access }) => major !== EVERY || minor !== EVERY || access === ALL_ACCESS);
  const lines: string[] = [];
  for (const entry of table) {
    for (const wider of table) {
      if (!isWider(wider, entry)) continue;
      const lost = allows ? entry.access & ~wider.access : wider.access & ~entry.access;
      if (lost !== 0) return { problem: allows ? problem("allow", "denied", entry, wider, lost) : problem("deny", "allowed", entry, wider, lost) };
    }
    const access = allows ? ALL_ACCESS & ~entry.access : entry.access;
    if (access !== 0) lines.push(line(entry, access));
  }
  return allows ? { first: "devices.allow", then: "devices.deny", lines } : { first: "devices.deny", then: "devices.allow", lines };
}

const problem = (verb: string, state: string, entry: DeviceEntry, wider: DeviceEntry, access: number): string =>
  `cgroup v1 cannot ${verb} ${line(entry, access)}, since ${line(wider, access)} is ${state}`;

const line = ({ type, major, minor }: DeviceEntry, access: number): string =>
  `${type} ${numberText(major)}:${numberText(minor)} ${accessText(access)}`;

const numberText = (number: number): string => (number === EVERY ? "*" : String(number));

const accessText = (bits: number): string =>
  (bits & BPF_DEVCG_ACC_READ ? "r" : "") + (bits & BPF_DEVCG_ACC_WRITE ? "w" : "") + (bits & BPF_DEVCG_ACC_MKNOD ? "m" : "");
