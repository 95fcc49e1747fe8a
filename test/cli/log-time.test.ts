import { expect, test } from "bun:test";
import { parseTime } from "../../src/cli/log-time.ts";
import { BoxError } from "../../src/errors.ts";

const now = Date.parse("2026-01-31T12:00:00Z");

test.each([
  ["2026-01-31T12:00:00Z", "1769860800000000000"],
  ["2026-01-31T12:00:00.000000001Z", "1769860800000000001"],
  ["2026-01-31T13:00:00.5+01:00", "1769860800500000000"],
  ["2026-01-31T12:00:00", "1769860800000000000"],
  ["2026-01-31", "1769817600000000000"],
  ["2028-02-29T00:00:00+02:00", "1835388000000000000"],
  ["1769860800", "1769860800000000000"],
  ["1769860800.25", "1769860800250000000"],
  ["10m", "1769860200000000000"],
  ["1h30m", "1769855400000000000"],
])("%s", (text, nanoseconds) => expect(String(parseTime(text, "--since", now))).toBe(nanoseconds));

test.each(["yesterday", "", "2026-13-01", "2026-02-31", "2026-02-29T12:00:00Z", "10:00"])("%j is none", (text) => {
  const what = `expected a time such as 2026-01-31T12:00:00Z, seconds since 1970, or how long ago, such as 10m, got ${JSON.stringify(text)}`;
  expect(() => parseTime(text, "--since", now)).toThrow(new BoxError({ origin: "--since", what }));
});
