// An independent disassembler (LLVM's) for our assemblers' output: one process for all the rows of a machine.

import { describe, expect, test } from "bun:test";
import type { Machine } from "../../src/linux/syscalls.ts";
import type { Instruction } from "../../src/stage/assembly.ts";

export type Encoded = { readonly bytes: readonly number[]; readonly text: string };

const llvmMc = Bun.which("llvm-mc") ?? Bun.which("llvm-mc-14");
const options = {
  x64: ["-triple=x86_64", "-output-asm-variant=1"],
  arm64: ["-triple=aarch64"],
} as const satisfies Record<Machine, readonly string[]>;

/** The text LLVM prints for each row's bytes, with single spaces. */
function disassemble(machine: Machine, rows: readonly Encoded[]): string[] {
  const hex = rows.map(({ bytes }) => bytes.map((byte) => `0x${byte.toString(16)}`).join(" ")).join("\n");
  const { stdout, stderr } = Bun.spawnSync([llvmMc ?? "llvm-mc", "-disassemble", ...options[machine]], {
    stdin: Buffer.from(hex),
  });
  if (stderr.length > 0) throw new Error(`llvm-mc: ${stderr}`);
  return stdout
    .toString()
    .split("\n")
    .map((line) => line.trim().replaceAll(/\s+/g, " "))
    .filter((line) => line !== "" && line !== ".text");
}

/** A branch's distance as LLVM prints it: x64 counts from the end of the instruction, arm64 from its start. */
export function withDistance(machine: Machine, text: string, target: string, distance: number, size: number): string {
  const printed = machine === "x64" ? `${distance - size}` : `#${distance}`;
  return text.slice(0, text.length - target.length) + printed;
}

/** An instruction's bytes and text; a branch's once for each distance. */
export function encodings(machine: Machine, instruction: Instruction, distances: readonly number[] = [0]): Encoded[] {
  if ("bytes" in instruction) return [instruction];
  return distances.map((distance) => {
    const bytes = instruction.encode(distance);
    return { bytes, text: withDistance(machine, instruction.text, instruction.target, distance, bytes.length) };
  });
}

/** Declares a test that our bytes and our text agree, row for row, by LLVM's judgement. */
export function testDisassembly(machine: Machine, title: string, rows: () => readonly Encoded[]): void {
  if (llvmMc === null) console.warn(`SKIPPED: ${title}: this machine lacks llvm-mc (Debian package llvm)`);
  describe.skipIf(llvmMc === null)("against llvm-mc", () => {
    test(title, () => {
      const all = rows();
      expect(disassemble(machine, all)).toEqual(all.map(({ text }) => text));
    });
  });
}
