// The front's words as slots of a tape, wherever that tape lies.

import { header } from "../tape/layout.ts";
import type { Slot, SlotKind } from "../tape/step.ts";
import { FRONT_DATA_ADDRESS, words } from "./layout.ts";

type Word = Exclude<keyof typeof words, "bytes" | "status">;

/** For tapes whose region begins at `base`: a place is counted from what follows the header. */
export const wordOf =
  (base: number) =>
  <K extends SlotKind>(kind: K, word: Word): Slot<K> => ({
    slot: `the front's ${word}`,
    kind,
    place: FRONT_DATA_ADDRESS + words[word] - base - header.bytes,
    shared: false,
  });
