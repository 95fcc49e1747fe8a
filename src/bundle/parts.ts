// Paths of entries as lists of names.

import { BoxError } from "../errors.ts";
import { shown } from "./entry.ts";

/** Without `.`, doubled slashes and the slash in front. Throws a BoxError at a `..`, which no honest archive has. */
export function partsOf(path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw new BoxError({ what: `the entry ${shown(path)} leads out of its folder` });
  return parts;
}
