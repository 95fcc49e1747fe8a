// The stage for the machine this program runs on: bytes made when box was built, nothing assembled at start-up.

import { encodeStage } from "./stage-macro.ts" with { type: "macro" };

// `bun build --compile` makes process.arch a constant, so only one of the two ends up in the executable.
const { elfBase64, interpretOffset } = process.arch === "arm64" ? encodeStage("arm64") : encodeStage("x64");

/** `interpretOffset` is the offset in `elf` of the C function interpret(headerAddress): see build-stage.ts. */
export const stage: { readonly elf: Uint8Array<ArrayBuffer>; readonly interpretOffset: number } = {
  // Measured in a compiled program for 550 bytes: fromBase64 4 µs, a number array the same but more text; atob and a
  // loop 120 µs, Buffer 180 µs, both mostly the cost of their first use.
  elf: Uint8Array.fromBase64(elfBase64),
  interpretOffset,
};
