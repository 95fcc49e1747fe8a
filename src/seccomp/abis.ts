// The ABIs of a machine, as linux.seccomp.architectures names them: the machine's own, which every filter covers, and those
// for older programs.

import { show } from "../config/faults.ts";
import type { Machine } from "../linux/syscalls.ts";
import type { Remarks } from "./remarks.ts";

export type Abi = {
  /** Its name in a configuration, after `SCMP_ARCH_`. */
  readonly name: string;
  /** AUDIT_ARCH_* of linux/audit.h, which the kernel tells a filter. */
  readonly audit: number;
  /** Where its numbers lie in packed ones: see pack-numbers.ts. */
  readonly shift: 0 | 10 | 20;
  /** How much of an argument a call looks at. x32 has registers of 64 bits, and libseccomp compares the half that its calls use. */
  readonly bits: 32 | 64;
};

const X86_64: Abi = { name: "X86_64", audit: 0xc000003e, shift: 0, bits: 64 };
const X86: Abi = { name: "X86", audit: 0x40000003, shift: 10, bits: 32 };
/** It has x86-64's audit number; its calls have bit 30. */
export const X32: Abi = { name: "X32", audit: 0xc000003e, shift: 20, bits: 32 };
const AARCH64: Abi = { name: "AARCH64", audit: 0xc00000b7, shift: 0, bits: 64 };
const ARM: Abi = { name: "ARM", audit: 0x40000028, shift: 10, bits: 32 };

/** The bit of x32's numbers: __X32_SYSCALL_BIT. */
export const X32_BIT = 0x40000000;

/** Its own first. */
const abisOf: Readonly<Record<Machine, readonly Abi[]>> = { x64: [X86_64, X86, X32], arm64: [AARCH64, ARM] };

// biome-ignore format: a list of short names, several to a line
/** What a profile may list for other machines (runtime-spec, config-linux.md). */
const otherNames = [
  "MIPS", "MIPS64", "MIPS64N32", "MIPSEL", "MIPSEL64", "MIPSEL64N32", "PPC", "PPC64", "PPC64LE", "S390", "S390X", "PARISC",
  "PARISC64", "RISCV64", "LOONGARCH64", "M68K", "SH", "SHEB",
];

const PREFIX = "SCMP_ARCH_";

/** The ABIs that a filter is to know. Notes what another machine would have to run; an unknown name is a fault. */
export function readAbis(architectures: readonly string[], machine: Machine, to: Remarks): readonly Abi[] {
  const all = abisOf[machine];
  const asked = new Set<string>();
  for (let at = 0; at < architectures.length; at++) {
    const given = architectures[at] as string;
    const name = given.startsWith(PREFIX) ? given.slice(PREFIX.length) : "";
    asked.add(name);
    if (isAmong(all, name)) continue;
    const path = `linux.seccomp.architectures[${at}]`;
    if (otherNames.includes(name) || isAmong(abisOf.x64, name) || isAmong(abisOf.arm64, name))
      to.notes.push(`${path}: ${given} is left out: this machine does not run its programs.`);
    else to.faults.push({ path, expected: "a seccomp architecture, such as SCMP_ARCH_X86_64", got: show(given) });
  }
  const found: Abi[] = [];
  for (let at = 0; at < all.length; at++) {
    const abi = all[at] as Abi;
    if (at === 0 || asked.has(abi.name)) found.push(abi);
  }
  return found;
}

function isAmong(abis: readonly Abi[], name: string): boolean {
  for (let at = 0; at < abis.length; at++) if ((abis[at] as Abi).name === name) return true;
  return false;
}
