// What the front has left in its words (src/front/layout.ts) for the rest of box.

import { isFronted } from "../front/is-fronted.ts";
import { FRONT_DATA_ADDRESS, words } from "../front/layout.ts";
import { mappedBytes } from "./libc.ts";

/** A word as a signed number of 32 bits; undefined without a front. */
export const frontWord = (word: "answer" | "init" | "isMine" | "failure" | "failureErrno"): number | undefined =>
  isFronted ? new Int32Array(mappedBytes(FRONT_DATA_ADDRESS + words[word], 4))[0] : undefined;
