// A file that must be there, or the error that says why it is not.

import { BoxError } from "../errors.ts";
import { errnoName } from "../linux/errno-name.ts";
import { readText } from "./files.ts";

/** Reads a file that must exist. */
export function readTextOrThrow(path: string, what: string, origin?: string): string {
  const text = readText(path);
  if (typeof text === "string") return text;
  throw new BoxError({ what, object: path, errno: errnoName(-text), ...(origin === undefined ? {} : { origin }) });
}
