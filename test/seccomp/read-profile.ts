// A profile read directly, one call at a time and as plainly as possible: what src/seccomp has to agree with.

import type { Seccomp, SeccompAction, SeccompArgument } from "../../src/config/spec.ts";
import type { Machine } from "../../src/linux/syscalls.ts";
import { multiplexedCalls } from "../../src/seccomp/pack-numbers.ts";
import { syscallNumbers } from "../../src/seccomp/syscall-numbers.ts";
import type { Call } from "./run-filter.ts";

const columns = { X86_64: 1, X86: 2, X32: 3, AARCH64: 4, ARM: 5 } as const;
type Abi = keyof typeof columns;

/** Name by name, the number on each ABI. */
const table = new Map(
  syscallNumbers
    .trim()
    .split("\n")
    .map((row): [string, readonly string[]] => [row.split(" ")[0] ?? "", row.split(" ")]),
);

export const callNames = [...table.keys()];

/** x32's with their bit. */
export function numberOf(name: string, abi: Abi): number | undefined {
  const text = table.get(name)?.[columns[abi]];
  if (text === undefined || text === "-") return undefined;
  return Number(text) + (abi === "X32" ? 0x40000000 : 0);
}

export const auditArchs: Readonly<Record<Exclude<Abi, "X32">, number>> = {
  X86_64: 0xc000003e,
  X86: 0x40000003,
  AARCH64: 0xc00000b7,
  ARM: 0x40000028,
};

/** What a filter returns for each, without data (linux/seccomp.h). */
export const verdictValues: Readonly<Record<SeccompAction, number>> = {
  SCMP_ACT_KILL: 0,
  SCMP_ACT_KILL_THREAD: 0,
  SCMP_ACT_KILL_PROCESS: 0x80000000,
  SCMP_ACT_TRAP: 0x30000,
  SCMP_ACT_ERRNO: 0x50000,
  SCMP_ACT_NOTIFY: 0x7fc00000,
  SCMP_ACT_TRACE: 0x7ff00000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_ALLOW: 0x7fff0000,
};

function verdictOf(action: SeccompAction, errnoRet = 1): number {
  return verdictValues[action] + (action === "SCMP_ACT_ERRNO" || action === "SCMP_ACT_TRACE" ? errnoRet : 0);
}

type Rule = { readonly verdict: number; readonly conditions: readonly SeccompArgument[] };

function rulesFor(seccomp: Seccomp, abi: Abi, number: number): Rule[] {
  const fallback = verdictOf(seccomp.defaultAction, seccomp.defaultErrnoRet);
  const rules: Rule[] = [];
  for (const { names, action, errnoRet, args = [] } of seccomp.syscalls ?? []) {
    const verdict = verdictOf(action, errnoRet);
    if (verdict === fallback) continue;
    const repeats = new Set(args.map(({ index }) => index)).size < args.length;
    const alternatives = repeats ? args.map((one) => [one]) : [args];
    for (const name of names)
      for (const conditions of alternatives) {
        if (numberOf(name, abi) === number) rules.push({ verdict, conditions });
        if (abi !== "X86") continue;
        for (const call of ["socketcall", "ipc"] as const) {
          const value = Object.hasOwn(multiplexedCalls[call], name) ? multiplexedCalls[call][name] : undefined;
          if (numberOf(call, abi) !== number || value === undefined) continue;
          const isThis = { index: 0, op: "SCMP_CMP_EQ", value } as const;
          rules.push({ verdict, conditions: [isThis, ...conditions.filter(({ index }) => index !== 0)] });
        }
      }
  }
  return rules;
}

function holds({ index, op, value, valueTwo = 0 }: SeccompArgument, args: readonly bigint[]): boolean {
  const arg = args[index] ?? 0n;
  const than = BigInt(value);
  switch (op) {
    case "SCMP_CMP_EQ":
      return arg === than;
    case "SCMP_CMP_NE":
      return arg !== than;
    case "SCMP_CMP_LT":
      return arg < than;
    case "SCMP_CMP_LE":
      return arg <= than;
    case "SCMP_CMP_GT":
      return arg > than;
    case "SCMP_CMP_GE":
      return arg >= than;
    case "SCMP_CMP_MASKED_EQ":
      return (arg & than) === (BigInt(valueTwo) & than);
  }
}

/** Whether a condition says nothing, so that a rule with nothing else has none. */
function isIdle({ op, value, valueTwo = 0 }: SeccompArgument, bits: 32 | 64): boolean {
  if (bits === 64) return op === "SCMP_CMP_MASKED_EQ" && value === 0;
  const mask = 0xffffffffn;
  if (op === "SCMP_CMP_MASKED_EQ") return (BigInt(value) & mask) === 0n && (BigInt(valueTwo) & BigInt(value)) >> 32n === 0n;
  return BigInt(value) > mask && ["SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE"].includes(op);
}

/** What libseccomp looks at first: see compareRules. Compared like words in a dictionary, larger before smaller. */
function rankOf({ index, op, value, valueTwo = 0 }: SeccompArgument): bigint {
  const datum = op === "SCMP_CMP_MASKED_EQ" ? BigInt(value) & BigInt(valueTwo) : BigInt(value);
  const less = op === "SCMP_CMP_LT" || op === "SCMP_CMP_LE";
  const greater = op === "SCMP_CMP_GT" || op === "SCMP_CMP_GE";
  const kind = less ? 1n : greater ? 0n : 2n;
  return (BigInt(index) << 80n) + (kind << 72n) + (less ? (1n << 64n) - datum : datum);
}

function isBefore(one: Rule, other: Rule): boolean {
  for (const [at, condition] of one.conditions.entries()) {
    const that = other.conditions[at];
    if (that === undefined) return false;
    if (rankOf(condition) !== rankOf(that)) return rankOf(condition) > rankOf(that);
  }
  return one.conditions.length < other.conditions.length;
}

const hides = (action: SeccompAction): boolean => !["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"].includes(action);

/** The verdict on a call, as linux/seccomp.h numbers it. */
export function readProfile(seccomp: Seccomp, machine: Machine): (call: Call) => number {
  const fallback = verdictOf(seccomp.defaultAction, seccomp.defaultErrnoRet);
  const own: Abi = machine === "x64" ? "X86_64" : "AARCH64";
  const listed = new Set<string>([`SCMP_ARCH_${own}`, ...(seccomp.architectures ?? [])]);
  const possible: readonly Abi[] = machine === "x64" ? ["X86_64", "X86", "X32"] : ["AARCH64", "ARM"];
  const abis = possible.filter((abi) => listed.has(`SCMP_ARCH_${abi}`));
  const named = (seccomp.syscalls ?? []).flatMap(({ names }) => names);
  const highest = new Map(abis.map((abi) => [abi, Math.max(0, ...named.map((name) => numberOf(name, abi) ?? 0))]));
  const isNew = (abi: Abi, number: number): boolean => {
    const limit = highest.get(abi) ?? 0;
    return hides(seccomp.defaultAction) && limit % 0x40000000 !== 0 && number > limit;
  };
  const rules = new Map<string, Rule[]>();

  return ({ arch, number, args }) => {
    const x32 = arch === auditArchs.X86_64 && (number & 0x40000000) !== 0;
    const abi = x32 ? "X32" : (Object.keys(auditArchs) as (keyof typeof auditArchs)[]).find((one) => auditArchs[one] === arch);
    if (abi === "X32" && !abis.includes("X32") && machine === "x64") return number === 0xffffffff ? fallback : 0;
    if (abi === undefined || !abis.includes(abi)) return 0;
    if (isNew(abi, number)) return 0x50000 + 38;
    // libseccomp compares with x32's first number.
    if (abi === "X86_64" && number >= 0x80000000 && !abis.includes("X32")) return 0;
    const key = `${abi} ${number}`;
    const bits = abi === "X86_64" || abi === "AARCH64" ? 64 : 32;
    const all = rules.get(key) ?? rulesFor(seccomp, abi, number);
    rules.set(key, all);
    const plain = all.map((rule) => ({ ...rule, conditions: rule.conditions.filter((one) => !isIdle(one, bits)) }));
    const always = plain.find(({ conditions }) => conditions.length === 0);
    if (always !== undefined) return always.verdict;
    const seen = bits === 64 ? args : args.map((arg) => BigInt.asUintN(32, arg));
    const sorted = plain.map(({ verdict, conditions }) => ({ verdict, conditions: [...conditions].sort((a, b) => a.index - b.index) }));
    let best: Rule | undefined;
    for (const rule of sorted)
      if (rule.conditions.every((one) => holds(one, seen)) && (best === undefined || isBefore(rule, best))) best = rule;
    return best?.verdict ?? fallback;
  };
}
