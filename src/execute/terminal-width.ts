// How wide the terminal is that box writes to, if it is one.

import { flags } from "../linux/flags.ts";
import { structFields } from "../linux/structs.ts";
import { addressOf, systemCall } from "./libc.ts";

const STDOUT = 1;
const { bytes, fields } = structFields.winsize;

/** Columns of stdout's terminal, 0 when it does not know; undefined when stdout is none. */
export function terminalWidth(): number | undefined {
  const size = new Uint8Array(bytes);
  if (systemCall("ioctl", STDOUT, flags.IOCTL.TIOCGWINSZ, addressOf(size)) < 0) return undefined;
  const at = fields.ws_col?.offset as number;
  return (size[at] as number) + (size[at + 1] as number) * 256;
}
