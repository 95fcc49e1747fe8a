// The stage's program, written once for every machine: `interpret`, which runs a tape (layout.ts says what one is),
// and `_start`, which maps the arena the stage was given and interprets what it finds there.
// Left out on purpose: any knowledge of what the tape does.

import { type Machine, syscalls } from "../linux/syscalls.ts";
import {
  ARENA_FD,
  ERRNO_MAX,
  header,
  MASK_NEXT,
  ON_ERROR_IGNORE,
  record,
  STATUS_ADDRESS,
  STATUS_BYTES,
  status,
  TAPE_ADDRESS,
  TAPE_BYTES_MAX,
  TAPE_FILE_OFFSET,
} from "../tape/layout.ts";
import { type Assembler, type Block, block, type Instruction } from "./assembly.ts";

// include/uapi/asm-generic/mman-common.h; the same on both machines.
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 0x01;
const MAP_PRIVATE = 0x02;
const MAP_FIXED = 0x10;

/** The stage itself failed: box's own exit code, as for every failure that is not the container's. */
const EXIT_STAGE_FAILED = 125;

const args = ["a0", "a1", "a2", "a3", "a4", "a5"] as const;
const MASK_NEXT_BIT = Math.log2(MASK_NEXT);

/** `interpret(headerAddress)` by the C ABI: 0, or the negative errno of the record that stopped the tape. */
export const interpretLabel = "interpret";
export const startLabel = "_start";

export function stageProgram(machine: Machine, assembler: Assembler): Block[] {
  return [...interpret(assembler), ...start(machine, assembler)];
}

/**
 * From `run` to the jump to `done` nothing touches the stack: after clone(CLONE_VM | CLONE_VFORK) the child goes on
 * here, on its parent's stack, and what it wrote there the parent would read when it goes on.
 */
export function interpret(asm: Assembler): Block[] {
  return [
    block(
      interpretLabel,
      asm.enter(),
      asm.move("header", "a0"),
      asm.load("status", "header", header.status),
      asm.load("scratch", "header", header.entry),
    ),
    // Every way to a record leads here, with its address in scratch.
    block("run", asm.move("record", "scratch"), asm.store("record", "status", status.current)),
    ...loadArgs(asm),
    ...makeCall(asm),
    ...succeed(asm),
    ...fail(asm),
    block("done", asm.leave()),
  ];
}

/** An argument is its field, or what that field points to if its bit is set in the mask. */
function loadArgs(asm: Assembler): Block[] {
  return args.map((arg, index) =>
    block(
      arg,
      index === 0 ? asm.loadUnsigned32("mask", "record", record.mask) : [],
      asm.load(arg, "record", record.args + 8 * index),
      asm.branchIfBit("clear", "mask", index, args[index + 1] ?? "nr"),
      asm.load(arg, arg, 0),
    ),
  );
}

function makeCall(asm: Assembler): Block[] {
  return [
    block("nr", asm.loadSigned32("nr", "record", record.nr), asm.branchIfBit("set", "nr", 63, "compute"), asm.syscall(), asm.jump("judge")),
    // Ends in `result` because that may be a0's own register.
    block("compute", asm.move("result", "a0"), asm.add("result", "a1"), asm.subtract("result", "a2"), asm.and("result", "a3")),
    block("judge", asm.compareConstant("result", -ERRNO_MAX), asm.branchIf("atLeast", "failed")),
  ];
}

function succeed(asm: Assembler): Block[] {
  return [
    block(
      "out",
      asm.load("scratch", "record", record.out),
      asm.compareConstant("scratch", 0),
      asm.branchIf("equal", "match"),
      asm.store("result", "scratch", 0),
    ),
    block(
      "match",
      asm.load("scratch", "record", record.matchValue),
      asm.compare("result", "scratch"),
      asm.branchIf("notEqual", "next"),
      asm.load("scratch", "record", record.matchTarget),
      asm.compareConstant("scratch", 0),
      asm.branchIf("notEqual", "run"),
    ),
    block(
      "next",
      asm.load("scratch", "record", record.next),
      asm.branchIfBit("clear", "mask", MASK_NEXT_BIT, "follow"),
      asm.load("scratch", "scratch", 0),
    ),
    block("follow", asm.compareConstant("scratch", 0), asm.branchIf("notEqual", "run"), asm.constant("result", 0), asm.jump("done")),
  ];
}

function fail(asm: Assembler): Block[] {
  return [
    block(
      "failed",
      asm.store("result", "header", header.lastErrno),
      asm.store("record", "header", header.lastRecord),
      asm.load("scratch", "record", record.onError),
      // ON_ERROR_STOP is below, an address above.
      asm.compareConstant("scratch", ON_ERROR_IGNORE),
      asm.branchIf("equal", "next"),
      asm.branchIf("atLeast", "run"),
      asm.store("record", "status", status.failed),
      asm.store("result", "status", status.errno),
    ),
  ];
}

function start(machine: Machine, asm: Assembler): Block[] {
  const map = (address: number, bytes: number, flags: number, offset: number): Instruction[] => [
    ...args.flatMap((arg, index) =>
      asm.constant(arg, [address, bytes, PROT_READ | PROT_WRITE, flags | MAP_FIXED, ARENA_FD, offset][index] ?? 0),
    ),
    ...asm.constant("nr", syscalls.mmap[machine]),
    ...asm.syscall(),
    ...asm.compareConstant("result", -ERRNO_MAX),
    ...asm.branchIf("atLeast", "refused"),
  ];
  return [
    block(
      startLabel,
      map(TAPE_ADDRESS, TAPE_BYTES_MAX, MAP_PRIVATE, TAPE_FILE_OFFSET),
      map(STATUS_ADDRESS, STATUS_BYTES, MAP_SHARED, 0),
      asm.constant("a0", TAPE_ADDRESS),
      asm.call(interpretLabel),
      asm.move("a0", "result"),
      asm.compareConstant("a0", 0),
      asm.branchIf("equal", "exit"),
    ),
    block("refused", asm.constant("a0", EXIT_STAGE_FAILED)),
    // A seccomp filter can make even exit_group return.
    block("exit", asm.constant("nr", syscalls.exit_group[machine]), asm.syscall(), asm.trap()),
  ];
}
