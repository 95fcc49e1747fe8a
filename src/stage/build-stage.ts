// Builds the stage for one machine: program, assembler, ELF. Runs when box is built (stage-macro.ts) and in tests.

import type { Machine } from "../linux/syscalls.ts";
import { arm64 } from "./arm64.ts";
import { assemble, type Row } from "./assembly.ts";
import { CODE_OFFSET, encodeElf } from "./elf.ts";
import { interpretLabel, stageProgram, startLabel } from "./program.ts";
import { x64 } from "./x64.ts";

const assemblers = { x64, arm64 } as const;

/**
 * The stage as an executable file. `interpretOffset` is the file offset of interpret(headerAddress), a C function that
 * runs at any address: map the file readable and executable, add the offset, call.
 */
export function buildStage(machine: Machine): { elf: Uint8Array<ArrayBuffer>; interpretOffset: number } {
  const rows = listStage(machine);
  const code = Uint8Array.from(rows.flatMap((row) => row.bytes));
  return { elf: encodeElf(machine, code, offsetOf(rows, startLabel)), interpretOffset: offsetOf(rows, interpretLabel) };
}

/** Every instruction of the stage, by file offset. */
export function listStage(machine: Machine): Row[] {
  return assemble(stageProgram(machine, assemblers[machine]), CODE_OFFSET);
}

/** The listing for people: file offset, bytes, assembly text, with labels on lines of their own. */
export function printStage(machine: Machine): string {
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");
  return listStage(machine)
    .flatMap(({ offset, bytes, text, label }) => [
      ...(label === undefined ? [] : [`${label}:`]),
      `${hex(offset, 4)}  ${bytes
        .map((byte) => hex(byte, 2))
        .join(" ")
        .padEnd(20)}  ${text}`,
    ])
    .join("\n");
}

function offsetOf(rows: readonly Row[], label: string): number {
  const row = rows.find((each) => each.label === label);
  if (row === undefined) throw new Error(`the stage has no ${label}`);
  return row.offset;
}
