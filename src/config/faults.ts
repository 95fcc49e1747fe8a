// What a fault in a configuration says: the place, what was expected, what was found, and what was probably meant.
// Only a refused configuration gets here, so this part may take its time.

import type { ConfigFault } from "../errors.ts";
import type { ObjectRule, Rule } from "./rule.ts";

/**
 * `mounts`, 3 → `mounts[3]`; `process`, "cwd" → `process.cwd`; a key that is no plain word is quoted, and whole, so that the
 * path can be followed: what is printed of a long one is for report-error.ts to say.
 */
export function joinPath(parent: string, key: string | number): string {
  if (typeof key === "number") return `${parent}[${key}]`;
  if (!isPlainWord(key)) return `${parent}[${JSON.stringify(key)}]`;
  return parent === "" ? key : `${parent}.${key}`;
}

function isPlainWord(key: string): boolean {
  for (let at = 0; at < key.length; at++) {
    const code = key.charCodeAt(at);
    const letter = (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 95;
    const digit = code >= 48 && code <= 57;
    if (!letter && !(digit && at > 0)) return false;
  }
  return key !== "";
}

export function wrongValue(rule: Rule, value: unknown, path: string): ConfigFault {
  const got = show(value);
  if (typeof value === "string" && value.includes("\0")) return { path, expected: "a string without NUL bytes", got };
  if (rule.is === "list" && Array.isArray(value)) return { path, expected: "at least one entry", got };
  const names = rule.is === "name" ? rule.among : rule.is === "key" ? Object.keys(rule.of) : [];
  const meant = typeof value === "string" ? nearest(value, names) : undefined;
  return { path, expected: rule.expected, got, ...(meant === undefined ? {} : { hint: `did you mean ${quote(meant)}?` }) };
}

export function unknownKey(rule: ObjectRule, parent: string, key: string): ConfigFault {
  return { path: joinPath(parent, key), problem: unknownWords(nearest(key, Object.keys(rule.fields))) };
}

/** `meant`: the name that it may have been meant to be. */
export const unknownWords = (meant: string | undefined): string =>
  meant === undefined ? "unknown key" : `unknown key, did you mean ${quote(meant)}?`;

/** More than anybody reads, of a file that is no configuration at all. */
export const MOST_FAULTS = 50;

/** The first of many faults, in the words of `tell`, and how many more there are, which is said of `path`. */
export function someOf<Fault extends ConfigFault>(
  faults: readonly Fault[],
  path = "",
  tell: (fault: Fault) => ConfigFault = (fault) => fault,
): ConfigFault[] {
  const told = faults.slice(0, MOST_FAULTS).map(tell);
  if (faults.length > MOST_FAULTS) told.push({ path, problem: `${faults.length - MOST_FAULTS} more faults` });
  return told;
}

const longestShown = 60;

/** A value as a person knows it from the file. Containers are only named: they can be deep beyond any stack. */
export function show(value: unknown): string {
  if (typeof value === "string") return quote(value);
  if (Array.isArray(value)) return value.length === 0 ? "[]" : "an array";
  if (typeof value === "object" && value !== null) return "an object";
  return String(value);
}

const quote = (text: string): string =>
  text.length <= longestShown ? JSON.stringify(text) : `${JSON.stringify(text.slice(0, longestShown))}… (${text.length} characters)`;

/** The name that a misspelt one was probably meant to be, if one is near enough to suggest. */
export function nearest(wrong: string, names: readonly string[]): string | undefined {
  const lower = wrong.toLowerCase();
  // Short names have near neighbours by chance: one slip in three letters, two in six, at most three.
  let best = Math.min(3, Math.floor(wrong.length / 3)) + 1;
  let found: string | undefined;
  for (const name of names) {
    if (name.toLowerCase() === lower) return name;
    if (Math.abs(name.length - wrong.length) >= best) continue;
    const distance = slips(wrong, name);
    if (distance < best) {
      best = distance;
      found = name;
    }
  }
  return found;
}

/** Letters added, left out, replaced, or swapped with their neighbour, to get from one word to the other. */
function slips(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      let least = Math.min((last[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, (last[column - 1] ?? 0) + (same ? 0 : 1));
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      if (swapped) least = Math.min(least, (beforeLast[column - 2] ?? 0) + 1);
      current.push(least);
    }
    beforeLast = last;
    last = current;
  }
  return last[to.length] ?? 0;
}
