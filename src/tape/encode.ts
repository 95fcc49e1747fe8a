// Steps to bytes, in one walk. Structs and strings have fixed places before the records, so every address is known
// when it is written; a tape whose structs or strings outgrow their places is encoded once more with larger ones.
// Strings are gathered and written by one encodeInto (a tape has hundreds; one call costs what one string would).
//
//   region:  header | slots and buffers | structs and argv arrays | strings | records
//
// An error table becomes a few `compute` records after its step: compare the errno with each named one, and else
// compute it back into an error, which stops the tape and is blamed on the step.

import { BoxError } from "../errors.ts";
import { errno } from "../linux/errno.ts";
import { type FlagGroup, flags } from "../linux/flags.ts";
import { type StructName, structFields } from "../linux/structs.ts";
import { type ArgKind, type Machine, syscalls } from "../linux/syscalls.ts";
import { ERRNO_MAX, header, ON_ERROR_IGNORE, ON_ERROR_STOP, record, status, TAPE_BYTES_MAX } from "./layout.ts";
import type { Address, AnyArg, Buffer, Device, ErrorTable, Explanation, Slot, Step, Struct, Text, Variables } from "./step.ts";
import { structFlagGroup } from "./struct-flags.ts";

export type Encoded = {
  /** The tape region from its header on. */
  readonly image: Uint8Array;
  readonly lists: readonly (readonly Step[])[];
  /** The step that each record belongs to, in the order of records. */
  readonly owners: readonly Step[];
  readonly recordsAddress: number;
  /** Address of each list's first record, 0 for an empty list: the header's `entry` names one of them. */
  readonly entries: readonly number[];
  addressOf(of: Slot | Buffer): number;
};

export type Where = {
  readonly machine: Machine;
  /** Address of the tape region in the process that will run it, below 2 GiB: addresses are written as 32 bits. */
  readonly base: number;
  /** Address of the status region there, likewise. */
  readonly status: number;
};

export type EncodeOptions = {
  /** Which list runs when a step of another one fails unhandled, instead of stopping the tape. Comes before those. */
  readonly failureList?: number;
  /** Which lists run when a step with that `explain` fails unhandled. They come before the lists that name them. */
  readonly explanations?: { readonly [kind in Explanation]?: number };
  /**
   * Memory to encode into, all zero; the image is in it unless it was too small. JavaScript's own costs more: what is
   * allocated counts for when its collector starts threads.
   */
  readonly memory?: Uint32Array | undefined;
  /** Where there is less room for it than for the stage's. */
  readonly mostBytes?: number;
};

const TWO_32 = 4294967296;
const RECORD_WORDS = record.bytes >>> 2;
/** Records to make room for at first, for each step that is no alternative. */
const RECORDS_PER_STEP = 3;

/** Room in bytes for what stands before the records. */
type Room = { readonly structs: number; readonly strings: number; readonly exactLengths: boolean };
const usualRoom: Room = { structs: 0x1000, strings: 0x2000, exactLengths: false };

const bytesOf = (words: Uint32Array): Uint8Array => new Uint8Array(words.buffer, words.byteOffset, words.byteLength);

/** Words to be set to an address that is not known yet. */
type Patch = number[];

type State = {
  readonly where: Where;
  words: Uint32Array;
  readonly owners: Step[];
  readonly recordsOffset: number;
  readonly addresses: Map<object, number>;
  readonly labels: Map<string, number>;
  readonly jumps: { readonly word: number; readonly label: string }[];
  readonly strings: string[];
  readonly stringAddresses: Map<string, number>;
  readonly failures: { readonly [kind in Explanation]?: number };
  readonly exactLengths: boolean;
  depth: number; // of alternatives within alternatives
  structs: number; // next free byte for structs, as an offset
  texts: number; // next free byte for strings, as an offset
};

/**
 * Encodes one tape of one or several lists of steps, each of which can be entered and ends by itself. Throws a BoxError for
 * more steps than a tape holds, which a configuration may ask for, and a plain Error for what is wrong in itself (an unknown
 * label): a bug.
 */
export function encodeTape(lists: readonly (readonly Step[])[], variables: Variables, where: Where, options: EncodeOptions = {}): Encoded {
  let room = usualRoom;
  for (;;) {
    const done = encodeOnce(lists, variables, where, options, room);
    if (!("strings" in done)) return done;
    refuseTooLarge(done.structs + done.strings, options);
    room = done;
  }
}

function refuseTooLarge(bytes: number, { mostBytes = TAPE_BYTES_MAX }: EncodeOptions): void {
  if (bytes <= mostBytes) return;
  throw new BoxError({ what: `too much is asked for: the steps to do it take ${bytes} bytes, and there is room for ${mostBytes}` });
}

/** One try; gives back the room that it would have needed when it had too little. */
function encodeOnce(
  lists: readonly (readonly Step[])[],
  variables: Variables,
  where: Where,
  options: EncodeOptions,
  room: Room,
): Encoded | Room {
  let steps = 0;
  for (let index = 0; index < lists.length; index++) steps += (lists[index] as readonly Step[]).length;
  const structsOffset = (header.bytes + variables.privateBytes + 7) & ~7;
  const textsOffset = structsOffset + room.structs;
  const recordsOffset = textsOffset + room.strings;
  const state: State = {
    where,
    words: memoryFor(options.memory, (recordsOffset >>> 2) + (steps + 1) * RECORDS_PER_STEP * RECORD_WORDS, room),
    owners: [],
    recordsOffset,
    addresses: new Map(),
    labels: new Map(),
    jumps: [],
    strings: [],
    stringAddresses: new Map(),
    failures: {},
    exactLengths: room.exactLengths,
    depth: 0,
    structs: structsOffset,
    texts: textsOffset,
  };
  put(state.words, header.status, where.status);
  writeVariables(state, variables);
  const entries = writeLists(state, lists, options);
  put(state.words, header.entry, entries[0] ?? 0);
  resolveJumps(state);
  const structs = state.structs - structsOffset;
  const strings = (state.texts - textsOffset + 31) & ~31;
  if (structs > room.structs || strings > room.strings)
    return {
      structs: structs > room.structs ? structs : room.structs,
      strings: strings > room.strings ? strings : room.strings,
      exactLengths: room.exactLengths,
    };
  if (!writeStrings(state, textsOffset)) return { ...room, exactLengths: true };
  const bytes = recordsOffset + state.owners.length * record.bytes;
  refuseTooLarge(bytes, options);
  return {
    image: bytesOf(state.words).subarray(0, bytes),
    lists,
    owners: state.owners,
    recordsAddress: where.base + recordsOffset,
    entries,
    addressOf: (of) => addressOf(where, of),
  };
}

/** The memory that was given, for the first try: a second one would find what the first has written. */
const memoryFor = (given: Uint32Array | undefined, words: number, room: Room): Uint32Array =>
  given !== undefined && room === usualRoom && words <= given.length ? given : new Uint32Array(words);

/** Lists that others lead to on a failure are written first, so that their addresses are known. */
function writeLists(state: State, lists: readonly (readonly Step[])[], { failureList, explanations }: EncodeOptions): number[] {
  const entries: number[] = [];
  const write = (index: number, onFailure: number): number => {
    const steps = lists[index] as readonly Step[];
    const entry = steps.length === 0 ? 0 : nextAddress(state);
    entries[index] = entry;
    const end: Patch = [];
    writeSteps(state, steps, end, onFailure);
    endList(state, steps, end);
    return steps.length === 0 ? onFailure : entry;
  };
  const failure = failureList === undefined ? ON_ERROR_STOP : write(failureList, ON_ERROR_STOP);
  const failures: { [kind in Explanation]?: number } = state.failures;
  if (explanations !== undefined) {
    if (explanations.context !== undefined) failures.context = write(explanations.context, failure);
    if (explanations.program !== undefined) failures.program = write(explanations.program, failure);
    if (explanations.start !== undefined) failures.start = write(explanations.start, failure);
  }
  for (let index = 0; index < lists.length; index++) if (entries[index] === undefined) write(index, failure);
  return entries;
}

/** Only `next` can end a tape by itself: a match without a target is none, an error without one stops with that error. */
function endList(state: State, steps: readonly Step[], end: Patch): void {
  const first = state.recordsOffset >>> 2;
  let byNext = true;
  for (const word of end) if ((word - first) % RECORD_WORDS !== NEXT) byNext = false;
  if (byNext) return;
  resolve(state, end, nextAddress(state));
  const at = newRecord(state, steps[steps.length - 1] as Step);
  state.words[at] = -1;
}

function put(words: Uint32Array, byte: number, value: number): void {
  const at = byte >>> 2;
  words[at] = value;
  if (value < 0 || value >= TWO_32) putHigh(words, at, value);
}

function putHigh(words: Uint32Array, at: number, value: number): void {
  // JSON's 18446744073709551615, "no limit", is 2^64 as a double, of which 64 bits would keep nothing.
  if (value >= 2 ** 64) words[at] = TWO_32 - 1;
  words[at + 1] = value >= 2 ** 64 ? TWO_32 - 1 : (value - (value >>> 0)) / TWO_32;
}

const addressOf = (where: Where, of: Slot | Buffer): number =>
  of.shared ? where.status + status.bytes + of.place : where.base + header.bytes + of.place;

function writeVariables(state: State, variables: Variables): void {
  const base = state.where.base;
  for (const slot of variables.slots) {
    // -1: a slot that was never written is no file descriptor (0 would be stdin, -100 AT_FDCWD).
    if (!slot.shared) put(state.words, addressOf(state.where, slot) - base, -1);
  }
  for (const buffer of variables.buffers) {
    if (buffer.initial === undefined || buffer.shared) continue;
    const at = addressOf(state.where, buffer) - base;
    if (buffer.initial instanceof Uint8Array) bytesOf(state.words).set(buffer.initial, at);
    else writeStruct(state, buffer.initial, at);
  }
}

const nextAddress = (state: State): number => state.where.base + state.recordsOffset + state.owners.length * record.bytes;

/** A new record of `owner`; returns its first word. */
function newRecord(state: State, owner: Step): number {
  const at = (state.recordsOffset >>> 2) + state.owners.length * RECORD_WORDS;
  state.owners.push(owner);
  if (at + RECORD_WORDS > state.words.length) {
    const larger = new Uint32Array(state.words.length * 2);
    larger.set(state.words);
    state.words = larger;
  }
  return at;
}

function resolve(state: State, patch: Patch, address: number): void {
  for (let index = 0; index < patch.length; index++) state.words[patch[index] as number] = address;
}

/** Writes `steps`; the places that lead to what comes after the last one are added to `end`. 0 there ends the tape. */
function writeSteps(state: State, steps: readonly Step[], end: Patch, onFailure: number): void {
  const last = steps.length - 1;
  for (let index = 0; index < last; index++) {
    const one = steps[index] as Step;
    const at = newRecord(state, one);
    writeCall(state, one, at);
    const { onError } = one;
    const plain = onError === undefined || onError === "ignore" || onError === "stop";
    if (plain && one.ok === undefined && one.equal === undefined && one.expect === undefined && one.goto === undefined) {
      // Most steps; the general way below would come to the same, slower.
      const failure = one.explain === undefined ? onFailure : (state.failures[one.explain] ?? onFailure);
      state.words[at + ON_ERROR] = onError === "ignore" ? ON_ERROR_IGNORE : failure;
      state.words[at + NEXT] = state.where.base + at * 4 + record.bytes;
      continue;
    }
    const after: Patch = [];
    writeBranches(state, one, at, after, onFailure);
    resolve(state, after, nextAddress(state));
  }
  if (last >= 0) {
    const one = steps[last] as Step;
    const at = newRecord(state, one);
    writeCall(state, one, at);
    writeBranches(state, one, at, end, onFailure);
  }
}

/** The word `from` is to lead into `steps`, or past them when there are none. */
function lead(state: State, from: number, steps: readonly Step[], end: Patch, onFailure: number): void {
  if (steps.length === 0) {
    end.push(from);
    return;
  }
  state.words[from] = nextAddress(state);
  writeSteps(state, steps, end, onFailure);
}

const NEXT = record.next >>> 2;
const OUT = record.out >>> 2;
const MASK = record.mask >>> 2;
const ON_ERROR = record.onError >>> 2;
const MATCH_TARGET = record.matchTarget >>> 2;

/** What hangs on the step whose record is at `at`. `onFailure`: where a failure that nothing handles goes (0: stop). */
function writeBranches(state: State, one: Step, at: number, end: Patch, onFailure: number): void {
  const failure = one.explain === undefined ? onFailure : (state.failures[one.explain] ?? onFailure);
  writeNext(state, one, at, end, failure, onFailure);
  if (one.equal !== undefined) {
    const { value, steps, onFailure: ending } = one.equal;
    put(state.words, at * 4 + record.matchValue, value);
    const special = ending !== undefined && ending.length > 0 ? nextAddress(state) : undefined;
    if (special !== undefined) writeSteps(state, ending as readonly Step[], end, onFailure);
    lead(state, at + MATCH_TARGET, steps, end, special ?? onFailure);
  }
  const on = one.onError;
  if (on === "ignore") ignoreError(state, one, at, end);
  else if (on === undefined || on === "stop") state.words[at + ON_ERROR] = failure;
  else {
    state.words[at + ON_ERROR] = nextAddress(state);
    writeErrorTable(state, one, at, end, failure, onFailure);
  }
}

function setLabel(state: State, label: string, address: number): void {
  if (state.labels.has(label)) throw new Error(`tape: two steps have the label ${label}`);
  state.labels.set(label, address);
}

/** On past the step; what runs or is expected only after success lies where `next` leads, so that is no way then. */
function ignoreError(state: State, one: Step, at: number, end: Patch): void {
  if (one.ok === undefined && one.expect === undefined) state.words[at + ON_ERROR] = ON_ERROR_IGNORE;
  else if (one.goto === undefined) end.push(at + ON_ERROR);
  else state.jumps.push({ word: at + ON_ERROR, label: one.goto });
}

/**
 * Where a step goes on when its call succeeded: into `ok`, to a label, past an expectation, or simply on. `failure` is
 * where its own failure leads, `onFailure` where that of other steps does.
 */
function writeNext(state: State, one: Step, at: number, end: Patch, failure: number, onFailure: number): void {
  let from = at + NEXT;
  if (one.expect !== undefined) {
    if (one.equal !== undefined) throw new Error("tape: a step has both expect and equal");
    put(state.words, at * 4 + record.matchValue, one.expect.value);
    state.words[from] = nextAddress(state);
    // Anything else is an error of this step: EPERM, the first.
    writeRefusal(state, one, failure);
    from = at + MATCH_TARGET;
  }
  if (one.goto !== undefined) {
    if (one.ok !== undefined && one.ok.length > 0) throw new Error("tape: a step has both ok and goto");
    state.jumps.push({ word: from, label: one.goto });
  } else if (one.ok !== undefined) lead(state, from, one.ok, end, onFailure);
  else end.push(from);
}

/** A record that always fails with EPERM, the first errno. */
function writeRefusal(state: State, owner: Step, onFailure: number): void {
  const at = newRecord(state, owner);
  const { words } = state;
  words[at] = -1;
  words[at + ARG_2] = 1;
  words[at + ARG_3] = ALL_BITS;
  words[at + ARG_3 + 1] = ALL_BITS;
  words[at + ON_ERROR] = onFailure;
}

/** The records after a step with an error table: one comparison each, then the errno is given back. */
function writeErrorTable(state: State, one: Step, at: number, end: Patch, failure: number, onFailure: number): void {
  const table = one.onError as ErrorTable;
  const last = state.where.base + header.lastErrno;
  const saved = state.where.base + header.saved + state.depth * 8;
  if (header.saved + state.depth * 8 >= header.bytes) throw new Error("tape: alternatives are nested too deeply");
  const first = state.owners.length;
  let keeps = false;
  for (let index = 0; index < table.length; index++) {
    const entry = table[index] as ErrorTable[number];
    if (entry[2] !== undefined) keeps = true;
    const compared = writeErrno(state, one, last, false, ERRNO_MAX);
    state.words[compared + MATCH_VALUE] = errno[entry[0]];
  }
  const wordOf = (index: number): number => (state.recordsOffset >>> 2) + index * RECORD_WORDS;
  if (keeps) state.words[wordOf(first) + OUT] = saved;
  // The errno again: for a fallback that failed too the first one, which was kept. lastErrno is negative, that is not.
  const rethrow = nextAddress(state);
  const given = writeErrno(state, one, keeps ? saved : last, !keeps, -1);
  state.words[given + ON_ERROR] = failure;
  state.depth += 1;
  for (let index = 0; index < table.length; index++) {
    const entry = table[index] as ErrorTable[number];
    const word = wordOf(first + index) + MATCH_TARGET;
    if (entry[1] === "again") state.words[word] = state.where.base + at * 4;
    else lead(state, word, entry[1], end, entry[2] === undefined ? onFailure : rethrow);
  }
  state.depth -= 1;
}

const ARG_0 = record.args >>> 2;
const ARG_2 = (record.args + 16) >>> 2;
const ARG_3 = (record.args + 24) >>> 2;
const MATCH_VALUE = record.matchValue >>> 2;
const ALL_BITS = 0xffff_ffff;
/** Minus 100 as the low half of 64 bits (include/uapi/linux/fcntl.h). */
const AT_FDCWD = 0xffff_ff9c;

/** The record `-(what is at `slot`) & mask`, or with `plus` `(what is at slot) & mask`, then on. Returns its first word. */
function writeErrno(state: State, owner: Step, slot: number, plus: boolean, mask: number): number {
  const at = newRecord(state, owner);
  const { words } = state;
  words[at] = -1;
  words[at + MASK] = plus ? 1 : 4;
  words[at + (plus ? ARG_0 : ARG_2)] = slot;
  words[at + ARG_3] = mask;
  if (mask < 0) words[at + ARG_3 + 1] = ALL_BITS;
  words[at + NEXT] = state.where.base + at * 4 + record.bytes;
  return at;
}

function writeCall(state: State, one: Step, at: number): void {
  const { where, words } = state;
  if (one.label !== undefined) setLabel(state, one.label, where.base + at * 4);
  const row = one.call === "compute" ? undefined : syscalls[one.call];
  words[at] = row === undefined ? -1 : where.machine === "x64" ? row.x64 : row.arm64;
  const { args, out } = one;
  let mask = 0;
  let word = at + ARG_0;
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] as AnyArg;
    if (typeof arg === "number") {
      words[word] = arg;
      if (arg < 0) words[word + 1] = arg < -TWO_32 ? (arg - (arg >>> 0)) / TWO_32 : ALL_BITS;
      else if (arg > ALL_BITS) putHigh(words, word, arg);
    } else if (typeof arg === "string") {
      // In the order of how often they occur, and slots last but one: looking for `slot` in another kind of object is slow.
      if (arg !== "AT_FDCWD" || row?.args[index] !== "fd") words[word] = textAddress(state, arg);
      else {
        words[word] = AT_FDCWD;
        words[word + 1] = ALL_BITS;
      }
    } else if (Array.isArray(arg)) {
      const kind = (row as { readonly args: readonly ArgKind[] }).args[index] as ArgKind;
      if (kind === "argv") words[word] = argvAddress(state, arg as readonly string[]);
      else put(words, word * 4, flagsValue(where.machine, tableOf(kind), arg as readonly string[]));
    } else if (arg !== null) {
      if ((arg as Slot).slot !== undefined) {
        mask |= 1 << index;
        words[word] = addressOf(where, arg as Slot);
      } else put(words, word * 4, argValue(state, arg as StructArg));
    }
    word += 2;
  }
  if (mask !== 0) words[at + MASK] = mask;
  if (out !== undefined) words[at + OUT] = addressOf(where, out);
}

type StructArg = Struct | Address | Device | Text | Uint8Array;

function argValue(state: State, arg: StructArg): number {
  if ("struct" in arg) return structAddress(state, arg);
  if ("address" in arg) return addressOf(state.where, arg.address) + arg.offset;
  if ("major" in arg) return makedev(arg);
  if ("text" in arg) return textAddress(state, arg.text);
  return bytesAddress(state, arg);
}

type FlagTable = Readonly<Record<string, number | { readonly x64: number; readonly arm64: number }>>;
const tables: Record<string, FlagTable> = {};

/** The table that a `flags:…` argument takes its names from. */
function tableOf(kind: ArgKind): FlagTable {
  const known = tables[kind];
  if (known !== undefined) return known;
  const table = flags[kind.slice(6) as FlagGroup] as FlagTable;
  tables[kind] = table;
  return table;
}

/** Added, not or-ed: flags above bit 31 would be lost; names of one argument never share bits. */
function flagsValue(machine: Machine, table: FlagTable, names: readonly string[]): number {
  let sum = 0;
  for (let index = 0; index < names.length; index++) {
    const value = table[names[index] as string];
    if (value === undefined) throw new Error(`tape: there is no flag ${names[index]} here`);
    sum += typeof value === "number" ? value : value[machine];
  }
  return sum;
}

/** makedev(3): the kernel's encoding of a device number in 64 bits, of which mknod takes the low 32. */
const makedev = ({ major, minor }: Device): number => ((minor & 0xff) | ((major & 0xfff) << 8)) + (minor >>> 8) * 0x10_0000;

function textAddress(state: State, text: string): number {
  const known = state.stringAddresses.get(text);
  if (known !== undefined) return known;
  const address = state.where.base + state.texts;
  state.stringAddresses.set(text, address);
  state.strings.push(text);
  state.texts += 1 + (state.exactLengths ? new TextEncoder().encode(text).length : text.length);
  return address;
}

/** Room for `bytes` in the structs' place, as an offset; too little is noticed at the end, writing there is harmless. */
function takeStruct(state: State, bytes: number): number {
  const at = state.structs;
  state.structs += (bytes + 7) & ~7;
  return state.structs <= state.recordsOffset ? at : header.bytes;
}

function structAddress(state: State, value: Struct): number {
  const known = state.addresses.get(value);
  if (known !== undefined) return known;
  const at = takeStruct(state, structFields[value.struct].bytes);
  state.addresses.set(value, state.where.base + at);
  writeStruct(state, value, at);
  return state.where.base + at;
}

function bytesAddress(state: State, bytes: Uint8Array): number {
  const at = takeStruct(state, bytes.length);
  if (state.structs <= state.recordsOffset) bytesOf(state.words).set(bytes, at);
  return state.where.base + at;
}

function argvAddress(state: State, list: readonly string[]): number {
  const known = state.addresses.get(list);
  if (known !== undefined) return known;
  const at = takeStruct(state, list.length * 8 + 8);
  const fits = state.structs <= state.recordsOffset;
  for (let index = 0; index < list.length; index++) {
    const address = textAddress(state, list[index] as string);
    if (fits) put(state.words, at + index * 8, address);
  }
  state.addresses.set(list, state.where.base + at);
  return state.where.base + at;
}

function writeStruct(state: State, value: Struct, at: number): void {
  const { machine } = state.where;
  const layout = structFields[value.struct];
  for (const name in value) {
    if (name === "struct") continue;
    const field = layout.fields[name];
    if (field === undefined) throw new Error(`tape: struct ${value.struct} has no field ${name}`);
    const where = at + (typeof field.offset === "number" ? field.offset : field.offset[machine]);
    writeField(state, where, field.bytes, fieldValue(state, value.struct, name, value[name]));
  }
}

function fieldValue(state: State, struct: StructName, name: string, value: Struct[string] | undefined): number | bigint {
  if (typeof value === "number" || typeof value === "bigint") return value;
  if (Array.isArray(value))
    return flagsValue(state.where.machine, flags[structFlagGroup(struct, name)] as FlagTable, value as readonly string[]);
  if (typeof value === "object" && "text" in value) return textAddress(state, (value as Text).text);
  return addressOf(state.where, value as unknown as Slot | Buffer);
}

/** Little-endian, at any alignment: packed structs exist (x86's epoll_event). */
function writeField(state: State, at: number, bytes: number, value: number | bigint): void {
  if (typeof value === "number" && (at & 3) === 0 && (bytes === 4 || bytes === 8)) {
    if (bytes === 8) put(state.words, at, value);
    else state.words[at >>> 2] = value;
    return;
  }
  const out = bytesOf(state.words);
  let rest = BigInt.asUintN(64, BigInt(value));
  for (let index = 0; index < bytes; index++) {
    out[at + index] = Number(rest & 0xffn);
    rest >>= 8n;
  }
}

function resolveJumps(state: State): void {
  for (const { word, label } of state.jumps) {
    const target = state.labels.get(label);
    if (target === undefined) throw new Error(`tape: no step has the label ${label}`);
    state.words[word] = target;
  }
}

/** Writes the strings in their place; false when some string is not ASCII and lengths must be counted exactly. */
function writeStrings(state: State, textsOffset: number): boolean {
  const all = state.strings.join("\0");
  const place = bytesOf(state.words).subarray(textsOffset, state.recordsOffset);
  const { written, read } = new TextEncoder().encodeInto(all, place);
  return state.exactLengths || (written === read && read === all.length);
}
