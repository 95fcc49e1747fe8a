// Which part of box.yaml a part of the Spec came from, so that a fault of the Spec is told of the file that a person wrote.

import { isObject } from "./rule.ts";
import { keyPath, splitPath } from "./spec-paths.ts";

type Origin = { readonly path: string; readonly withParts: boolean };

/** By the path in the Spec. */
export type Origins = Map<string, Origin>;

/** `with its parts`: what the one has below it the other has too. */
export const setOrigin = (origins: Origins, path: string, origin: string, parts?: "with its parts"): void =>
  void origins.set(path, { path: origin, withParts: parts !== undefined });

/** undefined for what comes from nothing in the file. */
export function originIn(origins: Origins, oci: Record<string, unknown> | undefined, path: string): string | undefined {
  const keys = splitPath(path);
  if (keys === undefined || keys.length === 0) return undefined;
  return ociPath(oci, keys, false) ?? originOf(origins, path) ?? ociPath(oci, keys, true);
}

/** What `oci` says of it, or has a list around it for. `loosely`: also what a map there lacks. */
function ociPath(oci: Record<string, unknown> | undefined, keys: readonly (string | number)[], loosely: boolean): string | undefined {
  let value: unknown = oci;
  let path = "oci";
  // Maps are merged with what is there without `oci`, and lists are not.
  let isIts = false;
  for (const key of keys) {
    const has = isObject(value) && Object.hasOwn(value, String(key));
    if (!has && !isIts) return undefined;
    if (Array.isArray(value)) value = value[Number(key)];
    else value = has ? (value as Record<string, unknown>)[String(key)] : undefined;
    isIts ||= loosely || Array.isArray(value);
    path = typeof key === "number" ? `${path}[${key}]` : keyPath(path, key);
  }
  return path;
}

function originOf(origins: Origins, path: string): string | undefined {
  for (let part = path; part !== ""; part = part.slice(0, Math.max(part.lastIndexOf("."), part.lastIndexOf("["), 0))) {
    const origin = origins.get(part);
    if (origin !== undefined) return origin.withParts ? origin.path + path.slice(part.length) : origin.path;
  }
  return undefined;
}
