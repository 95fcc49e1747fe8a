// The value of a file of JSON, or the error that names the file.

import { BoxError } from "../errors.ts";

export function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new BoxError({ what: `${path} is not JSON: ${(error as Error).message}` });
  }
}
