// Rows as columns, laid out as runc does it: a column is as wide as its widest cell and three blanks, at least twelve.

import { escapeControls } from "../tape/escape-controls.ts";

const LEAST_WIDTH = 12;
const GAP = 3;

/** The last cell of a row is not padded. Control characters are escaped: a path may hold some. */
export function printTable(rows: readonly (readonly string[])[]): string {
  const shown = rows.map((row) => row.map((cell) => (isPlain(cell) ? cell : escapeControls(cell))));
  const widths: number[] = [];
  for (const row of shown)
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? LEAST_WIDTH, charactersOf(cell) + GAP);
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => (column === row.length - 1 ? cell : cell + " ".repeat((widths[column] ?? 0) - charactersOf(cell)))).join("");
  return shown.map(line).join("\n");
}

/** Nearly every cell is, and then it is quick to see. */
const isPlain = (cell: string): boolean => /^[ -~]*$/.test(cell);

const charactersOf = (cell: string): number => (isPlain(cell) ? cell.length : [...cell].length);
