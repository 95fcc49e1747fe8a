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

const { BPF_DEVCG_DEV_CHAR, BPF_DEVCG_DEV_BLOCK } = flags.BPF_DEVCG_DEV;

/** r0 is the result, r1 the address of a struct bpf_cgroup_dev_ctx: u32 access_type, major, minor. */
const RESULT = 0;
const CONTEXT = 1;
const TYPE = 2;
const ACCESS = 3;
const MAJOR = 4;
const MINOR = 5;

const EXIT_BYTES = 2 * INSTRUCTION_BYTES;
const START_BYTES = 6 * INSTRUCTION_BYTES;
/** Three comparisons and an answer of five instructions. */
const ENTRY_BYTES_MAX = 8 * INSTRUCTION_BYTES;

type Writer = { readonly words: Uint32Array<ArrayBuffer>; at: number };

function add(to: Writer, code: number, dst: number, src: number, off: number, imm: number): void {
  to.words[to.at] = code | (dst << 8) | (src << 12) | (off << 16);
  to.words[to.at + 1] = imm;
  to.at += 2;
}

/** The first entry that matches decides: whether all that is asked for is allowed. */
export function deviceFilter(table: readonly DeviceEntry[]): Uint8Array {
  const { load, and, shiftRight, set, exit } = codes;
  const out: Writer = { words: new Uint32Array((START_BYTES + table.length * ENTRY_BYTES_MAX + EXIT_BYTES) / 4), at: 0 };
  // access_type: the device's type in the lower half, what is asked for in the upper one.
  add(out, load, TYPE, CONTEXT, 0, 0);
  add(out, and, TYPE, 0, 0, 0xffff);
  add(out, load, ACCESS, CONTEXT, 0, 0);
  add(out, shiftRight, ACCESS, 0, 0, 16);
  add(out, load, MAJOR, CONTEXT, 4, 0);
  add(out, load, MINOR, CONTEXT, 8, 0);
  for (let index = 0; index < table.length; index++) addEntry(out, table[index] as DeviceEntry);
  // The verifier must see an end on every path; the kernel knows no third type.
  add(out, set, RESULT, 0, 0, 0);
  add(out, exit, 0, 0, 0, 0);
  return new Uint8Array(out.words.buffer, 0, out.at * 4);
}

function addEntry(out: Writer, { type, major, minor, access }: DeviceEntry): void {
  const { and, set, jumpIfNot, exit } = codes;
  /** Instructions from here to the next entry. */
  let left = (access === ALL_ACCESS ? 2 : 5) + (minor === EVERY ? 0 : 1) + (major === EVERY ? 0 : 1);
  add(out, jumpIfNot, TYPE, 0, left--, type === "c" ? BPF_DEVCG_DEV_CHAR : BPF_DEVCG_DEV_BLOCK);
  if (major !== EVERY) add(out, jumpIfNot, MAJOR, 0, left--, major);
  if (minor !== EVERY) add(out, jumpIfNot, MINOR, 0, left, minor);
  if (access !== ALL_ACCESS) {
    add(out, and, ACCESS, 0, 0, ALL_ACCESS & ~access);
    add(out, set, RESULT, 0, 0, 0);
    add(out, jumpIfNot, ACCESS, 0, 1, 0);
  }
  add(out, set, RESULT, 0, 0, 1);
  add(out, exit, 0, 0, 0, 0);
}
