// What the stage is written in: an abstract machine with a handful of operations (`Assembler`), blocks of its
// instructions, and the pass that lays the blocks out and resolves branches. x64.ts and arm64.ts implement the
// operations; program.ts uses them. Left out on purpose: data, relocations, anything only a general assembler needs.

/** One instruction. A branch knows its bytes only when the distance to its target is known. */
export type Instruction =
  | { readonly text: string; readonly bytes: readonly number[] }
  | {
      readonly text: string;
      readonly target: string;
      /** Bytes from the distance (target's offset minus this instruction's own); a longer one never gives fewer bytes. */
      readonly encode: (distance: number) => readonly number[];
    };

/** A labelled run of instructions; it falls through into the block after it. */
export type Block = { readonly label: string; readonly instructions: readonly Instruction[] };

/** An instruction laid out: `label` on the first one of a block, `target` and its offset on a branch. */
export type Row = {
  readonly offset: number;
  readonly bytes: readonly number[];
  readonly text: string;
  readonly label?: string;
  readonly target?: { readonly label: string; readonly offset: number };
};

/** What a register is for; each machine says which one plays the part. All but `result` survive a system call. */
export type Role =
  | "a0"
  | "a1"
  | "a2"
  | "a3"
  | "a4"
  | "a5"
  | "nr" // set before `syscall`; may be the same register as `result`
  | "result" // may be the same register as `a0`
  | "record" // address of the record being run
  | "header" // address of the tape's header
  | "status" // address of the status region
  | "mask" // the record's mask
  | "scratch"; // the only one that a system call may also destroy

/** Conditions of a branch after `compare`; below and atLeast are unsigned. */
export type Condition = "equal" | "notEqual" | "below" | "atLeast";

/** The abstract machine. Loads and stores take a base and a displacement in bytes; words are 64-bit unless named. */
export type Assembler = {
  load(to: Role, base: Role, displacement: number): Instruction[];
  loadUnsigned32(to: Role, base: Role, displacement: number): Instruction[];
  loadSigned32(to: Role, base: Role, displacement: number): Instruction[];
  store(from: Role, base: Role, displacement: number): Instruction[];
  move(to: Role, from: Role): Instruction[];
  /** A constant in [0, 2^32). */
  constant(to: Role, value: number): Instruction[];
  add(to: Role, from: Role): Instruction[];
  subtract(to: Role, from: Role): Instruction[];
  and(to: Role, from: Role): Instruction[];
  compare(left: Role, right: Role): Instruction[];
  /** Compares with a constant in [-4095, 4095]. */
  compareConstant(left: Role, value: number): Instruction[];
  branchIf(condition: Condition, label: string): Instruction[];
  branchIfBit(state: "clear" | "set", role: Role, bit: number, label: string): Instruction[];
  jump(label: string): Instruction[];
  syscall(): Instruction[];
  call(label: string): Instruction[];
  /** Saves the registers that the machine's C ABI makes the callee keep and that play a role here... */
  enter(): Instruction[];
  /** ...and restores them and returns `result` to the caller. */
  leave(): Instruction[];
  /** Stops the process with SIGILL. */
  trap(): Instruction[];
};

export function block(label: string, ...operations: readonly Instruction[][]): Block {
  return { label, instructions: operations.flat() };
}

/** Returns the value; throws when it has no encoding, which is a bug in the stage, seen at build time only. */
export function inRange(value: number, lowest: number, highest: number): number {
  if (Number.isInteger(value) && lowest <= value && value <= highest) return value;
  throw new RangeError(`no encoding for ${value}: expected an integer in [${lowest}, ${highest}]`);
}

/** Lays blocks out from offset `start` on and fills in the branches. */
export function assemble(blocks: readonly Block[], start: number): Row[] {
  // Branches begin with no size and only ever grow, so this ends, and with each of them in its shortest form.
  const sizes = new Map<Instruction, number>();
  for (;;) {
    const labels = layOut(blocks, sizes, start);
    const rows = emit(blocks, sizes, labels, start);
    const instructions = blocks.flatMap((each) => each.instructions);
    const grown = instructions.filter((each, index) => (sizes.get(each) ?? 0) < (rows[index]?.bytes.length ?? 0));
    if (grown.length === 0) return rows;
    for (const [index, each] of instructions.entries()) sizes.set(each, rows[index]?.bytes.length ?? 0);
  }
}

/** Where each label is if instructions have these sizes. */
function layOut(blocks: readonly Block[], sizes: ReadonlyMap<Instruction, number>, start: number): Map<string, number> {
  const labels = new Map<string, number>();
  let offset = start;
  for (const { label, instructions } of blocks) {
    if (labels.has(label)) throw new Error(`label ${label} is defined twice`);
    labels.set(label, offset);
    for (const each of instructions) offset += sizes.get(each) ?? 0;
  }
  return labels;
}

function emit(
  blocks: readonly Block[],
  sizes: ReadonlyMap<Instruction, number>,
  labels: ReadonlyMap<string, number>,
  start: number,
): Row[] {
  const rows: Row[] = [];
  let offset = start;
  for (const { label, instructions } of blocks) {
    for (const [index, each] of instructions.entries()) {
      rows.push({ offset, ...resolve(each, offset, labels), ...(index === 0 ? { label } : {}) });
      offset += sizes.get(each) ?? 0;
    }
  }
  return rows;
}

function resolve(instruction: Instruction, offset: number, labels: ReadonlyMap<string, number>) {
  const { text } = instruction;
  if ("bytes" in instruction) return { text, bytes: instruction.bytes };
  const target = labels.get(instruction.target);
  if (target === undefined) throw new Error(`label ${instruction.target} is not defined`);
  return { text, bytes: instruction.encode(target - offset), target: { label: instruction.target, offset: target } };
}
