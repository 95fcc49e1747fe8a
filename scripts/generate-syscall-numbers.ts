// Writes src/seccomp/syscall-numbers.ts from the kernel's C headers, as Debian's packages linux-libc-dev,
// linux-libc-dev-arm64-cross and linux-libc-dev-armhf-cross install them; --headers DIR looks for those below DIR. What is
// newer than Debian's headers is added by hand. Run by bun after a change of either; the tests read the headers again.

import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The columns of the table: the machines, and the older ABIs that each can run too. */
export const abiNames = ["x64", "x86", "x32", "arm64", "arm"] as const;
export type AbiName = (typeof abiNames)[number];

type Headers = { readonly folders: readonly string[]; readonly options: readonly string[] };

const x86Folders = ["usr/include/x86_64-linux-gnu", "usr/include"];
const headers: Readonly<Record<AbiName, Headers>> = {
  x64: { folders: x86Folders, options: [] },
  x86: { folders: x86Folders, options: ["-U__x86_64__", "-D__i386__"] },
  x32: { folders: x86Folders, options: ["-D__ILP32__"] },
  arm64: { folders: ["usr/aarch64-linux-gnu/include"], options: ["-U__x86_64__", "-D__aarch64__"] },
  arm: { folders: ["usr/arm-linux-gnueabihf/include"], options: ["-U__x86_64__", "-D__arm__", "-D__ARM_EABI__"] },
};

/** Since Linux 6.5, in the order of kernels; a call gets one number for all machines now. */
const newerEverywhere: Readonly<Record<string, number>> = {
  ...{ cachestat: 451, fchmodat2: 452, map_shadow_stack: 453, futex_wake: 454, futex_wait: 455, futex_requeue: 456 },
  ...{ statmount: 457, listmount: 458, lsm_get_self_attr: 459, lsm_set_self_attr: 460, lsm_list_modules: 461, mseal: 462 },
  ...{ setxattrat: 463, getxattrat: 464, listxattrat: 465, removexattrat: 466, open_tree_attr: 467, file_getattr: 468 },
  ...{ file_setattr: 469, listns: 470, rseq_slice_yield: 471 },
};
/** 6.11 and 6.18: for the kernel's own code in a traced process. */
const newerOnX64: Readonly<Record<string, number>> = { uretprobe: 335, uprobe: 336 };

/** Calls that this list has and older headers may lack. */
export const newerNumbers = (abi: AbiName): Readonly<Record<string, number>> =>
  abi === "x64" || abi === "x32" ? { ...newerEverywhere, ...newerOnX64 } : newerEverywhere;

/** What is missing to read an ABI's headers, or undefined. `root` is where Debian's packages are unpacked. */
export function missingFor(abi: AbiName, root: string): string | undefined {
  if (Bun.which("gcc") === null) return "gcc";
  const file = join(root, headers[abi].folders[0] ?? "", "asm/unistd.h");
  return existsSync(file) ? undefined : file;
}

/** Each system call's number by its name, as the C preprocessor has them. x32's are without their bit 30. */
export function readNumbers(abi: AbiName, root: string): Map<string, number> {
  const { folders, options } = headers[abi];
  const where = folders.flatMap((folder) => ["-isystem", join(root, folder)]);
  const gcc = Bun.spawnSync(["gcc", "-E", "-dM", "-nostdinc", ...options, ...where, "-"], {
    stdin: Buffer.from("#include <asm/unistd.h>\n"),
  });
  if (gcc.exitCode !== 0) throw new Error(`gcc for ${abi}:\n${gcc.stderr.toString()}`);
  const defined = new Map<string, string>();
  for (const [, name = "", value = ""] of gcc.stdout.toString().matchAll(/^#define (\w+) (.*)$/gm)) defined.set(name, value);
  const numbers = new Map<string, number>();
  for (const name of defined.keys()) {
    // Of arm's own calls, at 0xf0000, the macro has another prefix: __ARM_NR_cacheflush.
    const call = /^__(?:ARM_)?NR_([a-z_][a-z_0-9]*)$/.exec(name)?.[1];
    if (call === undefined || call === "syscalls" || call === "arch_specific_syscall") continue;
    numbers.set(call, evaluate(name, defined) % 2 ** 30);
  }
  return numbers;
}

/** A macro's value: a number, another macro, or a sum of them in brackets. */
function evaluate(text: string, defined: ReadonlyMap<string, string>): number {
  const sum = text.replace(/^\((.*)\)$/, "$1").split("+");
  if (sum.length > 1) return sum.reduce((total, part) => total + evaluate(part.trim(), defined), 0);
  const meaning = defined.get(text);
  if (meaning !== undefined) return evaluate(meaning, defined);
  if (!/^(0x[\da-f]+|\d+)$/i.test(text)) throw new Error(`no number: ${text}`);
  return Number(text);
}

/** The rows of the table, in the order of names. */
export function tableRows(root: string): string[] {
  const columns = abiNames.map((abi) => new Map([...Object.entries(newerNumbers(abi)), ...readNumbers(abi, root)]));
  const names = new Set(columns.flatMap((column) => [...column.keys()]));
  return [...names].sort().map((name) => [name, ...columns.map((column) => column.get(name) ?? "-")].join(" "));
}

function main(argv: readonly string[]): void {
  const root = argv[0] === "--headers" ? (argv[1] ?? "/") : "/";
  // The x86 headers come with the compiler's machine; those for arm may lie elsewhere.
  const lacking = abiNames.map((abi) => missingFor(abi, root)).filter((lack) => lack !== undefined);
  if (lacking.length > 0) throw new Error(`this machine lacks ${[...new Set(lacking)].join(", ")}`);
  const text = `// The kernel's system calls by name, for seccomp profiles: numbers on x86-64, i386, x32 (without its bit 30), aarch64 and
// arm (EABI), "-" where there is none. Made from the C headers by scripts/generate-syscall-numbers.ts: change it there.

/** A row is a line: \`name x64 x86 x32 arm64 arm\`. */
export const syscallNumbers = \`
${tableRows(root).join("\n")}
\`;
`;
  writeFileSync(join(import.meta.dir, "../src/seccomp/syscall-numbers.ts"), text);
}

if (import.meta.main) main(process.argv.slice(2));
