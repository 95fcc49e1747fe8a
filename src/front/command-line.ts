// The command lines that the front understands, and the machine code that reads them: `box [--root FOLDER] [--log FILE]
// [--log-format text|json] start|kill|delete ID`, with a signal for kill and --force for delete, as clients of
// runc call it. It only looks; whatever else a command line says is for the rest of box, which reads it from its beginning.

import { signals } from "../linux/signals.ts";
import { type Block, block, type Instruction } from "../stage/assembly.ts";
import { interpretLabel } from "../stage/program.ts";
import { x64 as asm, ret } from "../stage/x64.ts";
import { header } from "../tape/layout.ts";
import { FRONT_DATA_ADDRESS, words } from "./layout.ts";

/** A row of a table: two times eight bytes of a text under a mask, the second ones from an offset on, and what it stands for. */
const row = { mask: 0, first: 8, offset: 16, lastMask: 24, last: 32, value: 40, kind: 48, bytes: 56 } as const;

/** What comes behind a flag, or a command's id. */
const kinds = { alone: 0, hasValue: 1, hasFormat: 2, hasRoot: 3, takesForce: 4, takesSignal: 5 } as const;

type Row = { readonly text: string; readonly value?: number; readonly kind?: keyof typeof kinds };

const flagRows: readonly Row[] = [
  { text: "--root", kind: "hasRoot" },
  { text: "--log", kind: "hasValue" },
  { text: "--log-format", kind: "hasFormat" },
];
const formatRows: readonly Row[] = [{ text: "json" }, { text: "text" }];
const forceRows: readonly Row[] = [{ text: "--force" }, { text: "-f" }];
const namedSignals = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGTERM", "SIGWINCH"] as const;
const signalRows: readonly Row[] = namedSignals.flatMap((name) => {
  const value = signals[name];
  return [name, name.slice("SIG".length), String(value)].map((text) => ({ text, value }));
});

/** Commands by name, with the address of the record that each begins with. */
export type Entries = Readonly<Record<"start" | "kill" | "delete", number>>;

/** The tables as bytes, by the word that holds the address of each. */
export const commandTables = ({ start, kill, delete: remove }: Entries) =>
  ({
    flagTable: encodeTable(flagRows),
    formatTable: encodeTable(formatRows),
    verbTable: encodeTable([
      { text: "start", value: start, kind: "alone" },
      { text: "kill", value: kill, kind: "takesSignal" },
      { text: "delete", value: remove, kind: "takesForce" },
    ]),
    forceTable: encodeTable(forceRows),
    signalTable: encodeTable(signalRows),
  }) as const satisfies Partial<Record<keyof typeof words, Uint8Array>>;

/** A row of zeros ends it. */
function encodeTable(rows: readonly Row[]): Uint8Array {
  const bytes = new Uint8Array((rows.length + 1) * row.bytes);
  const view = new DataView(bytes.buffer);
  for (const [index, { text, value = 1, kind = "alone" }] of rows.entries()) {
    const at = index * row.bytes;
    const whole = new TextEncoder().encode(`${text}\0`);
    const first = whole.subarray(0, 8);
    bytes.fill(0xff, at + row.mask, at + row.mask + first.length);
    bytes.set(first, at + row.first);
    // The bytes before its end, some of which may have been compared already.
    if (whole.length > 16) throw new Error(`${text} is too long for two comparisons`);
    if (whole.length > 8) {
      view.setBigUint64(at + row.offset, BigInt(whole.length - 8), true);
      bytes.fill(0xff, at + row.lastMask, at + row.lastMask + 8);
      bytes.set(whole.subarray(-8), at + row.last);
    }
    view.setBigUint64(at + row.value, BigInt(value), true);
    view.setBigUint64(at + row.kind, BigInt(kinds[kind]), true);
  }
  return bytes;
}

type Loadable = "a0" | "a1" | "a2" | "a3" | "a5";
/** A word of the front that is too far from the first one for a displacement. */
const loadWord = (to: Loadable, word: number): Instruction[] => [...asm.constant(to, FRONT_DATA_ADDRESS + word), ...asm.load(to, to, 0)];
const storeWord = (from: Loadable, word: number): Instruction[] => [
  ...asm.constant("scratch", FRONT_DATA_ADDRESS + word),
  ...asm.store(from, "scratch", 0),
];

const WORD_BYTES = 8;
const byte = (character: string): number => character.charCodeAt(0);

/** `not`: where it leads when this is no command line for the front, or its command has refused. */
export const readCommand = (not: string): Block[] => [...readFlags(not), ...readVerb(not), ...readId(not), ...findInTable()];

/** The next word of the command line into a2, or `otherwise` when there is none. */
const nextWord = (otherwise: string): Instruction[] => [
  ...asm.load("a2", "a1", 0),
  ...asm.compareConstant("a2", 0),
  ...asm.branchIf("equal", otherwise),
  ...asm.constant("a4", WORD_BYTES),
  ...asm.add("a1", "a4"),
];

/** Looks a2 up; a3 is its row then. */
const lookUp = (table: number, otherwise: string): Instruction[] => [
  ...loadWord("a3", table),
  ...asm.call("in table?"),
  ...asm.compareConstant("result", 0),
  ...asm.branchIf("equal", otherwise),
];

const ifKind = (kind: keyof typeof kinds, label: string): Instruction[] => [
  ...asm.compareConstant("a5", kinds[kind]),
  ...asm.branchIf("equal", label),
];

/** One byte of the text in a2. */
const firstByte = (to: "a3" | "a4"): Instruction[] => [
  ...asm.load(to, "a2", 0),
  ...asm.constant("scratch", 0xff),
  ...asm.and(to, "scratch"),
];

const ifByte = (register: "a3" | "a4", character: string, label: string): Instruction[] => [
  ...asm.compareConstant(register, byte(character)),
  ...asm.branchIf("equal", label),
];

function readFlags(not: string): Block[] {
  return [
    block(
      "command line",
      asm.load("a1", "header", words.stack),
      asm.constant("a4", 2 * WORD_BYTES), // argc and argv[0]
      asm.add("a1", "a4"),
    ),
    block(
      "a flag?",
      nextWord(not),
      lookUp(words.flagTable, "a verb?"),
      asm.load("a5", "a3", row.kind),
      nextWord(not),
      ifKind("hasValue", "a flag?"),
      ifKind("hasRoot", "root"),
      lookUp(words.formatTable, not),
      asm.jump("a flag?"),
    ),
    block(
      "root",
      firstByte("a3"),
      asm.compareConstant("a3", byte("/")),
      asm.branchIf("notEqual", not),
      storeWord("a2", words.root),
      asm.jump("a flag?"),
    ),
  ];
}

/** The word that is no flag; the tape will begin with what it stands for. */
function readVerb(not: string): Block[] {
  return [
    block(
      "a verb?",
      lookUp(words.verbTable, not),
      asm.load("a5", "a3", row.kind),
      asm.load("a3", "a3", row.value),
      loadWord("a2", words.commands),
      asm.store("a3", "a2", header.entry),
      nextWord(not),
      asm.compareConstant("a5", kinds.takesForce),
      asm.branchIf("notEqual", "id"),
      lookUp(words.forceTable, "id"),
      nextWord(not),
    ),
  ];
}

/** A name that leads nowhere but into the folder of all states: whatever else is wrong with it, no container is called so. */
function readId(not: string): Block[] {
  return [
    block("id", storeWord("a2", words.id), firstByte("a3"), ifByte("a3", "\0", not), ifByte("a3", "-", not), ifByte("a3", ".", not)),
    block(
      "byte of the id",
      firstByte("a3"),
      ifByte("a3", "\0", "end of the id"),
      ifByte("a3", "/", not),
      asm.constant("scratch", 1),
      asm.add("a2", "scratch"),
      asm.jump("byte of the id"),
    ),
    block(
      "end of the id",
      nextWord("obey"),
      asm.compareConstant("a5", kinds.takesSignal),
      asm.branchIf("notEqual", not),
      lookUp(words.signalTable, not),
      asm.load("a3", "a3", row.value),
      storeWord("a3", words.signal),
      nextWord("obey"),
      asm.jump(not),
    ),
    // A command that has been obeyed ends the process.
    block("obey", loadWord("a0", words.commands), asm.call(interpretLabel), asm.jump(not)),
  ];
}

/**
 * a2: a text, a3: a table. `result` is 0 when it is not in there; else a3 is its row. Eight bytes from any place of a text can be
 * read, since behind all texts of a command line the kernel puts the file's name and eight bytes more (fs/exec.c).
 */
function findInTable(): Block[] {
  return [
    block(
      "in table?",
      asm.load("result", "a3", row.mask),
      asm.compareConstant("result", 0),
      asm.branchIf("equal", "looked up"),
      asm.load("scratch", "a2", 0),
      asm.and("result", "scratch"),
      asm.load("scratch", "a3", row.first),
      asm.compare("result", "scratch"),
      asm.branchIf("notEqual", "next row"),
      asm.load("result", "a3", row.offset),
      asm.add("result", "a2"),
      asm.load("result", "result", 0),
      asm.load("scratch", "a3", row.lastMask),
      asm.and("result", "scratch"),
      asm.load("scratch", "a3", row.last),
      asm.compare("result", "scratch"),
      asm.branchIf("notEqual", "next row"),
      asm.constant("result", 1),
    ),
    block("looked up", [ret]),
    block("next row", asm.constant("scratch", row.bytes), asm.add("a3", "scratch"), asm.jump("in table?")),
  ];
}
