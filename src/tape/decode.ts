// Bytes to records with names again: the way back from encode.ts, for a reader who has only an image and knows the
// machine it is for. What steps had and records lack (origin, why, who hangs on whom) is left out.
//
// The bytes may be anybody's. Every address is checked before it is followed, one that leads nowhere stays a
// hexadecimal number, and strings that overlap cannot make the result many times larger than the image.

import { type FlagGroup, flagNames } from "../linux/flags.ts";
import { type StructName, structFields } from "../linux/structs.ts";
import { type ArgKind, type CallName, type Machine, syscalls } from "../linux/syscalls.ts";
import type { Where } from "./encode.ts";
import { escapeControls } from "./escape-controls.ts";
import { header, MASK_NEXT, ON_ERROR_IGNORE, ON_ERROR_STOP, record, status } from "./layout.ts";
import { printNumber, printSum, quote } from "./print.ts";
import type { Variables } from "./step.ts";
import { structFieldGroup } from "./struct-flags.ts";

export type Source = Where & {
  readonly recordsAddress: number;
  /** Names for places; addresses past the last of them are constants. */
  readonly variables: Variables;
};

/** A variable by its offset among the private or the shared ones; those of the header lie before the private ones. */
export type Place = { readonly name: string; readonly place: number; readonly shared: boolean };
type Nowhere = { readonly hex: string };

export type DecodedArg =
  | { readonly number: number | bigint }
  | { readonly text: string }
  | { readonly texts: readonly string[] }
  | { readonly flags: readonly string[] }
  | { readonly major: number; readonly minor: number }
  | { readonly struct: StructName; readonly fields: Readonly<Record<string, DecodedArg>> }
  /** What the variable holds when the record runs. */
  | { readonly load: Place | Nowhere }
  | { readonly address: Place }
  | Nowhere;

/** Another record by its position. */
export type Target = { readonly record: number } | Nowhere;

export type DecodedRecord = {
  readonly index: number;
  readonly call: CallName | "compute" | `syscall ${number}`;
  readonly args: readonly DecodedArg[];
  readonly out: Place | Nowhere | undefined;
  readonly match: { readonly value: number | bigint; readonly target: Target } | undefined;
  readonly onError: "stop" | "ignore" | Target;
  readonly next: "stop" | Target | { readonly load: Place | Nowhere };
};

/** What a pointer points at, by call and argument: a struct, or as many bytes of text as the next argument says. */
const pointees: { readonly [N in CallName]?: { readonly [index: number]: StructName | "text" } } = {
  write: { 1: "text" },
  pwrite64: { 1: "text" },
  rt_sigaction: { 1: "sigaction", 2: "sigaction" },
  rt_sigprocmask: { 1: "sigset", 2: "sigset" },
  rt_sigtimedwait: { 0: "sigset", 2: "timespec" },
  signalfd4: { 1: "sigset" },
  sendmsg: { 1: "msghdr" },
  recvmsg: { 1: "msghdr" },
  capset: { 0: "cap_user_header", 1: "cap_user_data" },
  prlimit64: { 2: "rlimit64", 3: "rlimit64" },
  ppoll: { 0: "pollfd", 2: "timespec", 3: "sigset" },
  epoll_ctl: { 3: "epoll_event" },
  clone3: { 0: "clone_args" },
  openat2: { 2: "open_how" },
  mount_setattr: { 3: "mount_attr" },
  seccomp: { 2: "sock_fprog" },
  sched_setattr: { 1: "sched_attr" },
  // What it attaches is no constant.
  bpf: { 1: "bpf_prog_load" },
};

/** Fields of structs that hold addresses. */
const addressFields: ReadonlySet<string> = new Set([
  "iovec.iov_base",
  "sock_fprog.filter",
  "msghdr.msg_name",
  "msghdr.msg_iov",
  "msghdr.msg_control",
  "sigaction.handler",
  "sigaction.restorer",
  "clone_args.pidfd",
  "clone_args.child_tid",
  "clone_args.parent_tid",
  "clone_args.stack",
  "clone_args.tls",
  "clone_args.set_tid",
  "bpf_prog_load.insns",
  "bpf_prog_load.license",
  "bpf_prog_load.log_buf",
]);

type State = {
  readonly source: Source;
  readonly image: Uint8Array;
  readonly view: DataView;
  readonly texts: Map<number, string | undefined>;
  /** Bytes of strings and arrays that may still be shown. */
  budget: number;
};

/** Every record from `recordsAddress` to the end of the image; a last one that is cut short is left out. */
export function decodeTape(image: Uint8Array, source: Source): DecodedRecord[] {
  const view = new DataView(image.buffer, image.byteOffset, image.length);
  const state: State = { source, image, view, texts: new Map(), budget: 16 * image.length };
  const names = callNames(source.machine);
  const first = source.recordsAddress - source.base;
  const out: DecodedRecord[] = [];
  for (let at = first; at >= 0 && at + record.bytes <= image.length; at += record.bytes)
    out.push(decodeRecord(state, names, at, out.length));
  return out;
}

const callNames = (machine: Machine): Map<number, CallName> =>
  new Map(Object.entries(syscalls).map(([name, row]): [number, CallName] => [row[machine], name as CallName]));

function decodeRecord(state: State, names: ReadonlyMap<number, CallName>, at: number, index: number): DecodedRecord {
  const { view } = state;
  const nr = view.getInt32(at + record.nr, true);
  const mask = view.getUint32(at + record.mask, true);
  const word = (offset: number): bigint => view.getBigUint64(at + offset, true);
  const call = nr < 0 ? "compute" : (names.get(nr) ?? (`syscall ${nr}` as const));
  const onError = word(record.onError);
  const next = word(record.next);
  return {
    index,
    call,
    args: decodeArgs(state, call, at, mask),
    out: word(record.out) === 0n ? undefined : placeOf(state, word(record.out)),
    match:
      word(record.matchTarget) === 0n
        ? undefined
        : { value: shorten(view.getBigInt64(at + record.matchValue, true)), target: targetOf(state, word(record.matchTarget)) },
    onError: onError === BigInt(ON_ERROR_STOP) ? "stop" : onError === BigInt(ON_ERROR_IGNORE) ? "ignore" : targetOf(state, onError),
    next: (mask & MASK_NEXT) !== 0 ? { load: placeOf(state, next) } : next === 0n ? "stop" : targetOf(state, next),
  };
}

const computeKinds = ["int", "int", "int", "int"] as const;
const unknownKinds = ["pointer", "pointer", "pointer", "pointer", "pointer", "pointer"] as const;

function decodeArgs(state: State, call: DecodedRecord["call"], at: number, mask: number): DecodedArg[] {
  const known = Object.hasOwn(syscalls, call);
  const kinds: readonly ArgKind[] = known ? syscalls[call as CallName].args : call === "compute" ? computeKinds : unknownKinds;
  const values = kinds.map((_, index) => state.view.getBigUint64(at + record.args + 8 * index, true));
  return kinds.map((kind, index) => {
    const value = values[index] as bigint;
    if ((mask >> index) & 1) return { load: placeOf(state, value) };
    if (call === "compute") return addressArg(state, value) ?? { number: signed(value) };
    const pointee = known ? pointees[call as CallName]?.[index] : undefined;
    return pointee === "text" && value !== 0n && ((mask >> (index + 1)) & 1) === 0
      ? sizedText(state, value, values[index + 1] as bigint)
      : decodeArg(state, kind, value, pointee === "text" ? undefined : pointee);
  });
}

function decodeArg(state: State, kind: ArgKind, value: bigint, pointee: StructName | undefined): DecodedArg {
  if (kind.startsWith("flags:")) return decodeFlags(state, kind.slice(6) as FlagGroup, value);
  if (kind === "dev")
    return value > 0xffff_ffffn
      ? hex(value)
      : { major: Number((value >> 8n) & 0xfffn), minor: Number((value & 0xffn) | ((value >> 12n) & 0xfff00n)) };
  if (kind !== "string" && kind !== "argv" && kind !== "pointer") return { number: signed(value) };
  if (value === 0n) return { number: 0 };
  const variable = addressArg(state, value);
  if (variable !== undefined) return variable;
  if (kind === "string") return asText(readText(state, value), value);
  if (kind === "argv") return decodeArgv(state, value);
  return (pointee === undefined ? undefined : decodeStruct(state, pointee, value)) ?? hex(value);
}

const decodeFlags = (state: State, group: FlagGroup, value: bigint): DecodedArg =>
  value > Number.MAX_SAFE_INTEGER ? hex(value) : { flags: flagNames(group, Number(value), state.source.machine) };

function decodeArgv(state: State, address: bigint): DecodedArg {
  const texts: string[] = [];
  for (let at = address; ; at += 8n) {
    const offset = constantAt(state, at, 8);
    if (offset === undefined || !spend(state, 8)) return hex(address);
    const element = state.view.getBigUint64(offset, true);
    if (element === 0n) return { texts };
    const text = readText(state, element);
    if (text === undefined) return hex(address);
    texts.push(text);
  }
}

function decodeStruct(state: State, struct: StructName, address: bigint): DecodedArg | undefined {
  const { bytes, fields } = structFields[struct];
  const at = constantAt(state, address, bytes);
  if (at === undefined) return undefined;
  const out: Record<string, DecodedArg> = {};
  for (const [name, field] of Object.entries(fields)) {
    const from = at + (typeof field.offset === "number" ? field.offset : field.offset[state.source.machine]);
    let value = 0n;
    for (let byte = field.bytes - 1; byte >= 0; byte--) value = (value << 8n) | BigInt(state.image[from + byte] as number);
    if (value !== 0n) out[name] = decodeField(state, struct, name, value);
  }
  return { struct, fields: out };
}

function decodeField(state: State, struct: StructName, name: string, value: bigint): DecodedArg {
  const group = structFieldGroup(struct, name);
  if (group !== undefined) return decodeFlags(state, group, value);
  if (!addressFields.has(`${struct}.${name}`)) return { number: shorten(value) };
  return addressArg(state, value) ?? asText(readText(state, value), value);
}

const shorten = (value: bigint): number | bigint => (BigInt(Number(value)) === value ? Number(value) : value);
const signed = (value: bigint): number | bigint => shorten(BigInt.asIntN(64, value));
const hex = (value: bigint): Nowhere => ({ hex: `0x${value.toString(16)}` });
const asText = (text: string | undefined, address: bigint): DecodedArg => (text === undefined ? hex(address) : { text });

/** Offset in the image of `bytes` constants at an address, if there are as many. */
function constantAt({ source, image }: State, address: bigint, bytes: number): number | undefined {
  const offset = address - BigInt(source.base);
  const first = header.bytes + source.variables.privateBytes;
  return offset >= first && offset + BigInt(bytes) <= image.length ? Number(offset) : undefined;
}

function spend(state: State, bytes: number): boolean {
  state.budget -= bytes;
  return state.budget >= 0;
}

function readText(state: State, address: bigint): string | undefined {
  const at = constantAt(state, address, 1);
  if (at === undefined) return undefined;
  const known = state.texts.get(at);
  if (known !== undefined) return known;
  const end = state.image.indexOf(0, at);
  if (end < 0 || !spend(state, end - at)) return undefined;
  const text = new TextDecoder().decode(state.image.subarray(at, end));
  state.texts.set(at, text);
  return text;
}

function sizedText(state: State, address: bigint, size: bigint): DecodedArg {
  const variable = addressArg(state, address);
  if (variable !== undefined) return variable;
  const bytes = Number(size);
  const at = constantAt(state, address, bytes);
  if (at === undefined || !spend(state, bytes)) return hex(address);
  return { text: new TextDecoder().decode(state.image.subarray(at, at + bytes)) };
}

function targetOf({ source, image }: State, address: bigint): Target {
  const offset = address - BigInt(source.recordsAddress);
  const inside = offset >= 0n && address - BigInt(source.base) + BigInt(record.bytes) <= image.length;
  return inside && offset % BigInt(record.bytes) === 0n ? { record: Number(offset) / record.bytes } : hex(address);
}

function addressArg(state: State, address: bigint): DecodedArg | undefined {
  const place = placeOf(state, address);
  return "hex" in place ? undefined : { address: place };
}

function placeOf({ source }: State, address: bigint): Place | Nowhere {
  const { base, status: shared, variables } = source;
  const inTape = address - BigInt(base);
  if (inTape >= 0n && inTape < header.bytes + variables.privateBytes) return namedPlace(variables, Number(inTape) - header.bytes, false);
  const inStatus = address - BigInt(shared + status.bytes);
  if (inStatus >= 0n && inStatus < variables.sharedBytes) return namedPlace(variables, Number(inStatus), true);
  return hex(address);
}

function namedPlace(variables: Variables, place: number, shared: boolean): Place {
  const named = (name: string): Place => ({ name, place, shared });
  if (place < 0) return named(headerName(place + header.bytes));
  const slot = variables.slots.find((one) => one.shared === shared && one.place === place);
  if (slot !== undefined) return named(slot.slot);
  const buffer = variables.buffers.find((one) => one.shared === shared && one.place <= place && place < one.place + one.bytes);
  if (buffer === undefined) return named(`place ${place}`);
  return named(buffer.place === place ? buffer.buffer : `${buffer.buffer}+${place - buffer.place}`);
}

const headerNames: Readonly<Record<number, string>> = {
  [header.lastErrno]: "the last errno",
  [header.lastRecord]: "the last failed record",
};

const headerName = (offset: number): string =>
  headerNames[offset] ?? (offset >= header.saved ? `saved errno ${(offset - header.saved) / 8}` : `header+${offset}`);

/** `#4 openat2(root, "proc", {flags: O_PATH|O_CLOEXEC}, 24) → target, on error #6, then #9`; going on to the next one goes without saying. */
export function printRecord(one: DecodedRecord): string {
  const { index, match, onError, next } = one;
  const out = one.out === undefined ? "" : ` → ${printPlace(one.out)}`;
  const parts = [`#${index} ${printCall(one)}${out}`];
  if (match !== undefined) parts.push(`if ${match.value} ${printTarget(match.target)}`);
  if (onError === "ignore") parts.push("ignoring errors");
  else if (onError !== "stop") parts.push(`on error ${printTarget(onError)}`);
  if (next === "stop") parts.push("then end");
  else if ("load" in next) parts.push(`then where ${printPlace(next.load)} says`);
  else if (!("record" in next) || next.record !== index + 1) parts.push(`then ${printTarget(next)}`);
  return parts.join(", ");
}

const printPlace = (place: Place | Nowhere): string => ("hex" in place ? place.hex : escapeControls(place.name));

const printTarget = (target: Target): string => ("record" in target ? `#${target.record}` : target.hex);

function printCall({ call, args }: DecodedRecord): string {
  if (call === "compute") {
    const [plus, and, minus, mask] = args.map((arg) => printDecoded(arg, "int")) as [string, string, string, string];
    return printSum(plus, and, minus, mask);
  }
  const kinds: readonly ArgKind[] = Object.hasOwn(syscalls, call) ? syscalls[call as CallName].args : unknownKinds;
  return `${call}(${args.map((arg, index) => printDecoded(arg, kinds[index] as ArgKind)).join(", ")})`;
}

function printDecoded(arg: DecodedArg, kind: ArgKind): string {
  if ("number" in arg) return typeof arg.number === "bigint" ? String(arg.number) : printPlain(arg.number, kind);
  if ("text" in arg) return quote(arg.text);
  if ("texts" in arg) return `[${arg.texts.map(quote).join(", ")}]`;
  if ("flags" in arg) return arg.flags.length === 0 ? "0" : arg.flags.join("|");
  if ("major" in arg) return `makedev(${arg.major}, ${arg.minor})`;
  if ("load" in arg) return "hex" in arg.load ? `*${arg.load.hex}` : printPlace(arg.load);
  if ("address" in arg) return `&${printPlace(arg.address)}`;
  if ("hex" in arg) return arg.hex;
  return `{${Object.entries(arg.fields)
    .map(([name, field]) => `${name}: ${printDecoded(field, "int")}`)
    .join(", ")}}`;
}

function printPlain(value: number, kind: ArgKind): string {
  if (kind === "fd" && value === -100) return "AT_FDCWD";
  if (value === 0 && (kind === "string" || kind === "argv" || kind === "pointer")) return "NULL";
  return printNumber(value, kind);
}
