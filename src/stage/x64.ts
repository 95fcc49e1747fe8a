// The x86-64 assembler: the instruction forms the stage needs, and no other. Encodings: Intel SDM volume 2; bytes are
// drawn from left to right as they lie in memory. Assembly text is Intel syntax as LLVM prints it, for the listing.

import { type Assembler, type Condition, type Instruction, inRange, type Role } from "./assembly.ts";

/** The numbers of the registers in use. As a base, rsp and r12 would need a SIB byte: they are not here. */
export const registers = {
  rax: 0,
  rcx: 1,
  rdx: 2,
  rbx: 3,
  rbp: 5,
  rsi: 6,
  rdi: 7,
  r8: 8,
  r9: 9,
  r10: 10,
  r14: 14,
  r15: 15,
} as const;
export type Register = keyof typeof registers;

/** Opcodes of `op [base + displacement], register` and of its mirror image. */
export const memoryForms = {
  load: {
    opcode: 0x8b,
    wide: true,
    print: (register: Register, place: string) => `mov ${register}, qword ptr ${place}`,
  },
  loadUnsigned32: {
    opcode: 0x8b, // without REX.W; a 32-bit write clears the upper half
    wide: false,
    print: (register: Register, place: string) => `mov ${low32(register)}, dword ptr ${place}`,
  },
  loadSigned32: {
    opcode: 0x63,
    wide: true,
    print: (register: Register, place: string) => `movsxd ${register}, dword ptr ${place}`,
  },
  store: {
    opcode: 0x89,
    wide: true,
    print: (register: Register, place: string) => `mov qword ptr ${place}, ${register}`,
  },
} as const;

/** Opcodes of `op to, from` on two 64-bit registers. */
export const registerForms = { mov: 0x89, add: 0x01, sub: 0x29, and: 0x21, cmp: 0x39 } as const;

/** The low four bits of jcc's opcode: 0x70 + code short, 0x0f 0x80 + code near. */
export const conditionCodes = { jb: 0x2, jae: 0x3, je: 0x4, jne: 0x5 } as const;

//  7   6   5   4   3   2   1   0
// [0   1   0   0 | W | R | X | B]   W: 64-bit operands; R: bit 3 of ModRM.reg; X: none here; B: bit 3 of ModRM.rm
function rex(wide: boolean, reg: number, rm: number): number[] {
  const bits = (wide ? 8 : 0) | ((reg >> 3) << 2) | (rm >> 3);
  return bits === 0 ? [] : [0x40 | bits];
}

//  7   6   5   4   3   2   1   0
// [ mod  |   reg     |    rm    ]   mod: 0 [rm], 1 [rm + byte], 3 rm itself
function modRm(mod: 0 | 1 | 3, reg: number, rm: number): number {
  return (mod << 6) | ((reg & 7) << 3) | (rm & 7);
}

const low32 = (register: Register): string => (registers[register] < 8 ? register.replace("r", "e") : `${register}d`);

const bytesOf = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >> shift) & 0xff);

const signedBytesOf = (value: number): number[] => bytesOf(inRange(value, -0x8000_0000, 0x7fff_ffff));

// [REX][opcode][ModRM reg=register rm=base][displacement: a byte, absent when 0]
export function memory(form: keyof typeof memoryForms, register: Register, base: Register, displacement: number): Instruction {
  const { opcode, wide, print } = memoryForms[form];
  const [reg, rm] = [registers[register], registers[base]];
  // mod 0 with rm 5 (rbp, r13) is not [rbp] but an address relative to rip: rbp always needs the byte.
  const bare = displacement === 0 && (rm & 7) !== 5;
  const tail = bare ? [] : [inRange(displacement, -128, 127) & 0xff];
  const sign = displacement < 0 ? "-" : "+";
  const place = displacement === 0 ? `[${base}]` : `[${base} ${sign} ${Math.abs(displacement)}]`;
  return {
    text: print(register, place),
    bytes: [...rex(wide, reg, rm), opcode, modRm(bare ? 0 : 1, reg, rm), ...tail],
  };
}

// [REX.W][opcode][ModRM reg=from rm=to]
export function twoRegisters(form: keyof typeof registerForms, to: Register, from: Register): Instruction {
  const [reg, rm] = [registers[from], registers[to]];
  return { text: `${form} ${to}, ${from}`, bytes: [...rex(true, reg, rm), registerForms[form], modRm(3, reg, rm)] };
}

// [REX.W][83][ModRM reg=7 rm=register][byte]  or  [REX.W][81][ModRM reg=7 rm=register][4 bytes]; both sign-extended
export function compareConstant(register: Register, value: number): Instruction {
  const rm = registers[register];
  const short = value >= -128 && value <= 127;
  const tail = short ? [value & 0xff] : signedBytesOf(value);
  return {
    text: `cmp ${register}, ${value}`,
    bytes: [...rex(true, 7, rm), short ? 0x83 : 0x81, modRm(3, 7, rm), ...tail],
  };
}

// [REX][0f][ba][ModRM reg=4 rm=register][bit]   copies the bit into the carry flag
export function bitTest(register: Register, bit: number): Instruction {
  const rm = registers[register];
  const wide = inRange(bit, 0, 63) > 31;
  return {
    text: `bt ${wide ? register : low32(register)}, ${bit}`,
    bytes: [...rex(wide, 4, rm), 0x0f, 0xba, modRm(3, 4, rm), bit],
  };
}

// [REX.B][b8 + register][4 bytes]   clears the upper half
export function moveConstant(register: Register, value: number): Instruction {
  const rm = registers[register];
  return {
    text: `mov ${low32(register)}, ${inRange(value, 0, 0xffff_ffff)}`,
    bytes: [...rex(false, 0, rm), 0xb8 | (rm & 7), ...bytesOf(value)],
  };
}

/** What the C ABI makes a callee keep, besides rsp: all of it, also what plays no role in the stage. */
export const calleeSaved = { rbx: 3, rbp: 5, r12: 12, r13: 13, r14: 14, r15: 15 } as const;

// [REX.B][50 + register]   [REX.B][58 + register]
export function pushOrPop(form: "push" | "pop", register: Register | keyof typeof calleeSaved): Instruction {
  const rm = { ...registers, ...calleeSaved }[register];
  return { text: `${form} ${register}`, bytes: [...rex(false, 0, rm), (form === "push" ? 0x50 : 0x58) | (rm & 7)] };
}

// [70 + code][byte]  or  [0f][80 + code][4 bytes]   counted from the end of the instruction
export function conditionalJump(form: keyof typeof conditionCodes, target: string): Instruction {
  const code = conditionCodes[form];
  return { text: `${form} ${target}`, target, encode: shortOrNear([0x70 | code], [0x0f, 0x80 | code]) };
}

// [eb][byte]  or  [e9][4 bytes]   counted from the end of the instruction
export function jump(target: string): Instruction {
  return { text: `jmp ${target}`, target, encode: shortOrNear([0xeb], [0xe9]) };
}

function shortOrNear(short: readonly number[], near: readonly number[]) {
  return (distance: number): number[] => {
    const shortDistance = distance - short.length - 1;
    if (shortDistance >= -128 && shortDistance <= 127) return [...short, shortDistance & 0xff];
    return [...near, ...signedBytesOf(distance - near.length - 4)];
  };
}

// [e8][4 bytes]   counted from the end of the instruction
export function call(target: string): Instruction {
  return { text: `call ${target}`, target, encode: (distance) => [0xe8, ...signedBytesOf(distance - 5)] };
}

const RSP = 4;

// [REX.W][89][ModRM reg=rsp rm=to]   the stack pointer as a number
export function readStackPointer(to: Register): Instruction {
  return { text: `mov ${to}, rsp`, bytes: [...rex(true, RSP, registers[to]), registerForms.mov, modRm(3, RSP, registers[to])] };
}

// [REX.W][89][ModRM reg=from rm=rsp]
export function setStackPointer(from: Register): Instruction {
  return { text: `mov rsp, ${from}`, bytes: [...rex(true, registers[from], RSP), registerForms.mov, modRm(3, registers[from], RSP)] };
}

// [REX.B][ff][ModRM reg=4 rm=register]   to the address in the register
export function jumpTo(register: Register): Instruction {
  const rm = registers[register];
  return { text: `jmp ${register}`, bytes: [...rex(false, 0, rm), 0xff, modRm(3, 4, rm)] };
}

// [0f][05]   destroys rcx and r11 besides rax
export const syscall: Instruction = { text: "syscall", bytes: [0x0f, 0x05] };
// [0f][0b]
export const ud2: Instruction = { text: "ud2", bytes: [0x0f, 0x0b] };
// [c3]
export const ret: Instruction = { text: "ret", bytes: [0xc3] };

/** The kernel fixes a0 to a5, nr and result; the others must survive a call, and all that do must be saved. */
export const roles = {
  a0: "rdi",
  a1: "rsi",
  a2: "rdx",
  a3: "r10",
  a4: "r8",
  a5: "r9",
  nr: "rax",
  result: "rax",
  record: "rbx",
  mask: "rbp",
  status: "r14",
  header: "r15",
  scratch: "rcx",
} as const satisfies Record<Role, Register>;

const saved = [roles.record, roles.mask, roles.status, roles.header] as const;

const conditions = { equal: "je", notEqual: "jne", below: "jb", atLeast: "jae" } as const satisfies Record<
  Condition,
  keyof typeof conditionCodes
>;

export const x64: Assembler = {
  load: (to, base, displacement) => [memory("load", roles[to], roles[base], displacement)],
  loadUnsigned32: (to, base, displacement) => [memory("loadUnsigned32", roles[to], roles[base], displacement)],
  loadSigned32: (to, base, displacement) => [memory("loadSigned32", roles[to], roles[base], displacement)],
  store: (from, base, displacement) => [memory("store", roles[from], roles[base], displacement)],
  move: (to, from) => (roles[to] === roles[from] ? [] : [twoRegisters("mov", roles[to], roles[from])]),
  constant: (to, value) => [moveConstant(roles[to], value)],
  add: (to, from) => [twoRegisters("add", roles[to], roles[from])],
  subtract: (to, from) => [twoRegisters("sub", roles[to], roles[from])],
  and: (to, from) => [twoRegisters("and", roles[to], roles[from])],
  compare: (left, right) => [twoRegisters("cmp", roles[left], roles[right])],
  compareConstant: (left, value) => [compareConstant(roles[left], value)],
  branchIf: (condition, label) => [conditionalJump(conditions[condition], label)],
  // The carry flag that bt sets is what jb and jae look at.
  branchIfBit: (state, role, bit, label) => [bitTest(roles[role], bit), conditionalJump(state === "set" ? "jb" : "jae", label)],
  jump: (label) => [jump(label)],
  syscall: () => [syscall],
  call: (label) => [call(label)],
  enter: () => saved.map((register) => pushOrPop("push", register)),
  leave: () => [...saved.toReversed().map((register) => pushOrPop("pop", register)), ret],
  trap: () => [ud2],
};
