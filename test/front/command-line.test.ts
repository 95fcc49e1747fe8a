import { expect, test } from "bun:test";
import { commandTables, kinds, row } from "../../src/front/command-line.ts";
import { signals } from "../../src/linux/signals.ts";

const entries = { start: 0x1000, kill: 0x2000, delete: 0x3000, exec: 0x4000 };
const tables = commandTables(entries);
type Table = keyof typeof tables;

/** As the machine code looks a text up: two comparisons of eight bytes, with whatever stands behind the text in memory. */
function lookUp(table: Table, text: string, behind = "SIGTERM\0json\0\0\0\0\0\0\0\0\0\0"): { value: number; kind: number } | undefined {
  const [rows, memory] = [tables[table], new TextEncoder().encode(`${text}\0${behind}`)].map(({ buffer }) => new DataView(buffer));
  if (rows === undefined || memory === undefined) throw new Error("nothing to look at");
  const word = (at: number): bigint => rows.getBigUint64(at, true);
  const matches = (from: number, mask: bigint, expected: bigint): boolean => (memory.getBigUint64(from, true) & mask) === expected;
  for (let at = 0; word(at + row.mask) !== 0n; at += row.bytes)
    if (
      matches(0, word(at + row.mask), word(at + row.first)) &&
      matches(Number(word(at + row.offset)), word(at + row.lastMask), word(at + row.last))
    )
      return { value: Number(word(at + row.value)), kind: Number(word(at + row.kind)) };
  return undefined;
}

const { alone, hasValue, hasFormat, hasRoot, hasProcess, hasPidFile, takesForce, takesSignal, takesCommand } = kinds;
const named = ["HUP", "INT", "QUIT", "KILL", "USR1", "USR2", "TERM", "WINCH"] as const;
const expected: Record<Exclude<Table, "environmentTable">, Record<string, { value: number; kind: number }>> = {
  flagTable: {
    "--root": { value: 1, kind: hasRoot },
    "--log": { value: 1, kind: hasValue },
    "--log-format": { value: 1, kind: hasFormat },
  },
  formatTable: { json: { value: 1, kind: alone }, text: { value: 1, kind: alone } },
  verbTable: {
    start: { value: entries.start, kind: alone },
    kill: { value: entries.kill, kind: takesSignal },
    delete: { value: entries.delete, kind: takesForce },
    exec: { value: entries.exec, kind: takesCommand },
  },
  execTable: {
    "--process": { value: 1, kind: hasProcess },
    "-p": { value: 1, kind: hasProcess },
    "--pid-file": { value: 1, kind: hasPidFile },
    "--detach": { value: 1, kind: alone },
    "-d": { value: 1, kind: alone },
  },
  forceTable: { "--force": { value: 1, kind: alone }, "-f": { value: 1, kind: alone } },
  signalTable: Object.fromEntries(
    named.flatMap((name) => {
      const value = signals[`SIG${name}`];
      return [name, `SIG${name}`, String(value)].map((text) => [text, { value, kind: alone }]);
    }),
  ),
};

for (const table of Object.keys(expected) as (keyof typeof expected)[]) {
  test(`${table}: what it has, with what it stands for`, () => {
    const words = Object.keys(expected[table]);
    expect(Object.fromEntries(words.map((word) => [word, lookUp(table, word)]))).toEqual(expected[table]);
  });

  test(`${table}: no shorter, longer or other word`, () => {
    const words = Object.keys(expected[table]);
    const near = words.flatMap((word) => [
      ...Array.from({ length: word.length }, (_, length) => word.slice(0, length)),
      ...["x", "=", " ", "0", "\u00ff"].map((more) => `${word}${more}`),
      ...Array.from(word, (_, index) => `${word.slice(0, index)}~${word.slice(index + 1)}`),
      word === word.toUpperCase() ? word.toLowerCase() : word.toUpperCase(),
      `-${word}`,
    ]);
    const others = near.filter((word) => !words.includes(word));
    expect(others.length).toBeGreaterThan(words.length);
    expect(others.filter((word) => lookUp(table, word) !== undefined)).toEqual([]);
  });

  test(`${table}: whatever stands behind a word`, () => {
    for (const word of Object.keys(expected[table]))
      for (const behind of ["\0".repeat(16), "\u00ff".repeat(16), `${word}\0`.repeat(8)])
        expect(lookUp(table, word, behind)).toEqual(expected[table][word]);
  });
}

test("the signals are those whose numbers and names kill takes, and no signal 0, which sends nothing", () => {
  expect(lookUp("signalTable", "0")).toBeUndefined();
  expect(lookUp("signalTable", "9")?.value).toBe(9);
  expect(lookUp("signalTable", "15")?.value).toBe(15);
});

test("variables that exec goes by, whatever they are set to", () => {
  const found = (text: string): boolean => lookUp("environmentTable", text) !== undefined;
  expect(
    ["LISTEN_FDS=3", "LISTEN_FDNAMES=a", "NOTIFY_SOCKET=/run/notify", "BOX_LENIENT=1", "BOX_LENIENT="].filter((text) => !found(text)),
  ).toEqual([]);
  expect(["PATH=/bin", "LISTEN_PID=1", "listen_fds=3", "XLISTEN_FDS=3", "BOX_BINARY=/box", "NOTIFY", ""].filter(found)).toEqual([]);
});
