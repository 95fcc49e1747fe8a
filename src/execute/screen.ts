// A terminal that is redrawn in place: its second screen, which leaves what was there before as it was, without a cursor
// (ECMA-48, and xterm's private modes 1049 and 25).

import { writeOut } from "./write-line.ts";

const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";
const HOME = "\u001b[H";
const TO_LINE_END = "\u001b[K";
const TO_SCREEN_END = "\u001b[J";

export type Screen = {
  /** Draws these lines, none of which may be wider than the terminal, nor may they be more than it has. */
  readonly draw: (lines: readonly string[]) => boolean;
  /** Gives the terminal back; the next draw takes it again. */
  readonly leave: () => void;
};

export function newScreen(): Screen {
  let isTaken = false;
  return {
    draw(lines) {
      const start = isTaken ? HOME : ENTER + HOME;
      isTaken = true;
      // A line feed behind the last line would scroll a full screen, so the cursor goes home instead.
      return writeOut(`${start}${lines.map((line) => line + TO_LINE_END).join("\r\n")}${TO_SCREEN_END}${HOME}`);
    },
    leave() {
      if (isTaken) writeOut(LEAVE);
      isTaken = false;
    },
  };
}
