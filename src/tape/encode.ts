// Steps to bytes. A first walk counts records, so that every address is known; a second writes them. Strings are
// gathered and written by one encodeInto (a tape has hundreds; one call costs what one string would).
//
//   region:  header | slots and buffers | records | structs and argv arrays | strings
//
// An error table becomes a few `compute` records after its step: save the errno, compare it with each named one, and
// else compute it back into an error, which stops the tape and is blamed on the step.

import { errno } from "../linux/errno.ts";
import { type FlagGroup, flagValue } from "../linux/flags.ts";
import { type StructName, structFields } from "../linux/structs.ts";
import { type ArgKind, type Machine, syscalls } from "../linux/syscalls.ts";
import { ERRNO_MAX, header, ON_ERROR_IGNORE, ON_ERROR_STOP, record, status } from "./layout.ts";
import type { Address, AnyArg, Buffer, Device, ErrorTable, Slot, Step, Struct, Text, Variables } from "./step.ts";
import { structFlagGroup } from "./struct-flags.ts";

export type Encoded = {
  /** The tape region from its header on. */
  readonly image: Uint8Array;
  /** The step that each record belongs to, in the order of records. */
  readonly owners: readonly Step[];
  readonly recordsAddress: number;
  /** Address of each list's first record: the header's `entry` names one of them. */
  readonly entries: readonly number[];
  addressOf(of: Slot | Buffer): number;
};

export type Where = {
  readonly machine: Machine;
  /** Address of the tape region in the process that will run it. */
  readonly base: number;
  /** Address of the status region there. */
  readonly status: number;
};

/** `failureList`: which list runs when a step of another one fails unhandled, instead of stopping the tape. */
export type EncodeOptions = { readonly failureList?: number };

const TWO_32 = 4294967296;

/** Errnos saved by error tables, one slot for each level of nesting, before the plan's own variables. */
const SAVED_BYTES = 64;
function savedErrno(state: State): number {
  if (state.depth * 8 >= SAVED_BYTES) throw new Error("tape: alternatives are nested too deeply");
  return state.where.base + header.bytes + state.depth * 8;
}

const none: readonly Step[] = [];

/** Records that a list of steps takes. */
function countRecords(steps: readonly Step[]): number {
  let count = 0;
  for (const one of steps) {
    count += 1;
    if (one.ok !== undefined) count += countRecords(one.ok);
    if (one.equal !== undefined) count += countRecords(one.equal.steps) + countRecords(one.equal.onFailure ?? none);
    if (one.expect !== undefined) count += 1;
    if (one.explain !== undefined) count += 2 + countRecords(one.explain);
    const on = one.onError;
    if (on !== undefined && typeof on !== "string") {
      count += 2;
      for (const [, alternative] of on) count += 1 + countRecords(alternative);
    }
  }
  return count;
}

type State = {
  readonly where: Where;
  readonly words: Uint32Array;
  readonly owners: Step[];
  readonly recordsAddress: number;
  readonly structAddress: Map<object, number>;
  readonly labels: Map<string, number>;
  readonly jumps: { readonly word: number; readonly label: string }[];
  readonly strings: string[];
  readonly stringAddress: Map<string, number>;
  depth: number; // of alternatives within alternatives
  data: number; // next free byte of the region for structs, as an offset
  texts: number; // next free byte of the strings, as an address
  exactLengths: boolean;
};

/**
 * Encodes one tape of one or several lists of steps, each of which can be entered and ends by itself. Throws a plain Error for a plan that is wrong in itself (an unknown label, a tape too large): a bug.
 */
export function encodeTape(
  lists: readonly (readonly Step[])[],
  variables: Variables,
  where: Where,
  options: EncodeOptions = {},
): Encoded {
  const encoded = encodeOnce(lists, variables, where, options, false);
  return encoded ?? (encodeOnce(lists, variables, where, options, true) as Encoded);
}

function encodeOnce(
  lists: readonly (readonly Step[])[],
  variables: Variables,
  where: Where,
  options: EncodeOptions,
  exactLengths: boolean,
): Encoded | undefined {
  let recordCount = 0;
  let dataBytes = 0;
  for (const steps of lists) {
    recordCount += countRecords(steps);
    dataBytes += dataBytesNeeded(steps);
  }
  const recordsOffset = (header.bytes + SAVED_BYTES + variables.privateBytes + 31) & ~31;
  const dataOffset = recordsOffset + recordCount * record.bytes;
  const textsOffset = dataOffset + dataBytes;
  const words = new Uint32Array((textsOffset >>> 2) + 1);
  const state: State = {
    where,
    words,
    owners: [],
    recordsAddress: where.base + recordsOffset,
    structAddress: new Map(),
    labels: new Map(),
    jumps: [],
    strings: [],
    stringAddress: new Map(),
    depth: 0,
    data: dataOffset,
    texts: where.base + textsOffset,
    exactLengths,
  };
  put(words, header.status, where.status);
  put(words, header.entry, state.recordsAddress);
  writeVariables(state, variables);
  const entries: number[] = [];
  const { failureList } = options;
  let failure = ON_ERROR_STOP;
  if (failureList !== undefined)
    failure = state.recordsAddress + record.bytes * lists.slice(0, failureList).reduce((sum, steps) => sum + countRecords(steps), 0);
  for (const [index, steps] of lists.entries())
    entries.push(writeSteps(state, steps, 0, index === failureList ? ON_ERROR_STOP : failure));
  resolveJumps(state);
  if (state.data > textsOffset) throw new Error(`tape: ${state.data - dataOffset} bytes of structs, ${dataBytes} counted`);
  const image = writeStrings(state, textsOffset);
  if (image === undefined) return undefined;
  const { owners, recordsAddress } = state;
  return { image, owners, recordsAddress, entries, addressOf: (of) => addressOf(where, of) };
}

/** Structs and argv arrays in steps, as an upper bound in bytes. */
function dataBytesNeeded(steps: readonly Step[]): number {
  let bytes = 0;
  for (const one of steps) {
    for (const arg of one.args) {
      if (typeof arg !== "object" || arg === null) continue;
      if ("struct" in arg) bytes += (structFields[arg.struct].bytes + 7) & ~7;
      else if (arg instanceof Uint8Array) bytes += (arg.length + 7) & ~7;
      else if (Array.isArray(arg)) bytes += arg.length * 8 + 8;
    }
    if (one.ok !== undefined) bytes += dataBytesNeeded(one.ok);
    if (one.equal !== undefined) bytes += dataBytesNeeded(one.equal.steps) + dataBytesNeeded(one.equal.onFailure ?? none);
    if (one.explain !== undefined) bytes += dataBytesNeeded(one.explain);
    if (one.onError !== undefined && typeof one.onError !== "string")
      for (const [, alternative] of one.onError) bytes += dataBytesNeeded(alternative);
  }
  return bytes;
}

function put(words: Uint32Array, byte: number, value: number): void {
  const at = byte >>> 2;
  words[at] = value;
  words[at + 1] = value >= 0 && value < TWO_32 ? 0 : Math.floor(value / TWO_32);
}

const addressOf = (where: Where, of: Slot | Buffer): number =>
  of.shared ? where.status + status.bytes + of.place : where.base + header.bytes + SAVED_BYTES + of.place;

function writeVariables(state: State, variables: Variables): void {
  const base = state.where.base;
  for (const slot of variables.slots) {
    // -1: a slot that was never written is no file descriptor (0 would be stdin, -100 AT_FDCWD).
    if (!slot.shared) put(state.words, addressOf(state.where, slot) - base, -1);
  }
  for (const buffer of variables.buffers) {
    if (buffer.initial === undefined || buffer.shared) continue;
    const at = addressOf(state.where, buffer) - base;
    if (buffer.initial instanceof Uint8Array) new Uint8Array(state.words.buffer).set(buffer.initial, at);
    else writeStruct(state, buffer.initial, at);
  }
}

/** Writes `steps`; the last of them goes on at record `after` (0: the tape ends). Returns the first one's address. */
function writeSteps(state: State, steps: readonly Step[], after: number, onFailure: number): number {
  const first = nextAddress(state);
  const last = steps.length - 1;
  for (let index = 0; index <= last; index++) writeStep(state, steps[index] as Step, index === last ? after : -1, onFailure);
  return steps.length === 0 ? after : first;
}

const nextAddress = (state: State): number => state.recordsAddress + state.owners.length * record.bytes;

/**
 * One step and what hangs on it. `after`: the address to go on with, -1: whatever record follows all of these.
 * `onFailure`: where a failure that nothing handles goes (0: stop).
 */
function writeStep(state: State, one: Step, after: number, onFailure: number): void {
  const own = nextAddress(state);
  if (one.label !== undefined) state.labels.set(one.label, own);
  const end = after === -1 ? own + countRecords([one]) * record.bytes : after;
  const byte = own - state.where.base;
  const { words } = state;
  state.owners.push(one);
  writeCall(state, one, byte >>> 2);
  writeNext(state, one, byte, end, onFailure);
  if (one.equal !== undefined) {
    put(words, byte + record.matchValue, one.equal.value);
    const failure = nextAddress(state);
    const ending = one.equal.onFailure ?? none;
    if (ending.length > 0) writeSteps(state, ending, end, onFailure);
    put(words, byte + record.matchTarget, nextAddress(state));
    writeSteps(state, one.equal.steps, end, ending.length > 0 ? failure : onFailure);
  }
  const failure = one.explain === undefined ? onFailure : writeExplain(state, one, one.explain, onFailure);
  const on = one.onError;
  if (on === "ignore") put(words, byte + record.onError, ON_ERROR_IGNORE);
  else if (on === undefined || on === "stop") put(words, byte + record.onError, failure);
  else {
    put(words, byte + record.onError, nextAddress(state));
    writeErrorTable(state, one, on, end, failure);
  }
}

/** Where a step goes on when its call succeeded: into `ok`, to a label, past an expectation, or simply on. */
function writeNext(state: State, one: Step, byte: number, end: number, onFailure: number): void {
  const { words } = state;
  let from = byte + record.next;
  if (one.expect !== undefined) {
    if (one.equal !== undefined) throw new Error("tape: a step has both expect and equal");
    put(words, from, nextAddress(state));
    put(words, byte + record.matchValue, one.expect.value);
    writeCompute(state, one, { minus: 1, mask: -1, onError: onFailure });
    from = byte + record.matchTarget;
  }
  if (one.ok !== undefined && one.ok.length > 0) {
    put(words, from, nextAddress(state));
    if (one.goto !== undefined) throw new Error("tape: a step has both ok and goto");
    writeSteps(state, one.ok, end, onFailure);
  } else if (one.goto !== undefined) state.jumps.push({ word: from >>> 2, label: one.goto });
  else put(words, from, end);
}

/** Saves the errno, runs the explaining steps, and computes the errno back into an error. Returns its address. */
function writeExplain(state: State, one: Step, explain: readonly Step[], onFailure: number): number {
  const first = nextAddress(state);
  const saved = savedErrno(state);
  writeCompute(state, one, { minus: state.where.base + header.lastErrno, minusSlot: true, mask: ERRNO_MAX, out: saved });
  const rethrow = first + (1 + countRecords(explain)) * record.bytes;
  state.depth += 1;
  writeSteps(state, explain, rethrow, rethrow);
  state.depth -= 1;
  writeCompute(state, one, { minus: saved, minusSlot: true, mask: -1, onError: onFailure });
  return first;
}

/** The records after a step with an error table: save the errno, one comparison each, give it back. */
function writeErrorTable(
  state: State,
  one: Step,
  table: ErrorTable,
  end: number,
  onFailure: number,
): void {
  const lastErrno = state.where.base + header.lastErrno;
  const count = table.length;
  const saved = savedErrno(state);
  const save = nextAddress(state);
  const rethrow = save + (count + 1) * record.bytes;
  writeCompute(state, one, { minus: lastErrno, minusSlot: true, mask: ERRNO_MAX, out: saved });
  let alternatives = rethrow + record.bytes;
  for (const [name, steps] of table) {
    const target = steps.length === 0 ? end : alternatives;
    alternatives += countRecords(steps) * record.bytes;
    writeCompute(state, one, { plus: saved, minus: errno[name], mask: ERRNO_MAX, equalTo: target });
  }
  writeCompute(state, one, { minus: saved, minusSlot: true, mask: -1, onError: onFailure });
  state.depth += 1;
  for (const [, steps, fallback] of table) writeSteps(state, steps, end, fallback === undefined ? onFailure : rethrow);
  state.depth -= 1;
}

type ComputeRecord = {
  plus?: number; // address of a slot
  minus: number;
  minusSlot?: boolean;
  mask: number;
  out?: number;
  equalTo?: number;
  onError?: number;
};

function writeCompute(state: State, owner: Step, fields: ComputeRecord): void {
  const { plus, minus, minusSlot, mask, out, equalTo, onError } = fields;
  const own = nextAddress(state);
  const byte = own - state.where.base;
  const { words } = state;
  state.owners.push(owner);
  words[byte >>> 2] = -1;
  words[(byte + record.mask) >>> 2] = (plus === undefined ? 0 : 1) | (minusSlot === true ? 4 : 0);
  if (plus !== undefined) put(words, byte + record.args, plus);
  put(words, byte + record.args + 16, minus);
  put(words, byte + record.args + 24, mask);
  if (out !== undefined) put(words, byte + record.out, out);
  if (equalTo !== undefined) put(words, byte + record.matchTarget, equalTo);
  if (onError !== undefined) put(words, byte + record.onError, onError);
  put(words, byte + record.next, own + record.bytes);
}

function writeCall(state: State, one: Step, at: number): void {
  const { words, where } = state;
  const row = one.call === "compute" ? undefined : syscalls[one.call];
  words[at] = row === undefined ? -1 : row[where.machine];
  const args = one.args;
  let mask = 0;
  let byte = (at << 2) + record.args;
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] as AnyArg;
    if (typeof arg === "object" && arg !== null && "slot" in arg) {
      mask |= 1 << index;
      put(words, byte, addressOf(where, arg as Slot));
    } else put(words, byte, argValue(state, arg, row === undefined ? "int" : (row.args[index] as ArgKind)));
    byte += 8;
  }
  words[at + 1] = mask;
  if (one.out !== undefined) put(words, (at << 2) + record.out, addressOf(where, one.out));
}

function argValue(state: State, arg: AnyArg, kind: ArgKind): number {
  if (typeof arg === "number") return arg;
  if (arg === null) return 0;
  if (typeof arg === "string") return arg === "AT_FDCWD" && kind === "fd" ? -100 : textAddress(state, arg);
  if (arg instanceof Uint8Array) return bytesAddress(state, arg);
  if ("struct" in arg) return structAddress(state, arg as Struct);
  if ("address" in arg) return addressOf(state.where, (arg as Address).address) + (arg as Address).offset;
  if ("major" in arg) return makedev(arg);
  if (kind === "argv") return argvAddress(state, arg as readonly string[]);
  if (kind.startsWith("flags:")) return flagsValue(state.where.machine, kind.slice(6) as FlagGroup, arg as readonly string[]);
  throw new Error(`tape: cannot encode ${JSON.stringify(arg)} as ${kind}`);
}

function flagsValue(machine: Machine, group: FlagGroup, names: readonly string[]): number {
  if (names.length === 1) return flagValue(group, names[0] as string, machine);
  // Added, not or-ed: flags above bit 31 would be lost; names of one argument never share bits.
  let value = 0;
  for (const name of names) value += flagValue(group, name, machine);
  return value;
}

/** makedev(3): the kernel's encoding of a device number in 64 bits, of which mknod takes the low 32. */
export const makedev = ({ major, minor }: Device): number =>
  ((minor & 0xff) | ((major & 0xfff) << 8)) + (minor >>> 8) * 0x10_0000;

function textAddress(state: State, text: string): number {
  const known = state.stringAddress.get(text);
  if (known !== undefined) return known;
  const at = state.texts;
  state.stringAddress.set(text, at);
  state.strings.push(text);
  state.texts = at + 1 + (state.exactLengths ? new TextEncoder().encode(text).length : text.length);
  return at;
}

function structAddress(state: State, value: Struct): number {
  const known = state.structAddress.get(value);
  if (known !== undefined) return known;
  const at = state.data;
  state.data += (structFields[value.struct].bytes + 7) & ~7;
  state.structAddress.set(value, state.where.base + at);
  writeStruct(state, value, at);
  return state.where.base + at;
}

function bytesAddress(state: State, bytes: Uint8Array): number {
  const at = state.data;
  state.data += (bytes.length + 7) & ~7;
  new Uint8Array(state.words.buffer).set(bytes, at);
  return state.where.base + at;
}

function argvAddress(state: State, list: readonly string[]): number {
  const at = state.data;
  state.data += list.length * 8 + 8;
  let byte = at;
  for (const text of list) {
    put(state.words, byte, textAddress(state, text));
    byte += 8;
  }
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
  if (Array.isArray(value)) return flagsValue(state.where.machine, structFlagGroup(struct, name), value as readonly string[]);
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
  const out = new Uint8Array(state.words.buffer);
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
    put(state.words, word << 2, target);
  }
}

/** The whole image with its strings; undefined when some string is not ASCII and lengths must be counted exactly. */
function writeStrings(state: State, textsOffset: number): Uint8Array | undefined {
  const end = state.texts - state.where.base;
  const image = new Uint8Array((end + 7) & ~7);
  image.set(new Uint8Array(state.words.buffer, 0, textsOffset));
  const all = state.strings.join("\0");
  const { written, read } = new TextEncoder().encodeInto(all, image.subarray(textsOffset));
  if (state.exactLengths) return image;
  return written === read && read === all.length ? image : undefined;
}
