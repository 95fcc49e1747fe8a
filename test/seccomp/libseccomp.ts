// Filters as libseccomp makes them, driven as runc drives it: a second opinion on what a profile means. Its ENOSYS for new
// calls is runc's own and not among them.

import { dlopen, FFIType, type Pointer, ptr } from "bun:ffi";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Seccomp, SeccompArgument } from "../../src/config/spec.ts";
import type { Machine } from "../../src/linux/syscalls.ts";
import { verdictOf } from "../../src/seccomp/verdicts.ts";

const { i32, u32 } = FFIType;
const pointer = FFIType.ptr;

function open() {
  return dlopen("libseccomp.so.2", {
    seccomp_init: { args: [u32], returns: pointer },
    seccomp_release: { args: [pointer], returns: FFIType.void },
    seccomp_arch_add: { args: [pointer, u32], returns: i32 },
    seccomp_arch_remove: { args: [pointer, u32], returns: i32 },
    seccomp_syscall_resolve_name: { args: [pointer], returns: i32 },
    seccomp_rule_add_array: { args: [pointer, u32, i32, u32, pointer], returns: i32 },
    seccomp_export_bpf: { args: [pointer, i32], returns: i32 },
  }).symbols;
}

type Library = ReturnType<typeof open>;

/** The library; undefined, and said, where there is none or where it is for another machine than what it is asked of. */
export function openLibseccomp(): Library | undefined {
  try {
    if (process.arch === "x64") return open();
  } catch {
    // Said below.
  }
  process.stderr.write("SKIPPED: filters are not compared with libseccomp's: this machine lacks libseccomp.so.2 for x86-64\n");
  return undefined;
}

const tokens: Readonly<Record<string, number>> = {
  SCMP_ARCH_X86_64: 0xc000003e,
  SCMP_ARCH_X86: 0x40000003,
  SCMP_ARCH_X32: 0x4000003e,
  SCMP_ARCH_AARCH64: 0xc00000b7,
  SCMP_ARCH_ARM: 0x40000028,
};
const machineArchitectures = { x64: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], arm64: ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"] };
const operators = ["", "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ"];

const resolve = (library: Library, name: string): number => library.seccomp_syscall_resolve_name(ptr(Buffer.from(`${name}\0`)));

export const knows = (library: Library, name: string): boolean => resolve(library, name) !== -1;

/** struct scmp_arg_cmp[]: unsigned arg, enum op, uint64_t a and b. */
function encodeArguments(args: readonly SeccompArgument[]): Buffer {
  const bytes = Buffer.alloc(24 * Math.max(1, args.length));
  for (const [at, { index, op, value, valueTwo = 0 }] of args.entries()) {
    bytes.writeUInt32LE(index, 24 * at);
    bytes.writeUInt32LE(operators.indexOf(op), 24 * at + 4);
    bytes.writeBigUInt64LE(BigInt(value), 24 * at + 8);
    bytes.writeBigUInt64LE(BigInt(valueTwo), 24 * at + 16);
  }
  return bytes;
}

/** The filter, or undefined when libseccomp refuses a rule. */
export function compileByLibseccomp(library: Library, seccomp: Seccomp, machine: Machine): Uint8Array | undefined {
  const fallback = verdictOf(seccomp.defaultAction, seccomp.defaultErrnoRet);
  const context = library.seccomp_init(fallback) as Pointer | null;
  if (context === null) throw new Error("seccomp_init");
  try {
    const own = machineArchitectures[machine][0] ?? "";
    for (const name of machineArchitectures[machine])
      if (name === own || seccomp.architectures?.includes(name)) library.seccomp_arch_add(context, tokens[name] ?? 0);
    if (machine === "arm64") library.seccomp_arch_remove(context, tokens.SCMP_ARCH_X86_64 ?? 0);
    return addRules(library, context, seccomp, fallback) ? readFilter(library, context) : undefined;
  } finally {
    library.seccomp_release(context);
  }
}

function addRules(library: Library, context: Pointer, seccomp: Seccomp, fallback: number): boolean {
  for (const { names, action, errnoRet, args = [] } of seccomp.syscalls ?? []) {
    const verdict = verdictOf(action, errnoRet);
    if (verdict === fallback) continue;
    const repeats = new Set(args.map(({ index }) => index)).size < args.length;
    for (const name of names) {
      const number = resolve(library, name);
      if (number === -1) continue;
      for (const conditions of repeats ? args.map((one) => [one]) : [args])
        if (library.seccomp_rule_add_array(context, verdict, number, conditions.length, ptr(encodeArguments(conditions))) < 0) return false;
    }
  }
  return true;
}

function readFilter(library: Library, context: Pointer): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "box-libseccomp-"));
  try {
    const fd = openSync(join(folder, "filter"), "w");
    const result = library.seccomp_export_bpf(context, fd);
    closeSync(fd);
    if (result < 0) throw new Error(`seccomp_export_bpf: ${result}`);
    return new Uint8Array(readFileSync(join(folder, "filter")));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
