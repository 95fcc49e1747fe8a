// The name of an errno, for messages.

import { encodeErrnoNames } from "./errno-names-macro.ts" with { type: "macro" };

const names = encodeErrnoNames();

/** `EINVAL` for 22; `errno 999` for a number without a name. */
export function errnoName(number: number): string {
  return names.split(" ")[number] || `errno ${number}`;
}
