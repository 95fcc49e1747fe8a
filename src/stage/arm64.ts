// The AArch64 assembler: the instruction forms the stage needs, and no other. Encodings: Arm ARM (DDI 0487), C6.2;
// every instruction is one little-endian word, drawn from bit 31 down to bit 0. Assembly text as LLVM prints it.

import { type Assembler, type Condition, type Instruction, inRange, type Role } from "./assembly.ts";

/** x0 to x17 belong to the callee; nothing here uses x18 (the platform's) or those that a callee must keep. */
export const registers = {
  x0: 0,
  x1: 1,
  x2: 2,
  x3: 3,
  x4: 4,
  x5: 5,
  x8: 8,
  x9: 9,
  x10: 10,
  x11: 11,
  x12: 12,
  x13: 13,
} as const;
export type Register = keyof typeof registers;

/** Opcodes of loads and stores with an unsigned offset, and the bytes each moves: its offset counts in these. */
export const memoryForms = {
  load: { opcode: 0xf940_0000, bytes: 8, name: "ldr" },
  loadUnsigned32: { opcode: 0xb940_0000, bytes: 4, name: "ldr" },
  loadSigned32: { opcode: 0xb980_0000, bytes: 4, name: "ldrsw" },
  store: { opcode: 0xf900_0000, bytes: 8, name: "str" },
} as const;

/** Opcodes of `op to, left, right` on 64-bit registers, unshifted. */
export const registerForms = { add: 0x8b00_0000, sub: 0xcb00_0000, and: 0x8a00_0000 } as const;

/** Condition codes; hs and lo are the unsigned "at least" and "below". */
export const conditionCodes = { eq: 0, ne: 1, hs: 2, lo: 3 } as const;

const XZR = 31;

const low32 = (register: Register): string => register.replace("x", "w");

const word = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);

/** A branch's distance in instructions, cut to `bits`. */
function branchField(distance: number, bits: number): number {
  const limit = 2 ** (bits - 1);
  return (inRange(distance / 4, -limit, limit - 1) & (2 ** bits - 1)) >>> 0;
}

// 31        22 21           10 9    5 4      0
// [  opcode   | offset / bytes | base | register]
export function memory(form: keyof typeof memoryForms, register: Register, base: Register, displacement: number): Instruction {
  const { opcode, bytes, name } = memoryForms[form];
  const offset = inRange(displacement / bytes, 0, 0xfff);
  const printed = form === "loadUnsigned32" ? low32(register) : register;
  return {
    text: `${name} ${printed}, ${displacement === 0 ? `[${base}]` : `[${base}, #${displacement}]`}`,
    bytes: word(opcode | (offset << 10) | (registers[base] << 5) | registers[register]),
  };
}

// 31      21 20   16 15      10 9    5 4    0
// [ opcode  | right | shift: 0 | left |  to  ]
export function threeRegisters(form: keyof typeof registerForms, to: Register, left: Register, right: Register): Instruction {
  return {
    text: `${form} ${to}, ${left}, ${right}`,
    bytes: word(registerForms[form] | (registers[right] << 16) | (registers[left] << 5) | registers[to]),
  };
}

// 31      21 20   16 15      10 9    5 4    0
// [10101010000|  from | shift: 0 | xzr  |  to  ]   orr to, xzr, from
export function move(to: Register, from: Register): Instruction {
  return {
    text: `mov ${to}, ${from}`,
    bytes: word(0xaa00_0000 | (registers[from] << 16) | (XZR << 5) | registers[to]),
  };
}

// 31      21 20   16 15      10 9    5 4    0
// [11101011000| right | shift: 0 | left | xzr  ]   subs xzr, left, right
export function compare(left: Register, right: Register): Instruction {
  return {
    text: `cmp ${left}, ${right}`,
    bytes: word(0xeb00_0000 | (registers[right] << 16) | (registers[left] << 5) | XZR),
  };
}

// 31        22 21      10 9    5 4    0
// [1111000100 |  value   | left | xzr  ]   subs xzr, left, #value
// [1011000100 |  -value  | left | xzr  ]   adds xzr, left, #-value: the same flags for a negative value
export function compareConstant(left: Register, value: number): Instruction {
  const magnitude = inRange(Math.abs(value), 0, 0xfff);
  const opcode = value < 0 ? 0xb100_0000 : 0xf100_0000;
  return {
    text: `${value < 0 ? "cmn" : "cmp"} ${left}, #${magnitude}`,
    bytes: word(opcode | (magnitude << 10) | (registers[left] << 5) | XZR),
  };
}

// 31       23 22  21 20            5 4    0
// [110100101 | half |    value      |  to  ]   movz: the other halves become 0
// [111100101 | half |    value      |  to  ]   movk: the other halves stay; half counts 16 bits each
export function moveConstant(to: Register, value: number): Instruction[] {
  const [low, high] = [inRange(value, 0, 0xffff_ffff) & 0xffff, value >>> 16];
  const half = (opcode: number, index: 0 | 1, bits: number) => word(opcode | (index << 21) | (bits << 5) | registers[to]);
  const movz = (index: 0 | 1, bits: number): Instruction => ({
    text: `mov ${to}, #${bits * 2 ** (16 * index)}`,
    bytes: half(0xd280_0000, index, bits),
  });
  if (high === 0) return [movz(0, low)];
  if (low === 0) return [movz(1, high)];
  return [movz(0, low), { text: `movk ${to}, #${high}, lsl #16`, bytes: half(0xf280_0000, 1, high) }];
}

// 31   30     25 24  23   19 18        5 4        0
// [bit5| 011011 | op | bit40 | distance  | register ]   op 0: tbz, branch if the bit is clear; 1: tbnz, if set
export function testBitBranch(form: "tbz" | "tbnz", register: Register, bit: number, target: string): Instruction {
  const opcode = form === "tbz" ? 0x3600_0000 : 0x3700_0000;
  const [bit5, bit40] = [inRange(bit, 0, 63) >> 5, bit & 31];
  return {
    text: `${form} ${bit > 31 ? register : low32(register)}, #${bit}, ${target}`,
    target,
    encode: (distance) => word(opcode | (bit5 << 31) | (bit40 << 19) | (branchField(distance, 14) << 5) | registers[register]),
  };
}

// 31      24 23          5  4   3      0
// [01010100 |  distance   | 0 | condition]
export function conditionalBranch(form: keyof typeof conditionCodes, target: string): Instruction {
  return {
    text: `b.${form} ${target}`,
    target,
    encode: (distance) => word(0x5400_0000 | (branchField(distance, 19) << 5) | conditionCodes[form]),
  };
}

// 31   30   26 25         0
// [link| 00101 |  distance ]   b; with link, bl: the return address goes to x30
export function branch(form: "b" | "bl", target: string): Instruction {
  const opcode = form === "b" ? 0x1400_0000 : 0x9400_0000;
  return { text: `${form} ${target}`, target, encode: (distance) => word(opcode | branchField(distance, 26)) };
}

// 31         21 20         5 4    0
// [11010100000 |  number: 0 | 00001]
export const svc: Instruction = { text: "svc #0", bytes: word(0xd400_0001) };
// 31       16 15         0
// [    0     |  number: 0 ]
export const udf: Instruction = { text: "udf #0", bytes: word(0) };
// 31                    10 9    5 4    0
// [1101011001011111000000 | x30  |  0   ]
export const ret: Instruction = { text: "ret", bytes: word(0xd65f_0000 | (30 << 5)) };

/**
 * The kernel fixes a0 to a5, nr and result. A system call keeps every register but x0, so the others can be ones that
 * the C ABI lets a callee overwrite: nothing to save, and the stack is never touched at all.
 */
const roles = {
  a0: "x0",
  a1: "x1",
  a2: "x2",
  a3: "x3",
  a4: "x4",
  a5: "x5",
  nr: "x8",
  result: "x0",
  record: "x9",
  mask: "x10",
  status: "x11",
  header: "x12",
  scratch: "x13",
} as const satisfies Record<Role, Register>;

const conditions = { equal: "eq", notEqual: "ne", below: "lo", atLeast: "hs" } as const satisfies Record<
  Condition,
  keyof typeof conditionCodes
>;

export const arm64: Assembler = {
  load: (to, base, displacement) => [memory("load", roles[to], roles[base], displacement)],
  loadUnsigned32: (to, base, displacement) => [memory("loadUnsigned32", roles[to], roles[base], displacement)],
  loadSigned32: (to, base, displacement) => [memory("loadSigned32", roles[to], roles[base], displacement)],
  store: (from, base, displacement) => [memory("store", roles[from], roles[base], displacement)],
  move: (to, from) => (roles[to] === roles[from] ? [] : [move(roles[to], roles[from])]),
  constant: (to, value) => moveConstant(roles[to], value),
  add: (to, from) => [threeRegisters("add", roles[to], roles[to], roles[from])],
  subtract: (to, from) => [threeRegisters("sub", roles[to], roles[to], roles[from])],
  and: (to, from) => [threeRegisters("and", roles[to], roles[to], roles[from])],
  compare: (left, right) => [compare(roles[left], roles[right])],
  compareConstant: (left, value) => [compareConstant(roles[left], value)],
  branchIf: (condition, label) => [conditionalBranch(conditions[condition], label)],
  branchIfBit: (state, role, bit, label) => [testBitBranch(state === "set" ? "tbnz" : "tbz", roles[role], bit, label)],
  jump: (label) => [branch("b", label)],
  syscall: () => [svc],
  call: (label) => [branch("bl", label)],
  enter: () => [],
  leave: () => [ret],
  trap: () => [udf],
};
