// Numbers of bytes as people read them, in multiples of 1024 as limits are given: `64 MiB`. The library is loaded late.

import type { BytesText } from "../inspect/stats-table.ts";

export async function loadBytesText(): Promise<BytesText> {
  const { default: prettyBytes } = await import("pretty-bytes");
  return (bytes) => prettyBytes(bytes, { binary: true });
}
