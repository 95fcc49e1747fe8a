// The checker behind check-spec.ts: rules are data (spec-rules.ts), and one walk holds a JSON value against them.
// It runs cold in every start of a container, where the first call of anything costs more than a hundred later ones:
// a new function 5 µs, Object.hasOwn 19, Array.prototype.forEach 68. Hence few and long functions, plain loops, no
// regular expressions, and rules of rare fields behind "later". Wording faults is left to faults.ts.

import type { ConfigFault } from "../errors.ts";
import { joinPath, unknownKey, wrongValue } from "./faults.ts";

export type Rule = TextRule | NameRule | KeyRule | IntegerRule | BooleanRule | ListRule | MapRule | ObjectRule | LaterRule;

export type Faults = ConfigFault[];

/** `expected` follows the word "expected" in messages. */
export type TextRule = {
  readonly is: "text";
  readonly expected: string;
  /** The common forms, checked without a call: not empty, starting with "/", `NAME=value`. */
  readonly form?: "filled" | "absolute" | "assignment";
  readonly test?: (value: string) => boolean;
};

/** One of the names in `among`. */
export type NameRule = { readonly is: "name"; readonly expected: string; readonly among: readonly string[] };

/** One of the names that a table of the kernel's numbers is keyed by. */
export type KeyRule = { readonly is: "key"; readonly expected: string; readonly of: Readonly<Record<string, number>> };

/** Bounds are inclusive. A bound of 2^63 or 2^64 stands for the largest number below it: JSON.parse rounds to that. */
export type IntegerRule = {
  readonly is: "integer";
  readonly expected: string;
  readonly min: number;
  readonly max: number;
  /** Above `max`, where numbers are rounded, it may be up to 2^64 - 1 as digits. */
  readonly digits?: true;
};

export type BooleanRule = { readonly is: "boolean"; readonly expected: string };

export type ListRule = {
  readonly is: "list";
  readonly expected: string;
  readonly items: Rule;
  readonly least?: number;
} & Also;

/** A map from free names to values of one kind. */
export type MapRule = {
  readonly is: "map";
  readonly expected: string;
  readonly values: Rule;
  readonly keys?: TextRule | NameRule;
};

export type ObjectRule = {
  readonly is: "object";
  readonly expected: string;
  readonly fields: Readonly<Record<string, Rule>>;
  readonly required: readonly string[];
  /** Keys that are no fields here, with the reason: more help than "unknown key". */
  readonly foreign?: Readonly<Record<string, string>>;
} & Also;

/** The rule of a field that most configurations leave out, made when one has it. */
export type LaterRule = { readonly is: "later"; readonly expected: string; readonly rule: () => Rule };

/** A rule across the value's parts; runs only when each part is right by itself, so the cast to its type is safe. */
type Also = { also?(value: never, path: string, faults: Faults): void };

type JsonObject = Record<string, unknown>;

export const isObject = (value: unknown): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);

/** Holds a whole document against the rule of its outermost object. */
export function checkDocument(rule: ObjectRule, value: unknown, faults: Faults): void {
  if (isObject(value)) checkObject(rule, value, "", faults);
  else faults.push(wrongValue(rule, value, ""));
}

/**
 * Holds a value against a rule and adds what is wrong to `faults`. The place is given as its parent's path and its
 * own key, because nearly always nobody asks for the whole.
 */
function checkValue(rule: Rule, value: unknown, parent: string, key: string | number, faults: Faults): void {
  switch (rule.is) {
    case "text":
      if (typeof value !== "string" || value.includes("\0")) break;
      if (rule.form === "absolute" && value.charCodeAt(0) !== 47) break;
      if (rule.form === "filled" && value === "") break;
      if (rule.form === "assignment" && value.indexOf("=") <= 0) break;
      if (rule.test !== undefined && !rule.test(value)) break;
      return;
    case "name":
      if (rule.among.includes(value as string)) return;
      break;
    case "key":
      // What every object inherits is no number.
      if (typeof value === "string" && typeof rule.of[value] === "number") return;
      break;
    case "boolean":
      if (typeof value === "boolean") return;
      break;
    case "integer":
      if (typeof value === "number" && value >= rule.min && value <= rule.max && value % 1 === 0) return;
      if (rule.digits === true && typeof value === "string" && isLong(value)) return;
      break;
    case "list": {
      if (!Array.isArray(value) || value.length < (rule.least ?? 0)) break;
      const path = placeOf(parent, key);
      const before = faults.length;
      for (let index = 0; index < value.length; index++) checkValue(rule.items, value[index], path, index, faults);
      if (rule.also !== undefined && faults.length === before) rule.also(value as never, path, faults);
      return;
    }
    case "map":
      if (typeof value === "object" && value !== null && !Array.isArray(value))
        return checkMap(rule, value as JsonObject, placeOf(parent, key), faults);
      break;
    case "object":
      if (typeof value === "object" && value !== null && !Array.isArray(value))
        return checkObject(rule, value as JsonObject, placeOf(parent, key), faults);
      break;
    case "later":
      return checkValue(rule.rule(), value, parent, key, faults);
  }
  faults.push(wrongValue(rule, value, key === "" ? parent : joinPath(parent, key)));
}

/** joinPath for keys that come from the tables and so need no quotes; the empty key stands for the parent itself. */
function placeOf(parent: string, key: string | number): string {
  if (typeof key === "number") return `${parent}[${key}]`;
  if (parent === "") return key;
  return key === "" ? parent : `${parent}.${key}`;
}

function checkMap(rule: MapRule, map: JsonObject, path: string, faults: Faults): void {
  for (const key in map) {
    const place = joinPath(path, key);
    const before = faults.length;
    checkValue(rule.keys ?? anyKey, key, place, "", faults);
    if (faults.length === before) checkValue(rule.values, map[key], place, "", faults);
  }
}

const anyKey: TextRule = { is: "text", expected: "a string" };

/**
 * Fields that are null are removed, as are optional strings that are empty: Go, which nearly all the writers of these
 * files use, cannot tell either from an absent field.
 */
function checkObject(rule: ObjectRule, object: JsonObject, path: string, faults: Faults): void {
  const { fields, required } = rule;
  const before = faults.length;
  for (const key in object) {
    const value = object[key];
    const field = fields[key];
    // A key such as "constructor" finds what every object inherits, and that is no rule.
    if (field === undefined || typeof field.is !== "string") {
      refuseKey(rule, object, path, key, faults);
    } else if (value === null || (value === "" && (field.is === "text" || field.is === "name") && !required.includes(key))) {
      delete object[key];
    } else {
      checkValue(field, value, path, key, faults);
    }
  }
  for (let at = 0; at < required.length; at++) {
    const key = required[at] ?? "";
    if (object[key] === undefined) {
      faults.push({ path: joinPath(path, key), problem: `missing, expected ${fields[key]?.expected ?? "a value"}` });
    }
  }
  if (rule.also !== undefined && faults.length === before) rule.also(object as never, path, faults);
}

/** What begins with `x-` is somebody else's by its name, and as good as left out. */
function refuseKey(rule: ObjectRule, object: JsonObject, path: string, key: string, faults: Faults): void {
  if (key.startsWith("x-")) {
    delete object[key];
    return;
  }
  const problem = foreignProblem(rule, key);
  if (problem === undefined) faults.push(unknownKey(rule, path, key));
  else if (object[key] !== null) faults.push({ path: joinPath(path, key), problem });
}

/** Why a key that is known elsewhere has no place here. */
export const foreignProblem = ({ foreign }: ObjectRule, key: string): string | undefined =>
  foreign !== undefined && Object.hasOwn(foreign, key) ? foreign[key] : undefined;

/** Digits of an integer above 2^53 - 1 and below 2^64. */
function isLong(text: string): boolean {
  if (text.length < 16 || text.length > 20) return false;
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) < 48 || text.charCodeAt(at) > 57) return false;
  return text.charCodeAt(0) !== 48 && BigInt(text) > BigInt(Number.MAX_SAFE_INTEGER) && BigInt(text) < 2n ** 64n;
}
