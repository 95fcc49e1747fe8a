import { expect, test } from "bun:test";
import { byteSize } from "../../src/config/byte-size.ts";

const sizes: Readonly<Record<string, number | undefined>> = {
  "0": 0,
  "4096": 4096,
  "32b": 32,
  "32B": 32,
  "1k": 1024,
  "1K": 1024,
  "2kb": 2048,
  "2KiB": 2048,
  "512m": 536870912,
  "1.5G": 1610612736,
  "1 g": 1073741824,
  ".5k": 512,
  "1t": 1099511627776,
  "2PB": 2251799813685248,
  "0.3b": 0,
  "": undefined,
  "-1": undefined,
  m: undefined,
  "1x": undefined,
  "1bb": undefined,
  "1ki": undefined,
  "1kbb": undefined,
  "1  g": undefined,
  "1e3": undefined,
  "0x10": undefined,
};
for (const [text, bytes] of Object.entries(sizes)) test(JSON.stringify(text), () => expect(byteSize(text)).toBe(bytes as number));
