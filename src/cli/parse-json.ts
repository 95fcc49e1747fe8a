// The value of a file of JSON, or the error that names the file.

import { BoxError } from "../errors.ts";

export function parseJson(text: string, path: string, reviver?: typeof exactly): unknown {
  try {
    return JSON.parse(text, reviver as Parameters<typeof JSON.parse>[1]);
  } catch (error) {
    throw new BoxError({ what: `${path} is not JSON: ${(error as Error).message}` });
  }
}

/**
 * For JSON.parse: what a filter of system calls compares with stays the digits that are written there where a number would be
 * rounded. Config.json is read so only when it is refused otherwise (read-again.ts).
 */
export function exactly(key: string, value: unknown, { source }: { readonly source?: string }): unknown {
  const isRounded = typeof value === "number" && !Number.isSafeInteger(value) && (key === "value" || key === "valueTwo");
  return isRounded && source !== undefined && /^\d+$/.test(source) ? source : value;
}
