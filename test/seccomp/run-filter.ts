// Classic BPF as the kernel has it for seccomp: what it accepts (net/core/filter.c, bpf_check_classic; kernel/seccomp.c,
// seccomp_check_filter), what it returns, and for which calls it never runs a filter (seccomp_is_const_allow).

export type Call = { readonly arch: number; readonly number: number; readonly args: readonly bigint[] };

type Instruction = { readonly code: number; readonly jt: number; readonly jf: number; readonly k: number };

export function instructionsOf(filter: Uint8Array): Instruction[] {
  const view = new DataView(filter.buffer, filter.byteOffset, filter.byteLength);
  return Array.from({ length: filter.length / 8 }, (_, at) => ({
    code: view.getUint16(8 * at, true),
    jt: view.getUint8(8 * at + 2),
    jf: view.getUint8(8 * at + 3),
    k: view.getUint32(8 * at + 4, true),
  }));
}

const LOAD = 0x20;
const AND = 0x54;
const JUMP = 0x05;
const RETURN = 0x06;
const comparisons: Readonly<Record<number, (a: number, k: number) => boolean>> = {
  21: (a, k) => a === k,
  37: (a, k) => a > k,
  53: (a, k) => a >= k,
  69: (a, k) => (a & k) !== 0,
};

/** Why the kernel would refuse the filter, or undefined. */
export function refusal(filter: Uint8Array): string | undefined {
  const instructions = instructionsOf(filter);
  const { length } = instructions;
  if (length === 0 || length > 4096) return `${length} instructions`;
  for (const [at, { code, jt, jf, k }] of instructions.entries()) {
    if (code === LOAD && (k % 4 !== 0 || k >= 64)) return `${at}: loads from ${k}`;
    if (code === JUMP && at + 1 + k >= length) return `${at}: jumps out`;
    if (code in comparisons && at + 1 + Math.max(jt, jf) >= length) return `${at}: branches out`;
    if (![LOAD, AND, JUMP, RETURN].includes(code) && !(code in comparisons)) return `${at}: code ${code}`;
  }
  return instructions[length - 1]?.code === RETURN ? undefined : "no return at the end";
}

/** struct seccomp_data: number, arch, instruction pointer, arguments. */
function wordOf({ arch, number, args }: Call, offset: number): number {
  if (offset === 0) return number;
  if (offset === 4) return arch;
  const arg = args[(offset - 16) >> 3] ?? 0n;
  return Number(offset % 8 === 0 ? arg & 0xffffffffn : arg >> 32n);
}

/** The verdict on a call, and how many instructions it took. `constant`: no argument was looked at. */
export function runFilter(instructions: readonly Instruction[], call: Call): { verdict: number; executed: number; constant: boolean } {
  let a = 0;
  let executed = 0;
  let constant = true;
  for (let at = 0; ; at++) {
    const { code, jt, jf, k } = instructions[at] as Instruction;
    executed++;
    if (code === RETURN) return { verdict: k, executed, constant };
    if (code === LOAD) {
      a = wordOf(call, k);
      if (k > 4) constant = false;
    } else if (code === AND) a = (a & k) >>> 0;
    else if (code === JUMP) at += k;
    else at += comparisons[code]?.(a, k) ? jt : jf;
  }
}
