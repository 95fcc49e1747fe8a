// A file that must be there, or the error that says why it is not.

import { BoxError } from "../errors.ts";
import { errnoName } from "../linux/errno-name.ts";
import { readGiven, readText } from "./files.ts";

/** Reads a file that must exist. */
export function readTextOrThrow(path: string, what: string, origin?: string): string {
  return orThrow(readText(path), path, what, origin);
}

/** Reads the file that a flag names, which may be a pipe. */
export const readGivenOrThrow = (path: string, flag: string): string => orThrow(readGiven(path), path, "cannot read", flag);

function orThrow(text: string | number, path: string, what: string, origin: string | undefined): string {
  if (typeof text === "string") return text;
  throw new BoxError({ what, object: path, errno: errnoName(-text), ...(origin === undefined ? {} : { origin }) });
}
