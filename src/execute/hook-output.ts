// What a hook has printed into its file in memory.

import { addressOf, systemCall } from "./libc.ts";

/** As much as helps: a hook may print without end. */
const OUTPUT_BYTES_MAX = 4096;

/** Empty without such a file. */
export function readHookOutput(fd: number): string {
  if (fd < 0) return "";
  const bytes = new Uint8Array(OUTPUT_BYTES_MAX);
  const got = systemCall("pread64", fd, addressOf(bytes), bytes.length, 0);
  return got <= 0 ? "" : new TextDecoder().decode(bytes.subarray(0, got));
}
