// The table of devices as the program that cgroup v2 wants: eBPF of type BPF_PROG_TYPE_CGROUP_DEVICE, which the kernel
// runs at every open and mknod of a device in the cgroup, and whose result 0 means EPERM. Pure.
//
// An instruction, struct bpf_insn of linux/bpf.h:
//
//   bit 0      8     12    16          32                    64
//       | code | dst | src | off (s16) |       imm (s32)     |
//
// A jump goes to the instruction after it, plus `off`. The 32-bit jump, class BPF_JMP32, is there since Linux 5.1.

import { flags } from "../linux/flags.ts";
import { ALL_ACCESS, type DeviceEntry, EVERY } from "./device-rules.ts";

/** Those codes that are used here, by what they do. */
export const codes = {
  load: 0x61, // BPF_LDX | BPF_MEM | BPF_W: dst = *(u32 *)(src + off)
  and: 0x54, // BPF_ALU | BPF_AND | BPF_K: dst &= imm, 32 bits
  shiftRight: 0x74, // BPF_ALU | BPF_RSH | BPF_K: dst >>= imm, 32 bits
  set: 0xb7, // BPF_ALU64 | BPF_MOV | BPF_K: dst = imm
  jumpIfNot: 0x56, // BPF_JMP32 | BPF_JNE | BPF_K: if dst != imm, 32 bits
  exit: 0x95, // BPF_JMP | BPF_EXIT: return r0
} as const;

export const INSTRUCTION_BYTES = 8;

/** r0 is the result, r1 the address of a struct bpf_cgroup_dev_ctx: u32 access_type, major, minor. */
const RESULT = 0;
const CONTEXT = 1;
const TYPE = 2;
const ACCESS = 3;
const MAJOR = 4;
const MINOR = 5;

const instruction = (code: number, dst: number, src: number, off: number, imm: number): readonly [number, number] => [
  (code | (dst << 8) | (src << 12) | (off << 16)) >>> 0,
  imm >>> 0,
];

/** The first entry that matches decides: whether all that is asked for is allowed. */
export function deviceFilter(table: readonly DeviceEntry[]): Uint8Array {
  const { load, and, shiftRight, set, jumpIfNot, exit } = codes;
  // access_type: the device's type in the lower half, what is asked for in the upper one.
  const out = [
    instruction(load, TYPE, CONTEXT, 0, 0),
    instruction(and, TYPE, 0, 0, 0xffff),
    instruction(load, ACCESS, CONTEXT, 0, 0),
    instruction(shiftRight, ACCESS, 0, 0, 16),
    instruction(load, MAJOR, CONTEXT, 4, 0),
    instruction(load, MINOR, CONTEXT, 8, 0),
  ];
  for (const { type, major, minor, access } of table) {
    const compared: [number, number][] = [[TYPE, flags.BPF_DEVCG_DEV[type === "c" ? "BPF_DEVCG_DEV_CHAR" : "BPF_DEVCG_DEV_BLOCK"]]];
    if (major !== EVERY) compared.push([MAJOR, major]);
    if (minor !== EVERY) compared.push([MINOR, minor]);
    const answer =
      access === ALL_ACCESS
        ? [instruction(set, RESULT, 0, 0, 1), instruction(exit, 0, 0, 0, 0)]
        : [
            instruction(and, ACCESS, 0, 0, ALL_ACCESS & ~access),
            instruction(set, RESULT, 0, 0, 0),
            instruction(jumpIfNot, ACCESS, 0, 1, 0),
            instruction(set, RESULT, 0, 0, 1),
            instruction(exit, 0, 0, 0, 0),
          ];
    for (let index = 0; index < compared.length; index++) {
      const [register, value] = compared[index] as [number, number];
      out.push(instruction(jumpIfNot, register, 0, compared.length - 1 - index + answer.length, value));
    }
    out.push(...answer);
  }
  // The verifier must see an end on every path; the kernel knows no third type.
  out.push(instruction(set, RESULT, 0, 0, 0), instruction(exit, 0, 0, 0, 0));
  return new Uint8Array(new Uint32Array(out.flat()).buffer);
}
