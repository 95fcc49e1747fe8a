// The stage as a value that a Bun macro can write into the program. Import it `with { type: "macro" }`: then the
// assemblers run when box is built and are not part of it.

import type { Machine } from "../linux/syscalls.ts";
import { buildStage } from "./build-stage.ts";

export function encodeStage(machine: Machine): { elfBase64: string; interpretOffset: number } {
  const { elf, interpretOffset } = buildStage(machine);
  return { elfBase64: elf.toBase64(), interpretOffset };
}
