// Paths of entries as paths inside the root: names with one slash between them, none in front. The root's own is empty.

import { BoxError } from "../errors.ts";
import { shown } from "./entry.ts";

/** Without `.`, doubled slashes and the slash in front. Throws a BoxError at a `..`, which no honest archive has. */
export function innerPath(path: string): string {
  const start = path.startsWith("./") ? 2 : 0;
  const plain = path.slice(start, path.endsWith("/") ? -1 : undefined);
  // Nearly all are plain already: what begins with a dot or has an empty name is looked at closely.
  if (
    !plain.startsWith(".") &&
    !plain.startsWith("/") &&
    !plain.endsWith("/") &&
    !plain.includes("//") &&
    !plain.includes("/.") &&
    plain !== ""
  )
    return plain;
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw new BoxError({ what: `the entry ${shown(path)} leads out of its folder` });
  return parts.join("/");
}

export const folderOf = (inner: string): string => inner.slice(0, Math.max(0, inner.lastIndexOf("/")));
export const nameOf = (inner: string): string => inner.slice(inner.lastIndexOf("/") + 1);
