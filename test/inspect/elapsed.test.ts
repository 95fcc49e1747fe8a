import { expect, test } from "bun:test";
import { elapsed } from "../../src/inspect/elapsed.ts";

const cases: [seconds: number, text: string][] = [
  [0, "00:00"],
  [59, "00:59"],
  [3599, "59:59"],
  [3600, "01:00:00"],
  [86_399, "23:59:59"],
  [86_400, "1-00:00:00"],
  [8_999_999, "104-03:59:59"],
];
for (const [seconds, text] of cases) test(text, () => expect(elapsed(seconds)).toBe(text));
