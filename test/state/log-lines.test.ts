import { describe, expect, test } from "bun:test";
import { ENTRY_MAX } from "../../src/plan/log-layout.ts";
import type { LogEntry } from "../../src/state/log-entries.ts";
import { JsonLines, LastLines, newLineSplitter, type Piece, type Stream } from "../../src/state/log-lines.ts";

const encode = (text: string | readonly number[]): Uint8Array =>
  typeof text === "string" ? new TextEncoder().encode(text) : new Uint8Array(text);
const entry = (stream: Stream, text: string | readonly number[], seconds = 0): LogEntry => ({
  ...{ seconds, nanoseconds: 0, stream, bytes: encode(text), lost: 0 },
});
const split = (...entries: readonly LogEntry[]): Piece[] => entries.flatMap(newLineSplitter());
const text = (pieces: readonly Piece[]): string[] =>
  pieces.map(({ stream, bytes, begins, ends }) => `${stream} ${JSON.stringify(new TextDecoder().decode(bytes))} ${begins} ${ends}`);

describe("newLineSplitter", () => {
  test("several lines in one entry, the last without an end", () =>
    expect(text(split(entry("stdout", "a\n\nb")))).toEqual(['stdout "a\\n" true true', 'stdout "\\n" true true', 'stdout "b" true false']));

  test("a line in several entries, with another stream's between them", () =>
    expect(text(split(entry("stdout", "a"), entry("stderr", "x\n"), entry("stdout", "b\nc")))).toEqual([
      'stdout "a" true false',
      'stderr "x\\n" true true',
      'stdout "b\\n" false true',
      'stdout "c" true false',
    ]));
});

describe("LastLines", () => {
  const last = (count: number, ...entries: readonly LogEntry[]): string => {
    const lines = new LastLines(count);
    for (const piece of split(...entries)) lines.add(piece);
    return lines
      .pieces()
      .map(({ bytes }) => new TextDecoder().decode(bytes))
      .join("|");
  };

  test("of many", () => expect(last(2, entry("stdout", "1\n2\n3\n"))).toBe("2\n|3\n"));
  test("a line that others have pushed out does not come back with its end", () =>
    expect(last(1, entry("stdout", "1"), entry("stderr", "x\n"), entry("stdout", "2\n"))).toBe("x\n"));
  test("none", () => expect(last(0, entry("stdout", "1\n2"))).toBe(""));
  test("a line without an end counts", () => expect(last(1, entry("stdout", "1\n2"))).toBe("2"));
  test("a line in several entries is one", () =>
    expect(last(2, entry("stdout", "1\n2"), entry("stderr", "x\n"), entry("stdout", "2\n"))).toBe("2|2\n|x\n"));
});

describe("JsonLines", () => {
  const json = (...entries: readonly LogEntry[]): { line: string; time: string }[] => {
    const lines = new JsonLines();
    const done = split(...entries).flatMap((piece) => lines.add(piece) ?? []);
    return [...done, ...lines.rest()].map(({ log, stream, time }) => ({ line: `${stream} ${log}`, time: time.slice(17, 19) }));
  };

  test("a line in several entries is one, with the time of its beginning", () =>
    expect(json(entry("stdout", "a", 1), entry("stderr", "x\n", 2), entry("stdout", "b\n", 3))).toEqual([
      { line: "stderr x\n", time: "02" },
      { line: "stdout ab\n", time: "01" },
    ]));

  test("a line without an end comes last", () =>
    expect(json(entry("stdout", "a\nb", 4)).map(({ line }) => line)).toEqual(["stdout a\n", "stdout b"]));

  test("a character in two entries is whole; what is none becomes U+FFFD", () =>
    expect(
      json(entry("stdout", [0xe2, 0x98]), entry("stdout", [0x83, 0xff, 0x0a]), entry("stdout", [0xc3])).map(({ line }) => line),
    ).toEqual(["stdout ☃\ufffd\n", "stdout \ufffd"]));

  test("a byte order mark is kept", () =>
    expect(json(entry("stdout", [0xef, 0xbb, 0xbf, 0x61, 0x0a])).map(({ line }) => line)).toEqual(["stdout \ufeffa\n"]));

  test("a long line comes in parts, of which the last alone ends", () => {
    const long = `${"ä".repeat(2 * ENTRY_MAX)}\n`;
    const bytes = [...encode(long)];
    const entries: LogEntry[] = [];
    // An odd number of bytes, so that characters are cut.
    for (let from = 0; from < bytes.length; from += ENTRY_MAX - 1) entries.push(entry("stdout", bytes.slice(from, from + ENTRY_MAX - 1)));
    const parts = json(...entries).map(({ line }) => line.slice("stdout ".length));
    expect([parts.length, parts.map((part) => part.endsWith("\n"))]).toEqual([2, [false, true]]);
    expect(parts.join("")).toBe(long);
  });
});
