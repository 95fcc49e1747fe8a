// Builds the front: code, words and tapes as two segments for box's executable. Runs when box is built, and in tests.

import { assemble, type Row } from "../stage/assembly.ts";
import { encodeTape } from "../tape/encode.ts";
import { newVariables } from "../tape/step.ts";
import { bootSteps } from "./boot.ts";
import { interpreterSteps } from "./interpreter.ts";
import { FRONT_CODE_ADDRESS, FRONT_DATA_ADDRESS, NAME_BYTES, startName, words } from "./layout.ts";
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
  const headersAt = (words.bytes + tape.image.length + 7) & ~7;
  const table = headers(FRONT_DATA_ADDRESS + headersAt);
  const data = new Uint8Array(headersAt + table.length);
  data.set(tape.image, words.bytes);
  data.set(table, headersAt);
  const view = new DataView(data.buffer);
  const put = (word: number, value: number): void => view.setBigUint64(word, BigInt(value), true);
  put(words.plain, tape.entries[1] as number);
  data.set(new TextEncoder().encode(startName(build)).subarray(0, NAME_BYTES - 1), words.name);
  // No file yet; 0 would be stdin.
  view.setBigInt64(words.file, -1n, true);
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
