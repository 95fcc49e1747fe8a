// A filter as text, for box seccomp dump: one line for each instruction of classic BPF, with the names of system calls, ABIs,
// actions and errnos in place of numbers. What a number means depends on what was loaded and compared before, so that is
// followed along all ways through the program; jumps go forward only, which makes one walk enough.

import { errnoName } from "../linux/errno-name.ts";
import type { Machine } from "../linux/syscalls.ts";
import { type Abi, abisOfMachine, X32, X32_BIT } from "./abis.ts";
import { codes, data } from "./filter-writer.ts";
import { readPackedNumbers } from "./numbers.ts";
import { ARM_OWN, NUMBER_MASK, PACKED_ARM_OWN } from "./pack-numbers.ts";
import { actionOf } from "./verdicts.ts";

/** A struct sock_filter, with its text. */
export type Disassembled = { readonly code: number; readonly jt: number; readonly jf: number; readonly k: number; readonly text: string };

/** What is known where an instruction begins: the word of struct seccomp_data in A, and the ABI's audit number. */
type Known = { readonly loaded: number | undefined; readonly audit: number | undefined };
const nothing: Known = { loaded: undefined, audit: undefined };

const INSTRUCTION_BYTES = 8;

/** `filter` is struct sock_filter[]; codes that box does not write are shown as numbers. */
export function disassemble(filter: Uint8Array, machine: Machine): Disassembled[] {
  const view = new DataView(filter.buffer, filter.byteOffset, filter.byteLength);
  const names = newNames(machine);
  const known: (Known | undefined)[] = [];
  const arrive = (at: number, what: Known): void => {
    const before = known[at];
    known[at] = before === undefined ? what : meet(before, what);
  };
  arrive(0, nothing);
  const out: Disassembled[] = [];
  for (let at = 0; at < filter.length / INSTRUCTION_BYTES; at++) {
    const code = view.getUint16(INSTRUCTION_BYTES * at, true);
    const jt = view.getUint8(INSTRUCTION_BYTES * at + 2);
    const jf = view.getUint8(INSTRUCTION_BYTES * at + 3);
    const k = view.getUint32(INSTRUCTION_BYTES * at + 4, true);
    const here = known[at] ?? nothing;
    if (code === codes.load) arrive(at + 1, { ...here, loaded: k });
    else if (code === codes.jump) arrive(at + 1 + k, here);
    else if (code in comparisons) {
      const isAudit = code === codes.ifEqual && here.loaded === data.arch;
      arrive(at + 1 + jt, isAudit ? { ...here, audit: k } : here);
      arrive(at + 1 + jf, here);
    } else if (code !== codes.return) arrive(at + 1, here);
    out.push({ code, jt, jf, k, text: textOf({ code, jt, jf, k }, at, here, names) });
  }
  return out;
}

const meet = (one: Known, other: Known): Known => ({
  loaded: one.loaded === other.loaded ? one.loaded : undefined,
  audit: one.audit === other.audit ? one.audit : undefined,
});

/** How a comparison is written when it holds, and when it does not. */
const comparisons: Readonly<Record<number, readonly [holds: string, fails: string]>> = {
  [codes.ifEqual]: ["==", "!="],
  [codes.ifGreater]: [">", "<="],
  [codes.ifAtLeast]: [">=", "<"],
  [codes.ifAnyBit]: ["&", "!&"],
};

type Instruction = Omit<Disassembled, "text">;

function textOf({ code, jt, jf, k }: Instruction, at: number, here: Known, names: Names): string {
  const signs = comparisons[code];
  if (signs !== undefined) {
    const value = valueText(k, here, names);
    const [holds, fails] = signs;
    if (jf === 0) return `if A ${holds} ${value} goto ${at + 1 + jt}`;
    if (jt === 0) return `if A ${fails} ${value} goto ${at + 1 + jf}`;
    return `if A ${holds} ${value} goto ${at + 1 + jt} else ${at + 1 + jf}`;
  }
  if (code === codes.load) return `A = ${wordText(k)}`;
  if (code === codes.and) return `A &= ${hex(k)}`;
  if (code === codes.jump) return `goto ${at + 1 + k}`;
  if (code === codes.return) return `return ${returnText(k)}`;
  return `code ${hex(code)} jt ${jt} jf ${jf} k ${hex(k)}`;
}

const hex = (value: number): string => `0x${value.toString(16)}`;

function wordText(offset: number): string {
  if (offset === data.number) return "call";
  if (offset === data.arch) return "ABI";
  if (offset < data.arguments) return `word ${offset}`;
  const index = (offset - data.arguments) >> 3;
  return `${offset % 8 === 0 ? "low" : "high"} half of argument ${index}`;
}

function valueText(k: number, { loaded, audit }: Known, names: Names): string {
  if (loaded === data.arch) return names.ofAudit(k) ?? hex(k);
  if (loaded !== data.number) return hex(k);
  const name = audit === undefined ? undefined : names.ofCall(audit, k);
  // Calls of x32, and Arm's own, have large numbers.
  return `${k < ARM_OWN ? k : hex(k)}${name === undefined ? "" : ` (${name})`}`;
}

const DATA_MASK = 0xffff;

function returnText(k: number): string {
  const name = actionOf((k & ~DATA_MASK) >>> 0);
  const value = k & DATA_MASK;
  if (name === undefined) return hex(k);
  if (name === "SCMP_ACT_ERRNO") return `${name} ${value === 0 ? 0 : errnoName(value)}`;
  return value === 0 ? name : `${name} ${value}`;
}

type Names = {
  readonly ofAudit: (audit: number) => string | undefined;
  readonly ofCall: (audit: number, number: number) => string | undefined;
};

function newNames(machine: Machine): Names {
  const abis = abisOfMachine(machine);
  const packed = readPackedNumbers(machine);
  const calls = new Map<Abi, Map<number, string>>();
  for (const abi of abis) calls.set(abi, new Map());
  for (const name in packed)
    for (const [abi, named] of calls) {
      const number = ((packed[name] as number) >> abi.shift) & NUMBER_MASK;
      if (number !== NUMBER_MASK && !named.has(number)) named.set(number, name);
    }
  return {
    ofAudit: (audit) => abis.find((abi) => abi.audit === audit)?.name,
    ofCall: (audit, number) => {
      const isX32 = audit === X32.audit && number >= X32_BIT;
      const abi = isX32 ? X32 : abis.find((one) => one.audit === audit);
      const own = isX32 ? number - X32_BIT : number >= ARM_OWN ? number - ARM_OWN + PACKED_ARM_OWN : number;
      const name = abi === undefined ? undefined : calls.get(abi)?.get(own);
      return isX32 && name !== undefined ? `x32 ${name}` : name;
    },
  };
}
