// A filter as text: whole for a small profile, and for any filter so that following the text comes to what the kernel does.

import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Seccomp } from "../../src/config/spec.ts";
import { BoxError } from "../../src/errors.ts";
import { errno } from "../../src/linux/errno.ts";
import type { Machine } from "../../src/linux/syscalls.ts";
import { compileSeccomp } from "../../src/seccomp/compile-seccomp.ts";
import { disassemble } from "../../src/seccomp/disassemble.ts";
import { randomCall } from "./expect-agreement.ts";
import { dockerLikeProfile, randomFrom, randomProfile } from "./profiles.ts";
import { auditArchs, numberOf, verdictValues } from "./read-profile.ts";
import { type Call, instructionsOf, runFilter } from "./run-filter.ts";

const text = (seccomp: Seccomp, machine: Machine): string =>
  disassemble(compileSeccomp(seccomp, machine).filter, machine)
    .map((one, at) => `${at} ${one.text}`)
    .join("\n");

test("two ABIs, conditions and errnos", () => {
  const seccomp: Seccomp = {
    defaultAction: "SCMP_ACT_KILL_PROCESS",
    architectures: ["SCMP_ARCH_X32"],
    syscalls: [
      { names: ["read", "write"], action: "SCMP_ACT_ALLOW" },
      { names: ["open"], action: "SCMP_ACT_ERRNO", errnoRet: 13 },
      { names: ["close"], action: "SCMP_ACT_ALLOW", args: [{ index: 2, value: 2 ** 33 + 1, op: "SCMP_CMP_GE" }] },
      { names: ["stat"], action: "SCMP_ACT_TRACE", errnoRet: 7, args: [{ index: 1, value: 6, valueTwo: 2, op: "SCMP_CMP_MASKED_EQ" }] },
    ],
  };
  expect(text(seccomp, "x64")).toMatchInlineSnapshot(`
    "0 A = ABI
    1 if A == SCMP_ARCH_X86_64 goto 3
    2 return SCMP_ACT_KILL_THREAD
    3 A = call
    4 if A >= 0x40000000 (x32 read) goto 17
    5 if A >= 3 (close) goto 7
    6 if A >= 2 (open) goto 20 else 19
    7 if A >= 4 (stat) goto 13
    8 A = high half of argument 2
    9 if A > 0x2 goto 19
    10 if A != 0x2 goto 27
    11 A = low half of argument 2
    12 if A >= 0x1 goto 19 else 27
    13 if A >= 5 (fstat) goto 23
    14 A = low half of argument 1
    15 A &= 0x6
    16 if A == 0x2 goto 28 else 27
    17 if A >= 0x40000003 (x32 close) goto 21
    18 if A >= 0x40000002 (x32 open) goto 20
    19 return SCMP_ACT_ALLOW
    20 return SCMP_ACT_ERRNO EACCES
    21 if A < 0x40000004 (x32 stat) goto 27
    22 if A < 0x40000005 (x32 fstat) goto 24
    23 return SCMP_ACT_ERRNO ENOSYS
    24 A = low half of argument 1
    25 A &= 0x6
    26 if A == 0x2 goto 28
    27 return SCMP_ACT_KILL_PROCESS
    28 return SCMP_ACT_TRACE 7"
  `);
});

test("arm64, with Arm's own calls", () => {
  const seccomp: Seccomp = {
    defaultAction: "SCMP_ACT_LOG",
    architectures: ["SCMP_ARCH_ARM"],
    syscalls: [
      { names: ["openat"], action: "SCMP_ACT_TRAP" },
      { names: ["cacheflush"], action: "SCMP_ACT_KILL" },
    ],
  };
  expect(text(seccomp, "arm64")).toMatchInlineSnapshot(`
    "0 A = ABI
    1 if A != SCMP_ARCH_AARCH64 goto 5
    2 A = call
    3 if A < 56 (openat) goto 13
    4 if A >= 57 (close) goto 13 else 9
    5 if A != SCMP_ARCH_ARM goto 12
    6 A = call
    7 if A >= 323 (mkdirat) goto 10
    8 if A < 322 (openat) goto 13
    9 return SCMP_ACT_TRAP
    10 if A < 0xf0002 (cacheflush) goto 13
    11 if A >= 0xf0003 (usr26) goto 13
    12 return SCMP_ACT_KILL_THREAD
    13 return SCMP_ACT_LOG"
  `);
});

test("what box does not write, as numbers", () => {
  const words = [0x60, 0, 0x20, 8, 0x15 | (1 << 16), 5, 0x06, 0x12340000, 0x06, 0x7fff0000];
  const filter = new Uint8Array(new Uint32Array(words).buffer);
  expect(disassemble(filter, "x64").map((one) => one.text)).toMatchInlineSnapshot(`
    [
      "code 0x60 jt 0 jf 0 k 0x0",
      "A = word 8",
      "if A == 0x5 goto 4",
      "return 0x12340000",
      "return SCMP_ACT_ALLOW",
    ]
  `);
});

/** A jump's place, by what is compared: `call`, `ABI` or a half of an argument, as the text says. */
function follow(lines: readonly string[], { arch, number, args }: Call, machine: Machine): number {
  let a = 0;
  for (let at = 0; ; ) {
    const line = lines[at] ?? "";
    const [, word] = /^A = (.*)$/.exec(line) ?? [];
    const [, mask] = /^A &= (0x[0-9a-f]+)$/.exec(line) ?? [];
    const [, to] = /^goto (\d+)$/.exec(line) ?? [];
    const [, sign, value = "", name, yes, no] = /^if A (\S+) (\S+)(?: \((.*)\))? goto (\d+)(?: else (\d+))?$/.exec(line) ?? [];
    const [, action, data] = /^return (\S+)(?: (\S+))?$/.exec(line) ?? [];
    at++;
    if (action !== undefined) return verdictOf(action, data);
    if (word !== undefined) a = wordOf(word, { arch, number, args });
    else if (mask !== undefined) a = (a & Number(mask)) >>> 0;
    else if (to !== undefined) at = Number(to);
    else if (sign !== undefined) {
      if (name !== undefined) expect(numbersOf(name, machine)).toContain(Number(value));
      const k = value.startsWith("SCMP_ARCH_") ? auditArchs[value.slice("SCMP_ARCH_".length) as keyof typeof auditArchs] : Number(value);
      const holds = {
        "==": a === k,
        "!=": a !== k,
        ">": a > k,
        "<=": a <= k,
        ">=": a >= k,
        "<": a < k,
        "&": (a & k) !== 0,
        "!&": (a & k) === 0,
      };
      if (holds[sign as keyof typeof holds]) at = Number(yes);
      else if (no !== undefined) at = Number(no);
    } else throw new Error(`${at - 1}: ${line}`);
  }
}

/** On whichever ABI of the machine. */
const numbersOf = (name: string, machine: Machine): (number | undefined)[] => {
  if (name.startsWith("x32 ")) return [numberOf(name.slice("x32 ".length), "X32")];
  return (machine === "x64" ? (["X86_64", "X86"] as const) : (["AARCH64", "ARM"] as const)).map((abi) => numberOf(name, abi));
};

function wordOf(word: string, { arch, number, args }: Call): number {
  if (word === "ABI") return arch;
  if (word === "call") return number;
  const [, half, index] = /^(low|high) half of argument ([0-5])$/.exec(word) ?? [];
  const value = args[Number(index)] ?? 0n;
  return Number(half === "low" ? value & 0xffffffffn : value >> 32n);
}

const verdictOf = (action: string, data = "0"): number =>
  ((verdictValues as Readonly<Record<string, number>>)[action] ?? Number.NaN) +
  (Object.hasOwn(errno, data) ? errno[data as keyof typeof errno] : Number(data));

function expectSame(seccomp: Seccomp, machine: Machine, count: number, seed: number): void {
  const { filter } = compileSeccomp(seccomp, machine);
  const instructions = instructionsOf(filter);
  const lines = disassemble(filter, machine).map((one) => one.text);
  const random = randomFrom(seed);
  for (let at = 0; at < count; at++) {
    const call = randomCall(seccomp, random);
    expect(follow(lines, call, machine)).toBe(runFilter(instructions, call).verdict);
  }
}

test("following the text comes to the same as the filter", () => {
  expectSame(dockerLikeProfile(["SCMP_ARCH_X86", "SCMP_ARCH_X32"]), "x64", 5000, 1);
  expectSame(dockerLikeProfile(["SCMP_ARCH_ARM"]), "arm64", 5000, 2);
  fc.assert(
    fc.property(randomProfile, fc.constantFrom<Machine>("x64", "arm64"), fc.nat(), (seccomp, machine, seed) => {
      try {
        expectSame(seccomp, machine, 20, seed);
      } catch (error) {
        if (!(error instanceof BoxError)) throw error;
      }
    }),
    { numRuns: 300 },
  );
}, 60_000);
