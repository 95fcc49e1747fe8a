// A Spec once more, after somebody has changed it: what is as it was when it was checked is right by itself, and only the rest is
// held against the tables. A filter of system calls alone is most of a configuration.

import { checkSpec } from "./check-spec.ts";
import { isObject } from "./rule.ts";
import type { Spec } from "./spec.ts";
import { specRule } from "./spec-rules.ts";

type Texts = ReadonlyMap<string, string>;

/** The parts of a Spec that has been checked, as JSON: those of `linux` each for itself. */
export type Parts = { readonly spec: Texts; readonly linux: Texts };

export const partsOf = ({ linux = {}, ...spec }: Spec): Parts => ({ spec: textsOf(spec), linux: textsOf(linux) });

const textsOf = (object: object): Texts => new Map(Object.entries(object).map(([key, part]) => [key, JSON.stringify(part)]));

/** As checkSpec of the same value, which is data. `parts`: of what it was before; undefined where nobody knows. */
export function checkChanged(value: unknown, parts: Parts | undefined): Spec {
  if (!isObject(value) || parts === undefined) return checkSpec(value);
  const changed = changedIn(value, parts.spec);
  if (changed === undefined) return checkSpec(value);
  if (isObject(changed.linux)) {
    const within = changedIn(changed.linux, parts.linux);
    if (within === undefined) return checkSpec(value);
    changed.linux = within;
  }
  return checkSpec(value, changed);
}

/** Those that are others, and those that must be there; undefined where some are to be taken away, as checkSpec does. */
function changedIn(object: Record<string, unknown>, texts: Texts): Record<string, unknown> | undefined {
  // A key may be any word, `__proto__` too.
  const changed: Record<string, unknown> = Object.create(null);
  for (const key in object) {
    const part = object[key];
    if (part === null || part === "" || key.startsWith("x-")) return undefined;
    if (specRule.required.includes(key) || texts.get(key) !== JSON.stringify(part)) changed[key] = part;
  }
  return changed;
}
