// The front's machine code: what the kernel starts when it starts box, before libc and Bun are there. It asks a tape
// whether a start was kept (boot.ts). If so, a second tape puts that process's memory in place, and the code goes on in it
// as if it had never been away. Else the tape of interpreter.ts does what the kernel does for other programs, loads the
// dynamic linker, and the code goes on there.
//
// x86-64 alone: its thread pointer is set by a system call, and nothing here could try the same on arm64.

import { signals } from "../linux/signals.ts";
import { syscalls } from "../linux/syscalls.ts";
import { type Block, block, type Instruction } from "../stage/assembly.ts";
import { interpret, interpretLabel } from "../stage/program.ts";
import { x64 as asm, calleeSaved, jumpTo, pushOrPop, readStackPointer, ret, roles, setStackPointer } from "../stage/x64.ts";
import { header } from "../tape/layout.ts";
import { readCommand } from "./command-line.ts";
import { FRONT_DATA_ADDRESS, PLAIN_NAME, words } from "./layout.ts";

export const frontLabel = "front";
export const markLabel = "mark";
export const resumeLabel = "resume";

// elf.h, linux/auxvec.h
const AT_PHDR = 3;
const AT_BASE = 7;
const AT_ENTRY = 9;
const AT_SYSINFO_EHDR = 33;
/** asm/prctl.h, of arch_prctl(2), which x86-64 alone has. */
const arch_prctl = { nr: 158, ARCH_SET_FS: 0x1002, ARCH_GET_FS: 0x1003 } as const;
const WORD_BYTES = 8;
/** The linker was not found, as a shell would say of a program. */
const EXIT_NOT_FOUND = 127;

const HEADER_ADDRESS = FRONT_DATA_ADDRESS + words.bytes;
/** argv[0] as a number, its NUL included. */
const plainName = [...`${PLAIN_NAME}\0`].reduceRight((sum, letter) => sum * 256 + letter.charCodeAt(0), 0);

export const frontProgram = (): Block[] => [
  ...readStack(),
  ...readCommand("boot", "plain"),
  ...restore(),
  ...startPlainly(),
  ...mark(),
  ...interpret(asm),
];

const saved = Object.keys(calleeSaved) as (keyof typeof calleeSaved)[];
/** From the words, whose address is in a register that neither a system call nor the interpreter changes. */
const load = (to: "a0" | "a1" | "result" | "scratch", word: number): Instruction[] => asm.load(to, "header", word);

/** What the kernel has left on the stack: argc, argv, NULL, environment, NULL, auxiliary vector (execve(2), getauxval(3)). */
function readStack(): Block[] {
  const skip = (label: string): Block =>
    block(label, asm.load("a2", "a1", 0), asm.add("a1", "a4"), asm.compareConstant("a2", 0), asm.branchIf("notEqual", label));
  const keepPlace = (type: number, word: number, label: string, next: string): Block =>
    block(label, asm.compareConstant("a2", type), asm.branchIf("notEqual", next), asm.store("a1", "header", word));
  return [
    block(
      frontLabel,
      asm.constant("header", FRONT_DATA_ADDRESS),
      [readStackPointer(roles.a1)],
      asm.store("a1", "header", words.stack),
      asm.constant("a4", WORD_BYTES),
      asm.add("a1", "a4"),
      // The name in argv[0], if there is one.
      asm.load("a5", "a1", 0),
    ),
    skip("arguments"),
    block("environment list", asm.store("a1", "header", words.environment)),
    skip("environment"),
    block("vector", asm.load("a2", "a1", 0), asm.add("a1", "a4"), asm.compareConstant("a2", 0), asm.branchIf("equal", "name")),
    keepPlace(AT_BASE, words.baseAt, "base", "entry"),
    keepPlace(AT_ENTRY, words.entryAt, "entry", "headers"),
    keepPlace(AT_PHDR, words.headersAt, "headers", "vdso"),
    block(
      "vdso",
      asm.compareConstant("a2", AT_SYSINFO_EHDR),
      asm.branchIf("notEqual", "value"),
      asm.load("a3", "a1", 0),
      asm.store("a3", "header", words.vdso),
    ),
    block("value", asm.add("a1", "a4"), asm.jump("vector")),
    block("name", asm.compareConstant("a5", 0), asm.branchIf("equal", "plain"), asm.loadUnsigned32("a5", "a5", 0)),
    block("named", asm.constant("scratch", plainName), asm.compare("a5", "scratch"), asm.branchIf("equal", "plain")),
  ];
}

/** The two tapes of a kept start. Whatever the first refuses, and whatever the second does before it changes anything, is no harm. */
function restore(): Block[] {
  const ifRefused = (): Instruction[] => [...asm.compareConstant("result", 0), ...asm.branchIf("notEqual", "plain")];
  return [
    block("boot", asm.constant("a0", HEADER_ADDRESS), asm.call(interpretLabel), ifRefused()),
    block("restore", load("a0", words.restore), asm.call(interpretLabel), ifRefused()),
    block(
      "go on",
      load("a1", words.thread),
      asm.constant("a0", arch_prctl.ARCH_SET_FS),
      asm.constant("nr", arch_prctl.nr),
      asm.syscall(),
      load("scratch", words.resumeStack),
      load("result", words.target),
      [setStackPointer(roles.scratch), jumpTo(roles.result)],
    ),
  ];
}

/** The linker finds in the auxiliary vector what it would have found if the kernel had started it. */
function startPlainly(): Block[] {
  const tell = (at: number, value: number): Instruction[] => [...load("a0", at), ...load("a1", value), ...asm.store("a1", "a0", 0)];
  return [
    block(
      "plain",
      load("scratch", words.plain),
      asm.constant("a0", HEADER_ADDRESS),
      asm.store("scratch", "a0", header.entry),
      asm.call(interpretLabel),
      asm.compareConstant("result", 0),
      asm.branchIf("notEqual", "lost"),
      tell(words.baseAt, words.base),
      tell(words.entryAt, words.entry),
      tell(words.headersAt, words.headers),
      load("scratch", words.stack),
      load("result", words.target),
      [setStackPointer(roles.scratch)],
      // No function to be called at exit: x86-64's psABI, "Process Initialization".
      asm.constant("a2", 0),
      [jumpTo(roles.result)],
    ),
    block("lost", asm.constant("a0", EXIT_NOT_FOUND), asm.constant("nr", syscalls.exit_group.x64), asm.syscall(), asm.trap()),
  ];
}

/**
 * `mark(words)` by the C ABI, called by the process that is to be kept: leaves its registers on its stack, its stack and
 * thread pointers in the words, and stops. Returns 1 in every process that begins there, and 0 where it is only continued.
 */
function mark(): Block[] {
  return [
    block(
      markLabel,
      saved.map((register) => pushOrPop("push", register)),
      [readStackPointer(roles.result)],
      asm.store("result", "a0", words.resumeStack),
      asm.move("a1", "a0"),
      asm.constant("scratch", words.thread),
      asm.add("a1", "scratch"),
      asm.constant("a0", arch_prctl.ARCH_GET_FS),
      asm.constant("nr", arch_prctl.nr),
      asm.syscall(),
      asm.constant("nr", syscalls.getpid.x64),
      asm.syscall(),
      asm.move("a0", "result"),
      asm.constant("a1", signals.SIGSTOP),
      asm.constant("nr", syscalls.kill.x64),
      asm.syscall(),
      asm.constant("result", 0),
      asm.jump("marked"),
    ),
    block(resumeLabel, asm.constant("result", 1)),
    block(
      "marked",
      saved.toReversed().map((register) => pushOrPop("pop", register)),
      [ret],
    ),
  ];
}
