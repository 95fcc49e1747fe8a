// The caller's terminal while keys go to a container: raw, as the supervisor's tape makes it (src/plan/supervise-terminal.ts),
// and given its settings back at the end.

import { addressOf, systemCall } from "./libc.ts";

const TCGETS = 0x5401;
const TCSETS = 0x5402;
const TIOCGWINSZ = 0x5413;
/** Words of struct termios: c_iflag, c_oflag, c_cflag, c_lflag. */
const INPUT_OFF = 0x1 | 0x2 | 0x8 | 0x20 | 0x40 | 0x80 | 0x100 | 0x400; // IGNBRK BRKINT PARMRK ISTRIP INLCR IGNCR ICRNL IXON
const LOCAL_OFF = 0x1 | 0x2 | 0x8 | 0x40 | 0x8000; // ISIG ICANON ECHO ECHONL IEXTEN
const CONTROL_OFF = 0x30 | 0x100; // CSIZE PARENB
const CS8 = 0x30;
/** c_cc[VTIME] and c_cc[VMIN], bytes 5 and 6 of those from 17 on. */
const [VTIME, VMIN] = [17 + 5, 17 + 6];

export type RawTerminal = {
  readonly restore: () => void;
  /** A struct winsize; undefined where it is not known. */
  readonly size: () => Uint8Array | undefined;
};

/** Makes stdin's terminal raw; undefined when stdin is none. */
export function takeTerminal(): RawTerminal | undefined {
  const before = new Uint8Array(64);
  if (systemCall("ioctl", 0, TCGETS, addressOf(before)) < 0) return undefined;
  const raw = before.slice();
  const words = new Uint32Array(raw.buffer);
  words[0] = (words[0] as number) & ~INPUT_OFF;
  words[2] = ((words[2] as number) & ~CONTROL_OFF) | CS8;
  words[3] = (words[3] as number) & ~LOCAL_OFF;
  raw[VTIME] = 0;
  raw[VMIN] = 1;
  systemCall("ioctl", 0, TCSETS, addressOf(raw));
  return {
    restore: () => void systemCall("ioctl", 0, TCSETS, addressOf(before)),
    size: () => {
      const size = new Uint8Array(8);
      return systemCall("ioctl", 0, TIOCGWINSZ, addressOf(size)) < 0 ? undefined : size;
    },
  };
}
