// Rows as a table that fits the width it is given: columns as wide as their cells, cut where there is too little room, with
// an ellipsis. Pure. Cells are text of strangers: nothing in them reaches the terminal as anything but characters, and
// widths are those that a terminal gives them (two columns for 語).

import { escapeControls } from "../tape/escape-controls.ts";

export type Column = {
  readonly title: string;
  /** Numbers end in line. */
  readonly right?: true;
  /** How narrow it may become when the table is too wide; without it the column is never cut. */
  readonly least?: number;
};
/** `mark`: to be seen at once. */
export type Cell = string | { readonly text: string; readonly mark: boolean };
export type TableStyle = {
  /** undefined: as wide as it gets. */
  readonly width: number | undefined;
  readonly colour: boolean;
};

const GAP = "  ";
const [BOLD, RED, RESET] = ["\u001b[1m", "\u001b[31m", "\u001b[39;22m"];

/** The heading and a line for each row, without a newline at the end. Each row has a cell for each column. */
export function renderTable(columns: readonly Column[], rows: readonly (readonly Cell[])[], { width, colour }: TableStyle): string {
  const shown = rows.map((row) => row.map(textOf));
  const widths = columns.map(({ title }, index) => shown.reduce((most, row) => Math.max(most, widthOf(row[index] ?? "")), title.length));
  if (width !== undefined) narrow(columns, widths, width);
  const line = (cells: readonly string[], paint: (text: string, index: number) => string): string =>
    lineOf(columns, widths, cells, width, colour ? paint : (text) => text);
  const heading = columns.map(({ title }) => title);
  const marked = (row: readonly Cell[]) => (text: string, index: number) => (isMarked(row[index]) ? `${RED}${text}${RESET}` : text);
  return [line(heading, (text) => `${BOLD}${text}${RESET}`), ...rows.map((row, at) => line(shown[at] ?? [], marked(row)))].join("\n");
}

const textOf = (cell: Cell): string => {
  const text = typeof cell === "string" ? cell : cell.text;
  return /^[ -~]*$/.test(text) ? text : escapeControls(text);
};
const isMarked = (cell: Cell | undefined): boolean => typeof cell === "object" && cell.mark;
const widthOf = (text: string): number => (/^[ -~]*$/.test(text) ? text.length : Bun.stringWidth(text));

/** Takes from the widest column that may be cut, until the table fits or none is left. */
function narrow(columns: readonly Column[], widths: number[], width: number): void {
  const leastOf = (index: number): number => columns[index]?.least ?? Number.POSITIVE_INFINITY;
  // A command line may be millions long, and none is shown wider than the table.
  for (const [index, own] of widths.entries()) if (leastOf(index) <= width) widths[index] = Math.min(own, width);
  let over = widths.reduce((sum, one) => sum + one + GAP.length, -GAP.length) - width;
  for (; over > 0; over--) {
    let widest = -1;
    for (const [index, own] of widths.entries()) if (own > leastOf(index) && own >= (widths[widest] ?? 0)) widest = index;
    if (widest < 0) return;
    widths[widest] = (widths[widest] as number) - 1;
  }
}

/** Blanks are never painted, nor are there any at the end. A terminal narrower than the least of a table cuts its lines. */
function lineOf(
  columns: readonly Column[],
  widths: readonly number[],
  cells: readonly string[],
  width: number | undefined,
  paint: (text: string, index: number) => string,
): string {
  let line = "";
  let blanks = "";
  let used = 0;
  for (const [index, { right }] of columns.entries()) {
    const room = Math.min(widths[index] ?? 0, width === undefined ? Number.POSITIVE_INFINITY : width - used - blanks.length);
    if (room <= 0) break;
    const text = cut(cells[index] ?? "", room);
    const padding = " ".repeat(Math.max(0, room - widthOf(text)));
    if (right === true) blanks += padding;
    if (text !== "") {
      line += blanks + paint(text, index);
      used += blanks.length + widthOf(text);
      blanks = "";
    }
    blanks += right === true ? GAP : padding + GAP;
  }
  return line;
}

/** The beginning of a text, `width` columns wide at most. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let out = "";
  let used = 1;
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    used += widthOf(segment);
    if (used > width) break;
    out += segment;
  }
  return `${out}…`;
}
