// Tables and JSON on stdout. A table fits the terminal, or $COLUMNS, or else 80 columns, and has colours on a terminal alone.

import { terminalSize } from "../execute/terminal-size.ts";
import { writeLine } from "../execute/write-line.ts";
import { type Cell, type Column, renderTable, type TableStyle } from "../inspect/table.ts";
import { escapeJson } from "../tape/escape-controls.ts";

const USUAL_WIDTH = 80;

/** `wide`: nothing is cut. */
export function showTable(columns: readonly Column[], rows: readonly (readonly Cell[])[], wide: boolean): void {
  const { width, colour } = tableStyle();
  writeLine(renderTable(columns, rows, { width: wide ? undefined : width, colour }));
}

export function tableStyle(): TableStyle {
  const { COLUMNS = "", NO_COLOR = "", TERM } = process.env;
  const terminal = terminalSize();
  const given = /^[1-9]\d{0,4}$/.test(COLUMNS) ? Number(COLUMNS) : USUAL_WIDTH;
  // A terminal that knows no width says 0.
  return {
    width: terminal === undefined || terminal.columns === 0 ? given : terminal.columns,
    colour: terminal !== undefined && NO_COLOR === "" && TERM !== "dumb",
  };
}

/** On one line. Names of strangers are in it, so whatever could act on a terminal is escaped; it stays the same JSON. False when nobody reads it. */
export const showJson = (value: unknown): boolean => writeLine(escapeJson(JSON.stringify(value)));
