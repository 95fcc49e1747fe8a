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
  { allow: true, type: "c", major: 10, minor: 200, access: "rwm" }, // net/tun
];

/**
 * What a container with these rules may use, an entry for every device that is not as the wider entries say. Plain
 * loops, since it runs cold in a start: with Map, sort and filter it took 0.6 ms, as it is a fifth of that.
 */
export function deviceTable(rules: readonly DeviceRule[]): DeviceEntry[] {
  const table: DeviceEntry[] = [];
  addEntries(table, "c", rules);
  addEntries(table, "b", rules);
  return table;
}

/** A rule of one type, with numbers. */
type Rule = { readonly allow: boolean; readonly major: number; readonly minor: number; readonly access: number };

function addEntries(table: DeviceEntry[], type: "c" | "b", rules: readonly DeviceRule[]): void {
  const mine: Rule[] = [];
  for (let index = 0; index < rules.length + usual.length; index++) {
    const rule = (index < rules.length ? rules[index] : usual[index - rules.length]) as DeviceRule;
    if (rule.type !== undefined && rule.type !== "a" && rule.type !== type) continue;
    mine.push({ allow: rule.allow, major: rule.major ?? EVERY, minor: rule.minor ?? EVERY, access: accessBits(rule.access ?? "") });
  }
  const exact: DeviceEntry[] = [];
  const wide: DeviceEntry[] = [];
  for (let index = 0; index < mine.length; index++) {
    const { major, minor } = mine[index] as Rule;
    if (major !== EVERY && minor !== EVERY) insert(exact, type, major, minor, mine);
    else if (major !== EVERY || minor !== EVERY) insert(wide, type, major, minor, mine);
  }
  // Where "all of a major" and "all of a minor" meet, neither speaks for the other.
  for (let index = 0; index < wide.length; index++) {
    const { minor } = wide[index] as DeviceEntry;
    if (minor === EVERY) continue;
    for (let other = 0; other < wide.length; other++) {
      const { major } = wide[other] as DeviceEntry;
      if (major !== EVERY) insert(exact, type, major, minor, mine);
    }
  }
  const every: DeviceEntry = { type, major: EVERY, minor: EVERY, access: accessAt(mine, EVERY, EVERY) };
  const telling: DeviceEntry[] = [];
  for (let index = 0; index < wide.length; index++) {
    const entry = wide[index] as DeviceEntry;
    if (entry.access !== every.access) telling.push(entry);
  }
  for (let index = 0; index < exact.length; index++) {
    const entry = exact[index] as DeviceEntry;
    if (differs(entry, telling, every)) table.push(entry);
  }
  table.push(...telling, every);
}

/** Puts an entry in its place by numbers, unless it is there. */
function insert(entries: DeviceEntry[], type: "c" | "b", major: number, minor: number, rules: readonly Rule[]): void {
  let at = entries.length;
  for (; at > 0; at--) {
    const before = entries[at - 1] as DeviceEntry;
    if (before.major < major || (before.major === major && before.minor < minor)) break;
    if (before.major === major && before.minor === minor) return;
  }
  const made: DeviceEntry = { type, major, minor, access: accessAt(rules, major, minor) };
  entries.push(made);
  for (let index = entries.length - 1; index > at; index--) entries[index] = entries[index - 1] as DeviceEntry;
  entries[at] = made;
}

/** Whether the entries that would decide in its place say otherwise. */
function differs(entry: DeviceEntry, wide: readonly DeviceEntry[], every: DeviceEntry): boolean {
  let covered = false;
  for (let index = 0; index < wide.length; index++) {
    const wider = wide[index] as DeviceEntry;
    if (!isWider(wider, entry)) continue;
    if (wider.access !== entry.access) return true;
    covered = true;
  }
  return !covered && entry.access !== every.access;
}

/** What the last rules that match say. `EVERY` asks for a device with a number that no rule names. */
function accessAt(rules: readonly Rule[], major: number, minor: number): number {
  let allowed = 0;
  for (let index = 0; index < rules.length; index++) {
    const rule = rules[index] as Rule;
    if (rule.major !== EVERY && rule.major !== major) continue;
    if (rule.minor !== EVERY && rule.minor !== minor) continue;
    allowed = rule.allow ? allowed | rule.access : allowed & ~rule.access;
  }
  return allowed;
}

function accessBits(letters: string): number {
  let bits = 0;
  for (let at = 0; at < letters.length; at++) {
    const letter = letters.charCodeAt(at);
    bits |= letter === 114 ? BPF_DEVCG_ACC_READ : letter === 119 ? BPF_DEVCG_ACC_WRITE : BPF_DEVCG_ACC_MKNOD;
  }
  return bits;
}

/** Whether `one` matches all that `other` does, and more. */
const isWider = (one: DeviceEntry, other: DeviceEntry): boolean =>
  one !== other &&
  one.type === other.type &&
  (one.major === EVERY || one.major === other.major) &&
  (one.minor === EVERY || one.minor === other.minor);

/** What to write into a new cgroup of the v1 devices controller: "a" into `first`, then each line into `second`. */
export type DeviceLines = {
  readonly first: "devices.allow" | "devices.deny";
  readonly second: "devices.allow" | "devices.deny";
  readonly lines: readonly string[];
};

/**
 * The table as v1 has it (security/device_cgroup.c): all is allowed or all is denied, and then there are exceptions. An
 * exception has none of its own, so a table that needs one cannot be written; then the result says which.
 */
export function deviceLines(table: readonly DeviceEntry[]): DeviceLines | { readonly problem: string } {
  let allows = true;
  for (const { major, minor, access } of table) if (major === EVERY && minor === EVERY && access !== ALL_ACCESS) allows = false;
  const lines: string[] = [];
  for (const entry of table) {
    for (const wider of table) {
      if (!isWider(wider, entry)) continue;
      const lost = allows ? entry.access & ~wider.access : wider.access & ~entry.access;
      if (lost !== 0)
        return { problem: allows ? problem("allow", "denied", entry, wider, lost) : problem("deny", "allowed", entry, wider, lost) };
    }
    const access = allows ? ALL_ACCESS & ~entry.access : entry.access;
    if (access !== 0) lines.push(line(entry, access));
  }
  return allows ? { first: "devices.allow", second: "devices.deny", lines } : { first: "devices.deny", second: "devices.allow", lines };
}

const problem = (verb: string, state: string, entry: DeviceEntry, wider: DeviceEntry, access: number): string =>
  `cgroup v1 cannot ${verb} ${line(entry, access)}, since ${line(wider, access)} is ${state}`;

const line = ({ type, major, minor }: DeviceEntry, access: number): string =>
  `${type} ${numberText(major)}:${numberText(minor)} ${accessText(access)}`;

const numberText = (number: number): string => (number === EVERY ? "*" : String(number));

const accessText = (bits: number): string =>
  (bits & BPF_DEVCG_ACC_READ ? "r" : "") + (bits & BPF_DEVCG_ACC_WRITE ? "w" : "") + (bits & BPF_DEVCG_ACC_MKNOD ? "m" : "");
