import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { codes, deviceFilter, INSTRUCTION_BYTES } from "../../src/cgroup/device-filter.ts";
import { type DeviceEntry, deviceTable } from "../../src/cgroup/device-rules.ts";
import { flags } from "../../src/linux/flags.ts";
import { isAllowed, type Request, randomRequest, randomRules } from "./read-rules.ts";

type Instruction = { readonly code: number; readonly dst: number; readonly src: number; readonly off: number; readonly imm: number };

function decode(program: Uint8Array): Instruction[] {
  const view = new DataView(program.buffer, program.byteOffset, program.length);
  return Array.from({ length: program.length / INSTRUCTION_BYTES }, (_, index) => {
    const at = index * INSTRUCTION_BYTES;
    const registers = view.getUint8(at + 1);
    return {
      code: view.getUint8(at),
      dst: registers & 15,
      src: registers >> 4,
      off: view.getInt16(at + 2, true),
      imm: view.getInt32(at + 4, true),
    };
  });
}

/** One instruction as LLVM writes it. */
function print({ code, dst, src, off, imm }: Instruction): string {
  if (code === codes.load) return `r${dst} = *(u32 *)(r${src} + ${off})`;
  if (code === codes.and) return `w${dst} &= ${imm}`;
  if (code === codes.shiftRight) return `w${dst} >>= ${imm}`;
  if (code === codes.set) return `r${dst} = ${imm}`;
  if (code === codes.jumpIfNot) return `if w${dst} != ${imm} goto ${off < 0 ? "-" : "+"}${Math.abs(off)}`;
  if (code === codes.exit) return "exit";
  throw new Error(`no instruction of ours: code 0x${code.toString(16)}`);
}

const { BPF_DEVCG_ACC, BPF_DEVCG_DEV } = flags;
const bits = { r: BPF_DEVCG_ACC.BPF_DEVCG_ACC_READ, w: BPF_DEVCG_ACC.BPF_DEVCG_ACC_WRITE, m: BPF_DEVCG_ACC.BPF_DEVCG_ACC_MKNOD };

/** Runs a program on a struct bpf_cgroup_dev_ctx, as the kernel would, and as strictly as its verifier looks at it. */
function run(program: readonly Instruction[], { type, major, minor, access }: Request): number {
  const asked = [...access].reduce((sum, letter) => sum | bits[letter as keyof typeof bits], 0);
  const context = [(type === "c" ? BPF_DEVCG_DEV.BPF_DEVCG_DEV_CHAR : BPF_DEVCG_DEV.BPF_DEVCG_DEV_BLOCK) | (asked << 16), major, minor];
  const registers = new Map<number, number>();
  const value = (register: number): number => {
    const found = registers.get(register);
    if (found === undefined) throw new Error(`r${register} is read before it is written`);
    return found;
  };
  for (let at = 0; ; at++) {
    const { code, dst, src, off, imm } = program[at] ?? { code: -1, dst: 0, src: 0, off: 0, imm: 0 };
    if (code === codes.load && src === 1 && off % 4 === 0 && off < 12) registers.set(dst, (context[off / 4] as number) >>> 0);
    else if (code === codes.and) registers.set(dst, (value(dst) & imm) >>> 0);
    else if (code === codes.shiftRight) registers.set(dst, value(dst) >>> imm);
    else if (code === codes.set) registers.set(dst, imm);
    else if (code === codes.jumpIfNot && off >= 0) at += value(dst) !== imm >>> 0 ? off : 0;
    else if (code === codes.exit) return value(0);
    else throw new Error(`instruction ${at} leads nowhere`);
  }
}

test("it decides as the rules say", () => {
  fc.assert(
    fc.property(randomRules, fc.array(randomRequest, { minLength: 40, maxLength: 40 }), (rules, requests) => {
      const program = decode(deviceFilter(deviceTable(rules)));
      for (const request of requests)
        expect({ request, result: run(program, request) }).toEqual({ request, result: isAllowed(rules, request) ? 1 : 0 });
    }),
    { numRuns: 1000 },
  );
});

const text = (table: readonly DeviceEntry[]): string => decode(deviceFilter(table)).map(print).join("\n");

test("an entry with everything, one with a part", () => {
  expect(
    text([
      { type: "c", major: 1, minor: 3, access: 7 },
      { type: "b", major: -1, minor: -1, access: bits.m },
    ]),
  ).toMatchInlineSnapshot(`
    "r2 = *(u32 *)(r1 + 0)
    w2 &= 65535
    r3 = *(u32 *)(r1 + 0)
    w3 >>= 16
    r4 = *(u32 *)(r1 + 4)
    r5 = *(u32 *)(r1 + 8)
    if w2 != 2 goto +4
    if w4 != 1 goto +3
    if w5 != 3 goto +2
    r0 = 1
    exit
    if w2 != 1 goto +5
    w3 &= 6
    r0 = 0
    if w3 != 0 goto +1
    r0 = 1
    exit
    r0 = 0
    exit"
  `);
});

test("its size", () => {
  const size = (...rules: Parameters<typeof deviceTable>[0]): number => deviceFilter(deviceTable(rules)).length / INSTRUCTION_BYTES;
  expect([size(), size({ allow: true, access: "rwm" })]).toEqual([64, 14]);
});

const llvmMc = Bun.which("llvm-mc") ?? Bun.which("llvm-mc-14");
if (llvmMc === null) console.warn("SKIPPED: eBPF instructions: this machine lacks llvm-mc (Debian package llvm)");
describe.skipIf(llvmMc === null)("against llvm-mc", () => {
  test("every instruction means what is printed for it", () => {
    const program = deviceFilter([
      ...deviceTable([
        { allow: true, type: "b", major: 8, access: "r" },
        { allow: false, type: "b", minor: 1, access: "rwm" },
      ]),
      { type: "c", major: 0xffff_ffff, minor: 0x7fff_ffff, access: 0 },
    ]);
    const hex = [...program].map((byte) => `0x${byte.toString(16)}`).join(" ");
    const { stdout, stderr } = Bun.spawnSync([llvmMc ?? "", "-disassemble", "-triple=bpfel"], { stdin: Buffer.from(hex) });
    expect(stderr.toString()).toBe("");
    const lines = stdout
      .toString()
      .split("\n")
      .map((line) => line.trim().replaceAll(/\s+/g, " "));
    expect(lines.filter((line) => line !== "" && line !== ".text")).toEqual(decode(program).map(print));
  });
});
