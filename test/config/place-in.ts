// Where a field of docs/config.md is in a configuration that has it.

import { keyPath } from "../../src/config/spec-paths.ts";

type Json = Record<string | number, unknown>;

/**
 * The object or list that holds the field, its key there, and its path as messages have it. `path` is a FieldPath: `[]`
 * becomes the first entry, `*` the first name.
 */
export function placeIn(spec: unknown, path: string): { holder: Json; key: string; words: string } {
  const keys = path.replaceAll("[]", ".0").split(".");
  let holder = spec as Json;
  let words = "";
  for (;;) {
    const name = keys.shift() as string;
    const key = name === "*" ? (Object.keys(holder)[0] as string) : name;
    words = Array.isArray(holder) ? `${words}[${key}]` : keyPath(words, key);
    if (keys.length === 0) return { holder, key, words };
    holder = holder[key] as Json;
  }
}
