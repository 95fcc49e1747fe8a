import { describe, expect, test } from "bun:test";
import { ENTRY_MAX, entry } from "../../src/plan/log-layout.ts";
import { takeEntries, timeOf } from "../../src/state/log-entries.ts";

/** An entry as the supervisor writes it. */
function bytesOf(stream: keyof typeof entry.streams, text: string | Uint8Array, seconds = 0, nanoseconds = 0): Uint8Array {
  const payload = typeof text === "string" ? new TextEncoder().encode(text) : text;
  const bytes = new Uint8Array(entry.bytes + payload.length);
  const view = new DataView(bytes.buffer);
  view.setBigInt64(entry.seconds, BigInt(seconds), true);
  view.setBigUint64(entry.nanoseconds, BigInt(nanoseconds), true);
  view.setBigUint64(entry.lengthAndStream, BigInt(payload.length + entry.streams[stream]), true);
  bytes.set(payload, entry.bytes);
  return bytes;
}

const joined = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(parts.flatMap((part) => [...part]));
const shown = (bytes: Uint8Array) => {
  const { entries, used, damaged } = takeEntries(bytes);
  return { entries: entries.map((one) => `${one.stream} ${new TextDecoder().decode(one.bytes)} ${one.lost}`), used, damaged };
};

describe("takeEntries", () => {
  const [first, second] = [bytesOf("stdout", "one\n"), bytesOf("stderr", "two")];

  test("in their order, with their streams", () =>
    expect(shown(joined(first, second))).toEqual({ entries: ["stdout one\n 0", "stderr two 0"], used: 55, damaged: false }));

  test("leaves what is not whole for later, wherever it stops", () => {
    for (let length = first.length; length < first.length + second.length; length++)
      expect(shown(joined(first, second).subarray(0, length))).toEqual({ entries: ["stdout one\n 0"], used: first.length, damaged: false });
  });

  test("how many bytes were lost", () =>
    expect(shown(bytesOf("lost", new Uint8Array(new BigUint64Array([77n]).buffer)))).toEqual({
      entries: ["stdout  77"],
      used: 32,
      damaged: false,
    }));

  test.each([
    ["a stream that there is none of", (view: DataView) => view.setUint32(entry.stream, 9, true)],
    ["no bytes", (view: DataView) => view.setUint32(entry.lengthAndStream, 0, true)],
    ["more bytes than are read at once", (view: DataView) => view.setUint32(entry.lengthAndStream, ENTRY_MAX + 1, true)],
    ["a time before 1970", (view: DataView) => view.setBigInt64(entry.seconds, -1n, true)],
    ["a time that no calendar has", (view: DataView) => view.setBigInt64(entry.seconds, 2n ** 60n, true)],
    ["a year of five digits", (view: DataView) => view.setBigInt64(entry.seconds, 253_402_300_800n, true)],
    ["more nanoseconds than a second has", (view: DataView) => view.setBigUint64(entry.nanoseconds, 1_000_000_000n, true)],
  ] as const)("%s is damage, and what came before it is not lost", (_, spoil) => {
    const bad = second.slice();
    spoil(new DataView(bad.buffer));
    expect(shown(joined(first, bad, first))).toEqual({ entries: ["stdout one\n 0"], used: first.length, damaged: true });
  });
});

test("the last time that is one", () => {
  const [last] = takeEntries(bytesOf("stdout", "x", 253_402_300_799, 999_999_999)).entries;
  expect(last === undefined ? undefined : timeOf(last)).toBe("9999-12-31T23:59:59.999999999Z");
});

test("timeOf: all nine digits", () =>
  expect(timeOf({ seconds: 1_769_860_800, nanoseconds: 5_000_001 })).toBe("2026-01-31T12:00:00.005000001Z"));
