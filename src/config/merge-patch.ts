// JSON Merge Patch (RFC 7396), which is how `oci` of box.yaml meets the configuration made from the other keys: maps are
// merged, everything else is replaced whole, lists too, and null takes away.

import { isObject } from "./rule.ts";

type Json = Record<string, unknown>;

/** A new value; parts that the patch does not touch are shared with `target`. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const out: Json = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete out[key];
    else set(out, key, mergePatch(own(out, key), value));
  }
  return out;
}

/** What made into a patch of `from` gives `to`, which has no nulls; undefined when they are the same. */
export function patchBetween(from: unknown, to: unknown): unknown {
  if (!isObject(from) || !isObject(to)) return same(from, to) ? undefined : to;
  const out: Json = {};
  for (const key of Object.keys(from)) if (own(to, key) === undefined) set(out, key, null);
  for (const [key, value] of Object.entries(to)) {
    const before = own(from, key);
    // An empty map as a patch of nothing makes one.
    const patch = before === undefined ? value : patchBetween(before, value);
    if (patch !== undefined) set(out, key, patch);
  }
  return Object.keys(out).length === 0 ? undefined : out;
}

/** Whether two values are the same JSON. Keys are in no order. */
export function same(one: unknown, other: unknown): boolean {
  if (Array.isArray(one) && Array.isArray(other)) return one.length === other.length && one.every((item, at) => same(item, other[at]));
  if (isObject(one) && isObject(other)) {
    const keys = Object.keys(one);
    return keys.length === Object.keys(other).length && keys.every((key) => Object.hasOwn(other, key) && same(one[key], other[key]));
  }
  return one === other;
}

const own = (object: Json, key: string): unknown => (Object.hasOwn(object, key) ? object[key] : undefined);

/** Of `__proto__` too only a property is made. */
const set = (object: Json, key: string, value: unknown): void =>
  void Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
