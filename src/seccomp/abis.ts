// The ABIs of a machine, as linux.seccomp.architectures names them: the machine's own, which every filter covers, and those
// for older programs.

import { show } from "../config/faults.ts";
import type { Machine } from "../linux/syscalls.ts";
import type { Remarks } from "./remarks.ts";

export type Abi = {
  readonly name: string;
  /** AUDIT_ARCH_* of linux/audit.h, which the kernel tells a filter. */
  readonly audit: number;
  /** Where its numbers lie in packed ones: see pack-numbers.ts. */
  readonly shift: 0 | 10 | 20;
  /** How much of an argument a call looks at. x32 has registers of 64 bits, and libseccomp compares the half that its calls use. */
  readonly bits: 32 | 64;
};

const X86_64: Abi = { name: "SCMP_ARCH_X86_64", audit: 0xc000003e, shift: 0, bits: 64 };
export const X86: Abi = { name: "SCMP_ARCH_X86", audit: 0x40000003, shift: 10, bits: 32 };
/** It has x86-64's audit number; its calls have bit 30. */
export const X32: Abi = { name: "SCMP_ARCH_X32", audit: 0xc000003e, shift: 20, bits: 32 };
const AARCH64: Abi = { name: "SCMP_ARCH_AARCH64", audit: 0xc00000b7, shift: 0, bits: 64 };
const ARM: Abi = { name: "SCMP_ARCH_ARM", audit: 0x40000028, shift: 10, bits: 32 };

/** The bit of x32's numbers: __X32_SYSCALL_BIT. */
export const X32_BIT = 0x40000000;

/** Its own first. */
const abisOf: Readonly<Record<Machine, readonly Abi[]>> = { x64: [X86_64, X86, X32], arm64: [AARCH64, ARM] };

/** Of another machine's filter there is none to be read. */
export const abisOfMachine = (machine: Machine): readonly Abi[] => abisOf[machine];

/** The ABIs that a filter is to know. Notes what another machine would have to run; an unknown name is a fault. */
export function readAbis(architectures: readonly string[], machine: Machine, to: Remarks): readonly Abi[] {
  const all = abisOf[machine];
  const found: Abi[] = [];
  let met = 0;
  for (let at = 0; at < all.length; at++) {
    const abi = all[at] as Abi;
    const listed = architectures.includes(abi.name);
    if (listed) met++;
    if (listed || at === 0) found.push(abi);
  }
  if (met < architectures.length) remarkOthers(architectures, all, to);
  return found;
}

// biome-ignore format: a list of short names, several to a line
/** Every name of the runtime-spec (config-linux.md), after its prefix. */
const names = [
  "X86", "X86_64", "X32", "ARM", "AARCH64", "MIPS", "MIPS64", "MIPS64N32", "MIPSEL", "MIPSEL64", "MIPSEL64N32", "PPC",
  "PPC64", "PPC64LE", "S390", "S390X", "PARISC", "PARISC64", "RISCV64", "LOONGARCH64", "M68K", "SH", "SHEB",
];
const PREFIX = "SCMP_ARCH_";

function remarkOthers(architectures: readonly string[], ours: readonly Abi[], to: Remarks): void {
  for (const [at, given] of architectures.entries()) {
    if (ours.some(({ name }) => name === given)) continue;
    const path = `linux.seccomp.architectures[${at}]`;
    if (given.startsWith(PREFIX) && names.includes(given.slice(PREFIX.length)))
      to.notes.push(`${path}: ${given} is left out: this machine does not run its programs.`);
    else to.faults.push({ path, expected: "a seccomp architecture, such as SCMP_ARCH_X86_64", got: show(given) });
  }
}
