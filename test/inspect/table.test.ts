import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Cell, type Column, cut, renderTable } from "../../src/inspect/table.ts";

const columns: Column[] = [{ title: "ID" }, { title: "PROCS", right: true }, { title: "USERS", least: 5 }, { title: "COMMAND", least: 6 }];
const plain = { width: undefined, colour: false };
const table = (rows: Cell[][], style: Partial<typeof plain> | { width: number } = {}): string[] =>
  renderTable(columns, rows, { ...plain, ...style }).split("\n");

test("columns are as wide as their cells, numbers end in line, nothing ends in blanks", () => {
  const rows = [
    ["1", "7", "root", "sleep 1000"],
    ["4026531840", "12345", "", ""],
  ];
  expect(table(rows)).toEqual(["ID          PROCS  USERS  COMMAND", "1               7  root   sleep 1000", "4026531840  12345"]);
});

test("where there is too little room, the widest column that may be cut is", () => {
  const rows = [["1", "1", "root,nobody,daemon", "/usr/bin/something --with --many --words"]];
  expect(table(rows, { width: 50 })).toEqual([
    "ID  PROCS  USERS               COMMAND",
    "1       1  root,nobody,daemon  /usr/bin/something…",
  ]);
  expect(table(rows, { width: 36 })).toEqual(["ID  PROCS  USERS         COMMAND", "1       1  root,nobody…  /usr/bin/s…"]);
  expect(table(rows, { width: 24 })).toEqual(["ID  PROCS  USERS  COMMA…", "1       1  root…  /usr/…"]);
});

test("a command line of millions of characters is no work", () => {
  const start = performance.now();
  expect(table([["1", "1", "root", "x".repeat(4_000_000)]], { width: 40 })[1]).toBe("1       1  root   xxxxxxxxxxxxxxxxxxxxx…");
  expect(performance.now() - start).toBeLessThan(1000);
});

test("a terminal narrower than all that cuts the lines", () => {
  expect(table([["1", "1", "root", "sleep"]], { width: 7 })).toEqual(["ID  PR…", "1     1"]);
});

test("a character that takes two columns counts as two", () => {
  expect(table([["語語", "1", "x", "y"]])).toEqual(["ID    PROCS  USERS  COMMAND", "語語      1  x      y"]);
  expect(cut("語語語", 6)).toBe("語語語");
  expect(cut("語語語", 5)).toBe("語語…");
  expect(cut("語語語", 4)).toBe("語…");
  expect(cut("e\u0301e\u0301e\u0301", 2)).toBe("e\u0301…");
});

test("nothing that could act on a terminal gets there", () => {
  expect(table([["\u001b[2J", "\u009b1m", "a\nb\tc\r", "\u202ex"]])[1]).toBe("\\u{1b}[2J  \\u{9b}1m  a\\nb\\tc\\u{d}  \\u{202e}x");
});

test("colours are for headings and for what is marked, and only if they are wanted", () => {
  const rows: Cell[][] = [
    ["1", { text: "2", mark: true }, { text: "3", mark: false }, "4"],
    ["1", { text: "", mark: true }, "3", "4"],
  ];
  expect(renderTable(columns, rows, { width: 80, colour: true }).split("\n")).toEqual([
    "\u001b[1mID\u001b[39;22m  \u001b[1mPROCS\u001b[39;22m  \u001b[1mUSERS\u001b[39;22m  \u001b[1mCOMMAND\u001b[39;22m",
    "1       \u001b[31m2\u001b[39;22m  3      4",
    "1          3      4",
  ]);
  expect(renderTable(columns, rows, { width: 80, colour: false })).not.toContain("\u001b");
});

describe("whatever is in the cells,", () => {
  const cell = fc.string({ unit: "binary", maxLength: 60 });
  const rows = fc.array(fc.tuple(cell, cell, cell, cell), { maxLength: 5 });

  test("a table has a line for each row, no wider than wanted, and no control characters", () => {
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 120 }), (cells, width) => {
        const lines = renderTable(columns, cells, { width, colour: false }).split("\n");
        expect(lines).toHaveLength(cells.length + 1);
        for (const line of lines) {
          expect(Bun.stringWidth(line)).toBeLessThanOrEqual(width);
          expect(line).not.toMatch(/\p{Cc}|\p{Bidi_Control}/u);
        }
      }),
    );
  });
});
