// The command lines that the front understands, and the machine code that reads them: `box [--root FOLDER] [--log FILE]
// [--log-format text|json] start|kill|delete ID`, with a signal for kill and --force for delete, and `exec [--process FILE]
// [--pid-file FILE] [--detach] ID [ARGUMENT…]`, as clients of runc call it. It only looks; whatever else a command line says is
// for the rest of box, which reads it from its beginning.

import { signals } from "../linux/signals.ts";
import { type Block, block, type Instruction } from "../stage/assembly.ts";
import { interpretLabel } from "../stage/program.ts";
import { x64 as asm, ret } from "../stage/x64.ts";
import { header } from "../tape/layout.ts";
import { FRONT_DATA_ADDRESS, RESTORE_ADDRESS, words } from "./layout.ts";

/** A row of a table: two times eight bytes of a text under a mask, the second ones from an offset on, and what it stands for. */
export const row = { mask: 0, first: 8, offset: 16, lastMask: 24, last: 32, value: 40, kind: 48, bytes: 56 } as const;

/** What comes behind a flag, or a command's id. */
export const kinds = {
  alone: 0,
  hasValue: 1,
  hasFormat: 2,
  hasRoot: 3,
  hasProcess: 4,
  hasPidFile: 5,
  takesForce: 6,
  takesSignal: 7,
  takesCommand: 8,
} as const;

/** `begins`: any text that begins so. */
type Row = { readonly text: string; readonly value?: number; readonly kind?: keyof typeof kinds; readonly begins?: true };

const flagRows: readonly Row[] = [
  { text: "--root", kind: "hasRoot" },
  { text: "--log", kind: "hasValue" },
  { text: "--log-format", kind: "hasFormat" },
];
const formatRows: readonly Row[] = [{ text: "json" }, { text: "text" }];
const execRows: readonly Row[] = [
  { text: "--process", kind: "hasProcess" },
  { text: "-p", kind: "hasProcess" },
  { text: "--pid-file", kind: "hasPidFile" },
  { text: "--detach", kind: "alone" },
  { text: "-d", kind: "alone" },
];
/** What exec asks of the environment: src/cli/launch-flags.ts, src/cli/leniency.ts. */
const environmentRows: readonly Row[] = ["LISTEN_F", "NOTIFY_S", "BOX_LENI"].map((text) => ({ text, begins: true }));
const forceRows: readonly Row[] = [{ text: "--force" }, { text: "-f" }];
const namedSignals = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGTERM", "SIGWINCH"] as const;
const signalRows: readonly Row[] = namedSignals.flatMap((name) => {
  const value = signals[name];
  return [name, name.slice("SIG".length), String(value)].map((text) => ({ text, value }));
});

/** Commands by name, with the address of the record that each begins with. */
export type Entries = Readonly<Record<"start" | "kill" | "delete" | "exec", number>>;

/** The tables as bytes, by the word that holds the address of each. */
export const commandTables = ({ start, kill, delete: remove, exec }: Entries) =>
  ({
    flagTable: encodeTable(flagRows),
    formatTable: encodeTable(formatRows),
    verbTable: encodeTable([
      { text: "start", value: start, kind: "alone" },
      { text: "kill", value: kill, kind: "takesSignal" },
      { text: "delete", value: remove, kind: "takesForce" },
      { text: "exec", value: exec, kind: "takesCommand" },
    ]),
    execTable: encodeTable(execRows),
    environmentTable: encodeTable(environmentRows),
    forceTable: encodeTable(forceRows),
    signalTable: encodeTable(signalRows),
  }) as const satisfies Partial<Record<keyof typeof words, Uint8Array>>;

/** A row of zeros ends it. */
function encodeTable(rows: readonly Row[]): Uint8Array {
  const bytes = new Uint8Array((rows.length + 1) * row.bytes);
  const view = new DataView(bytes.buffer);
  for (const [index, { text, value = 1, kind = "alone", begins = false }] of rows.entries()) {
    const at = index * row.bytes;
    const whole = new TextEncoder().encode(begins ? text : `${text}\0`);
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

/**
 * `not`: where it leads when this is no command line for the front, or its command has refused; `plain`: where it has begun with it,
 * which a process that is put in place of this one, and might have to begin again, would not know.
 */
export const readCommand = (not: string, plain: string): Block[] => [
  ...readFlags(not),
  ...readVerb(not),
  ...readExec(not),
  ...hidePidFile(not),
  ...readId(not),
  ...obey(not, plain),
  ...findInTable(),
];

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

/** One byte of a text. */
const byteAt = (from: "a2" | "a3", to: "a3" | "a4"): Instruction[] => [
  ...asm.load(to, from, 0),
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
      byteAt("a2", "a3"),
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
      ifKind("takesCommand", "a flag of exec?"),
      nextWord(not),
      asm.compareConstant("a5", kinds.takesForce),
      asm.branchIf("notEqual", "id"),
      lookUp(words.forceTable, "id"),
      nextWord(not),
      asm.jump("id"),
    ),
  ];
}

function readExec(not: string): Block[] {
  return [
    block(
      "a flag of exec?",
      nextWord(not),
      lookUp(words.execTable, "id of exec"),
      asm.load("a5", "a3", row.kind),
      ifKind("alone", "detach"),
      nextWord(not),
      ifKind("hasPidFile", "pid file"),
      storeWord("a2", words.process),
      asm.jump("a flag of exec?"),
    ),
    block("detach", asm.constant("a3", 1), storeWord("a3", words.isDetached), asm.jump("a flag of exec?")),
    block("id of exec", asm.constant("a5", kinds.takesCommand), asm.jump("id")),
  ];
}

/**
 * The name that the file for the pid has until it is whole (src/plan/box.ts, report): with a dot before its last part. a3 goes
 * through the text once to find that part, which begins at a5, and once to copy.
 */
function hidePidFile(not: string): Block[] {
  const one = asm.constant("scratch", 1);
  return [
    block("pid file", storeWord("a2", words.pidFile), asm.move("a3", "a2"), asm.move("a5", "a2")),
    block(
      "find its last part",
      byteAt("a3", "a4"),
      one,
      asm.add("a3", "scratch"),
      ifByte("a4", "\0", "copy it"),
      asm.compareConstant("a4", byte("/")),
      asm.branchIf("notEqual", "find its last part"),
      asm.move("a5", "a3"),
      asm.jump("find its last part"),
    ),
    block(
      "copy it",
      asm.subtract("a3", "a2"),
      asm.compareConstant("a3", HIDDEN_BYTES_MAX),
      asm.branchIf("atLeast", not),
      asm.move("a3", "a2"),
      loadWord("a0", words.hidden),
    ),
    block(
      "copy a byte",
      asm.compare("a3", "a5"),
      asm.branchIf("notEqual", "no dot"),
      asm.constant("a4", byte(".")),
      asm.store("a4", "a0", 0),
      one,
      asm.add("a0", "scratch"),
    ),
    block(
      "no dot",
      byteAt("a3", "a4"),
      // Its seven zeros are overwritten, or behind the end.
      asm.store("a4", "a0", 0),
      one,
      asm.add("a0", "scratch"),
      asm.add("a3", "scratch"),
      asm.compareConstant("a4", 0),
      asm.branchIf("notEqual", "copy a byte"),
      asm.jump("a flag of exec?"),
    ),
  ];
}

/** The longest path, PATH_MAX with its NUL; the room for it has a dot and eight bytes more. */
const HIDDEN_BYTES_MAX = 4095;
export const HIDDEN_BYTES = HIDDEN_BYTES_MAX + 1 + WORD_BYTES;

/** A name that leads nowhere but into the folder of all states: whatever else is wrong with it, no container is called so. */
function readId(not: string): Block[] {
  return [
    block("id", storeWord("a2", words.id), byteAt("a2", "a3"), ifByte("a3", "\0", not), ifByte("a3", "-", not), ifByte("a3", ".", not)),
    block(
      "byte of the id",
      byteAt("a2", "a3"),
      ifByte("a3", "\0", "end of the id"),
      ifByte("a3", "/", not),
      asm.constant("scratch", 1),
      asm.add("a2", "scratch"),
      asm.jump("byte of the id"),
    ),
    block(
      "end of the id",
      nextWord("obey?"),
      ifKind("takesCommand", "argument"),
      asm.compareConstant("a5", kinds.takesSignal),
      asm.branchIf("notEqual", not),
      lookUp(words.signalTable, not),
      asm.load("a3", "a3", row.value),
      storeWord("a3", words.signal),
      nextWord("obey"),
      asm.jump(not),
    ),
    block("argument", storeWord("a2", words.argument), asm.jump("obey?")),
  ];
}

/** A command that has been obeyed ends the process, but for exec, which goes on with a tape of its own. */
function obey(not: string, plain: string): Block[] {
  const ifZero = (label: string): Instruction[] => [...asm.compareConstant("result", 0), ...asm.branchIf("notEqual", label)];
  return [
    block(
      "obey?",
      asm.compareConstant("a5", kinds.takesCommand),
      asm.branchIf("notEqual", "obey"),
      asm.load("a1", "header", words.stack),
      asm.load("a3", "a1", WORD_BYTES),
      storeWord("a3", words.firstArgument),
      asm.load("a1", "header", words.environment),
      asm.load("a3", "a1", 0),
      storeWord("a3", words.firstVariable),
    ),
    block("its environment", nextWord("obey"), lookUp(words.environmentTable, "its environment"), asm.jump(not)),
    block(
      "obey",
      loadWord("a0", words.commands),
      asm.call(interpretLabel),
      ifZero("refused"),
      asm.constant("a0", RESTORE_ADDRESS),
      asm.call(interpretLabel),
      // It has refused.
      loadWord("a0", words.commands),
      loadWord("a1", words.end),
      asm.store("a1", "a0", header.entry),
      asm.call(interpretLabel),
    ),
    block(
      "refused",
      loadWord("a1", words.answer),
      asm.compareConstant("a1", -1),
      asm.branchIf("notEqual", plain),
      loadWord("a1", words.failure),
      asm.compareConstant("a1", 0),
      asm.branchIf("notEqual", plain),
      asm.jump(not),
    ),
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
