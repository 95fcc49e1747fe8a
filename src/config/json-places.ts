// Where the parts of a JSON document stand in its text, by one scan. Loaded when something is wrong with a configuration: a
// file of JSON is read by JSON.parse, which knows no places, and nearly always nobody asks for any. The text is hostile input:
// nothing here recurses by its depth, and what nobody asks for is passed over without being built.

import { splitPath } from "./spec-paths.ts";

/** As editors count: lines and characters of a line, from 1. */
export type Place = { readonly line: number; readonly column: number };

export type JsonPlaces = {
  /** Of the value, or of the key that it stands behind; of the innermost part around it where it is missing. `path`: one of `paths`. */
  of(path: string, what: "value" | "key"): Place;
};

/** A part that somebody asked for, and where it is. */
type Part = { readonly parts: Map<string | number, Part>; key: number; value: number };

const newPart = (): Part => ({ parts: new Map(), key: -1, value: -1 });

/** Of a text that JSON.parse takes; of a key that stands there twice, the last, which is the one that it took. */
export function jsonPlaces(text: string, paths: readonly string[]): JsonPlaces {
  const root = newPart();
  const keysOf = new Map(paths.map((path) => [path, splitPath(path) ?? []] as const));
  for (const keys of keysOf.values()) {
    let part = root;
    for (const key of keys) {
      const below = part.parts.get(key) ?? newPart();
      part.parts.set(key, below);
      part = below;
    }
  }
  scanValue(text, afterBlanks(text, 0), root);
  const lines = lineStarts(text);
  return {
    of(path, what) {
      let [part, at] = [root, root.value];
      for (const key of keysOf.get(path) ?? []) {
        const below = part.parts.get(key);
        if (below === undefined || below.value < 0) return placeIn(lines, part.value);
        at = what === "key" && below.key >= 0 ? below.key : below.value;
        part = below;
      }
      return placeIn(lines, at);
    },
  };
}

/** Where JSON.parse must have stopped: the first character that cannot stand where it does. */
export function faultyPlace(text: string): Place {
  return placeIn(lineStarts(text), firstFault(text));
}

/** Offsets, to be searched by halves. */
function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

function placeIn(starts: readonly number[], offset: number): Place {
  const at = Math.max(offset, 0);
  let [low, high] = [0, starts.length];
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((starts[middle] as number) <= at) low = middle;
    else high = middle;
  }
  return { line: low + 1, column: at - (starts[low] as number) + 1 };
}

function afterBlanks(text: string, at: number): number {
  let next = at;
  for (let code = text.charCodeAt(next); code === 32 || code === 9 || code === 10 || code === 13; code = text.charCodeAt(next)) next++;
  return next;
}

/** The offset behind the string that begins here. */
function afterString(text: string, at: number): number {
  let next = at + 1;
  while (next < text.length && text.charCodeAt(next) !== 34) next += text.charCodeAt(next) === 92 ? 2 : 1;
  return next + 1;
}

/** Goes as deep as the parts that were asked for; returns the offset behind the value. */
function scanValue(text: string, at: number, part: Part): number {
  part.value = at;
  const opens = text.charAt(at);
  if (part.parts.size === 0 || (opens !== "{" && opens !== "[")) return afterValue(text, at);
  // What an earlier value of the same key had is gone with it.
  for (const below of part.parts.values()) forget(below);
  let next = afterBlanks(text, at + 1);
  for (let index = 0; next < text.length && text.charAt(next) !== "}" && text.charAt(next) !== "]"; index++) {
    const keyAt = next;
    let key: string | number = index;
    if (opens === "{") {
      next = afterString(text, next);
      key = JSON.parse(text.slice(keyAt, next)) as string;
      // The colon.
      next = afterBlanks(text, afterBlanks(text, next) + 1);
    }
    const below = part.parts.get(key);
    if (below === undefined) next = afterValue(text, next);
    else {
      next = scanValue(text, next, below);
      below.key = keyAt;
    }
    next = afterBlanks(text, next);
    if (text.charAt(next) === ",") next = afterBlanks(text, next + 1);
  }
  return next + 1;
}

function forget(part: Part): void {
  part.key = -1;
  part.value = -1;
  for (const below of part.parts.values()) forget(below);
}

/** The offset behind the value that begins here: of a string, a number, a word, or everything up to the bracket that closes. */
function afterValue(text: string, at: number): number {
  let depth = 0;
  let next = at;
  do {
    const code = text.charCodeAt(next);
    if (code === 34) next = afterString(text, next);
    else {
      if (code === 123 || code === 91) depth++;
      else if (code === 125 || code === 93) depth--;
      next++;
      if (depth === 0 && code !== 125 && code !== 93) {
        // A number or a word ends where something of JSON's own begins.
        while (next < text.length && !",]} \t\n\r".includes(text.charAt(next))) next++;
        return next;
      }
    }
  } while (depth > 0 && next < text.length);
  return next;
}

/** What may come next: a value; a key or the end of an object; a value or the end of an array; and so on. */
type Next = "value" | "key or end" | "key" | "value or end" | "comma or end" | "end of text";

/** The offset of the first character that JSON does not allow there; the text's end where something is missing. */
function firstFault(text: string): number {
  const open: string[] = [];
  let next: Next = "value";
  for (let at = afterBlanks(text, 0); ; at = afterBlanks(text, at)) {
    const found = text.charAt(at);
    const closes = next !== "value" && next !== "key" && found !== "" && found === closing[open.at(-1) ?? ""];
    if (closes) {
      open.pop();
      next = open.length === 0 ? "end of text" : "comma or end";
      at++;
    } else if (next === "comma or end") {
      if (found !== ",") return at;
      next = open.at(-1) === "{" ? "key" : "value";
      at++;
    } else if (next === "key" || next === "key or end") {
      const end = strictString(text, at);
      if (end === undefined) return at;
      if (end < 0) return -end;
      at = afterBlanks(text, end);
      if (text.charAt(at) !== ":") return at;
      next = "value";
      at++;
    } else if (next === "end of text") return at;
    else if (found === "{" || found === "[") {
      open.push(found);
      next = found === "{" ? "key or end" : "value or end";
      at++;
    } else {
      const end = strictString(text, at) ?? strictWord(text, at);
      if (end === undefined) return at;
      if (end < 0) return -end;
      next = open.length === 0 ? "end of text" : "comma or end";
      at = end;
    }
  }
}

const closing: Readonly<Record<string, string>> = { "{": "}", "[": "]" };

/** The offset behind a string; undefined where none begins; below zero, where it goes wrong. */
function strictString(text: string, at: number): number | undefined {
  if (text.charAt(at) !== '"') return undefined;
  for (let next = at + 1; ; next++) {
    const code = text.charCodeAt(next);
    if (code === 34) return next + 1;
    // Past the end it is NaN, which is neither.
    if (!(code >= 32)) return -next;
    if (code !== 92) continue;
    next++;
    if (text.charAt(next) === "u" && /^[0-9a-fA-F]{4}$/.test(text.slice(next + 1, next + 5))) next += 4;
    else if (text.charAt(next) === "" || !'"\\/bfnrt'.includes(text.charAt(next))) return -next;
  }
}

/** The offset behind a number, `true`, `false` or `null`; undefined where none begins. */
function strictWord(text: string, at: number): number | undefined {
  const word = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
  word.lastIndex = at;
  return word.test(text) ? word.lastIndex : undefined;
}
