import { expect, test } from "bun:test";
import { printTable } from "../../src/cli/list-table.ts";

const cases: [title: string, rows: string[][], table: string[]][] = [
  [
    "columns are at least twelve wide, as with runc",
    [
      ["ID", "PID", "OWNER"],
      ["a", "1", "root"],
    ],
    ["ID          PID         OWNER", "a           1           root"],
  ],
  [
    "and three wider than the widest cell",
    [
      ["ID", "BUNDLE", "OWNER"],
      ["123456789", "/bundle/is/here", "root"],
      ["1234567890", "/", "#1000"],
    ],
    ["ID           BUNDLE            OWNER", "123456789    /bundle/is/here   root", "1234567890   /                 #1000"],
  ],
  [
    "a path cannot write to the terminal, and its characters are counted, not its units",
    [
      ["BUNDLE", "OWNER"],
      ["/\u001b[2J\n", "root"],
      ["/🍎🍎", "root"],
    ],
    ["BUNDLE         OWNER", "/\\u{1b}[2J\\n   root", "/🍎🍎            root"],
  ],
];
for (const [title, rows, table] of cases) test(title, () => expect(printTable(rows).split("\n")).toEqual(table));
