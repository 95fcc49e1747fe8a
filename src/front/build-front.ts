// Builds the front: code, words and tapes as two segments for box's executable. Runs when box is built, and in tests.

import { signals } from "../linux/signals.ts";
import { assemble, type Row } from "../stage/assembly.ts";
import { encodeTape } from "../tape/encode.ts";
import { newVariables } from "../tape/step.ts";
import { bootSteps } from "./boot.ts";
import { commandTables, type Entries, HIDDEN_BYTES } from "./command-line.ts";
import { commandSteps } from "./commands.ts";
import { interpreterSteps } from "./interpreter.ts";
import { FRONT_CODE_ADDRESS, FRONT_DATA_ADDRESS, KEPT_STATE_ROOT, NAME_BYTES, startName, words } from "./layout.ts";
import { frontLabel, frontProgram, markLabel, resumeLabel } from "./program.ts";

/** What the front has to know of the executable that it is put in front of. */
export type Fronted = {
  /** The dynamic linker that its PT_INTERP names. */
  readonly interpreter: string;
  readonly entry: number;
  /** Its number, in hexadecimal: what has the same is the same. */
  readonly build: string;
  /** Its program headers as they were; the first of them, PT_PHDR, says where they are found. */
  readonly headers: (address: number) => Uint8Array;
};

export type Front = {
  readonly code: Uint8Array;
  readonly data: Uint8Array;
  readonly entry: number;
};

export function buildFront({ interpreter, entry, build, headers }: Fronted): Front {
  const rows = listFront();
  const tape = encodeFrontTape(interpreter, startName(build));
  const commandsAt = aligned(words.bytes + tape.image.length);
  const commands = encodeCommands(FRONT_DATA_ADDRESS + commandsAt);
  const headersAt = aligned(commandsAt + commands.image.length);
  const table = headers(FRONT_DATA_ADDRESS + headersAt);
  const textsAt = aligned(headersAt + table.length);
  const texts = encodeTexts(textsAt, commands.entries);
  const data = new Uint8Array(texts.end);
  data.set(tape.image, words.bytes);
  data.set(commands.image, commandsAt);
  data.set(table, headersAt);
  const view = new DataView(data.buffer);
  const put = (word: number, value: number): void => view.setBigUint64(word, BigInt(value), true);
  for (const { word, at, bytes } of texts.parts) {
    data.set(bytes, at);
    put(word, FRONT_DATA_ADDRESS + at);
  }
  put(words.commands, FRONT_DATA_ADDRESS + commandsAt);
  put(words.end, commands.end);
  put(words.signal, signals.SIGTERM);
  put(words.plain, tape.entries[1] as number);
  data.set(new TextEncoder().encode(startName(build)).subarray(0, NAME_BYTES - 1), words.name);
  // No file yet; 0 would be stdin.
  for (const word of [words.file, words.answer, words.init, words.folder]) view.setBigInt64(word, -1n, true);
  put(words.entry, entry);
  put(words.headers, FRONT_DATA_ADDRESS + headersAt);
  return { code: Uint8Array.from(rows.flatMap(({ bytes }) => bytes)), data, entry: addressOf(rows, frontLabel) };
}

/** Two lists: is there a kept start, and the plain start. */
function encodeFrontTape(interpreter: string, start: string): ReturnType<typeof encodeTape> {
  const base = FRONT_DATA_ADDRESS + words.bytes;
  const variables = newVariables();
  const { look, giveUp } = bootSteps(start, variables, base);
  const lists = [look, interpreterSteps(interpreter, variables, base), giveUp];
  return encodeTape(lists, variables, { machine: "x64", base, status: FRONT_DATA_ADDRESS + words.status }, { failureList: 2 });
}

const aligned = (offset: number): number => (offset + 7) & ~7;

/** A list for each command that the front does alone; `base`: where the tape begins. */
function encodeCommands(base: number): { readonly image: Uint8Array; readonly entries: Entries; readonly end: number } {
  const variables = newVariables();
  const { start, kill, delete: remove, exec, end, giveUp } = commandSteps(variables, base);
  const where = { machine: "x64", base, status: FRONT_DATA_ADDRESS + words.status } as const;
  const lists = [start, kill, remove, exec, end, giveUp];
  const { image, entries } = encodeTape(lists, variables, where, { failureList: lists.length - 1 });
  const [ofStart, ofKill, ofDelete, ofExec, ofEnd] = entries as [number, number, number, number, number];
  return { image, entries: { start: ofStart, kill: ofKill, delete: ofDelete, exec: ofExec }, end: ofEnd };
}

type Part = { readonly word: number; readonly at: number; readonly bytes: Uint8Array };

/** What words have the address of: tables, the folder of all states where nobody names another, and room for a name. */
function encodeTexts(from: number, entries: Entries): { readonly parts: readonly Part[]; readonly end: number } {
  const all = { ...commandTables(entries), root: new TextEncoder().encode(`${KEPT_STATE_ROOT}\0`), hidden: new Uint8Array(HIDDEN_BYTES) };
  const parts: Part[] = [];
  let at = from;
  for (const [name, bytes] of Object.entries(all)) {
    parts.push({ word: words[name as keyof typeof all], at, bytes });
    at = aligned(at + bytes.length);
  }
  return { parts, end: at };
}

/** Every instruction, by offset in the code. */
export const listFront = (): Row[] => assemble(frontProgram(), 0);

function addressOf(rows: readonly Row[], label: string): number {
  const row = rows.find((each) => each.label === label);
  if (row === undefined) throw new Error(`the front has no ${label}`);
  return FRONT_CODE_ADDRESS + row.offset;
}

/** Where box's own code finds `mark` and what begins after it (program.ts). */
export const frontAddresses = (): { readonly mark: number; readonly resume: number } => {
  const rows = listFront();
  return { mark: addressOf(rows, markLabel), resume: addressOf(rows, resumeLabel) };
};
