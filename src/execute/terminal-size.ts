// How large the terminal is that box writes to, if it is one.

import { flags } from "../linux/flags.ts";
import { structFields } from "../linux/structs.ts";
import { addressOf, systemCall } from "./libc.ts";
import { STDOUT } from "./write-line.ts";

export type TerminalSize = { readonly columns: number; readonly rows: number };

/** 0 for what the terminal does not know; undefined when stdout is none. */
export function terminalSize(): TerminalSize | undefined {
  const size = new Uint16Array(structFields.winsize.bytes / 2);
  if (systemCall("ioctl", STDOUT, flags.IOCTL.TIOCGWINSZ, addressOf(new Uint8Array(size.buffer))) < 0) return undefined;
  const [rows = 0, columns = 0] = size;
  return { columns, rows };
}

const USUAL_ROWS = 24;

/** Those of the terminal, or what one has by convention. */
export function terminalRows(): number {
  const { rows = 0 } = terminalSize() ?? {};
  return rows === 0 ? USUAL_ROWS : rows;
}
