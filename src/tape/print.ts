// Steps as a person reads them, in strace's manner: names for flags, quoted strings, structs with their fields, and
// the names of slots where a value is not known before the tape runs. Machine-neutral, like the steps themselves.

import { signalName } from "../linux/signals.ts";
import { type ArgKind, syscalls } from "../linux/syscalls.ts";
import { escapeControls } from "./escape-controls.ts";
import type { Address, AnyArg, Buffer, Slot, Step, Struct, Text } from "./step.ts";

/** `openat2(root, "proc", {flags: O_PATH|O_CLOEXEC, resolve: RESOLVE_IN_ROOT}, 24) → target` */
export function printStep(one: Step): string {
  if (one.call === "compute") return printCompute(one);
  const kinds = syscalls[one.call].args as readonly ArgKind[];
  const args: string[] = [];
  for (let index = 0; index < one.args.length; index++) args.push(printArg(one.args[index] as AnyArg, kinds[index] as ArgKind));
  return `${one.call}(${args.join(", ")})${printOut(one)}`;
}

const printOut = (one: Step): string => (one.out === undefined ? "" : ` → ${variableName(one.out)}`);

function printCompute(one: Step): string {
  const [plus, and, minus, mask] = one.args.map((arg) => printArg(arg, "int")) as [string, string, string, string];
  return `${printSum(plus, and, minus, mask)}${printOut(one)}`;
}

/** `compute (mode of /dev/null + 1 - 2) & 0xf000`, without the terms that change nothing. */
export function printSum(plus: string, and: string, minus: string, mask: string): string {
  const terms = [plus, and].filter((term) => term !== "0");
  const sum = `${terms.length === 0 ? "0" : terms.join(" + ")}${minus === "0" ? "" : ` - ${minus}`}`;
  const bits = Number(mask) < 0 ? mask : `0x${Number(mask).toString(16)}`;
  return mask === "-1" ? `compute ${sum}` : `compute (${sum}) & ${bits}`;
}

/** One argument by its kind. */
export function printArg(arg: AnyArg, kind: ArgKind): string {
  if (arg === null) return "NULL";
  if (typeof arg === "number") return printNumber(arg, kind);
  if (typeof arg === "string") return arg === "AT_FDCWD" && kind === "fd" ? arg : quote(arg);
  if (arg instanceof Uint8Array) return `${arg.length} bytes`;
  if ("struct" in arg) return printStruct(arg as Struct);
  if ("slot" in arg) return variableName(arg as Slot);
  if ("address" in arg) return printAddress(arg as Address);
  if ("major" in arg) return `makedev(${arg.major}, ${arg.minor})`;
  if ("text" in arg) return quote((arg as Text).text);
  const list = arg as readonly string[];
  if (kind === "argv") return printArgv(list);
  return list.length === 0 ? "0" : list.join("|");
}

/** With what is known of its contents: the flags of clone3 are there. */
function printAddress({ address, offset }: Address): string {
  const name = `&${variableName(address)}${offset === 0 ? "" : `+${offset}`}`;
  if (offset !== 0 || !("initial" in address) || address.initial === undefined || !("struct" in address.initial)) return name;
  return `${name} ${printStruct(address.initial)}`;
}

/** Names of variables hold paths of the configuration, so they are escaped like any of its strings. */
const variableName = (of: Slot | Buffer): string => escapeControls("slot" in of ? of.slot : of.buffer);

const argvShown = 8;
function printArgv(list: readonly string[]): string {
  const shown = list.slice(0, argvShown).map(quote);
  if (list.length > argvShown) shown.push(`… ${list.length - argvShown} more`);
  return `[${shown.join(", ")}]`;
}

export function printNumber(value: number, kind: ArgKind): string {
  if (kind === "mode") return value <= 0 ? String(value) : `0${value.toString(8)}`;
  if (kind === "signal" && value !== 0) return signalName(value);
  if (kind === "size" && value === 0xffffffff) return "UINT_MAX";
  return String(value);
}

function printStruct(value: Struct): string {
  const fields: string[] = [];
  for (const name in value) {
    if (name === "struct") continue;
    const field = value[name];
    if (Array.isArray(field)) fields.push(`${name}: ${field.length === 0 ? "0" : field.join("|")}`);
    else if (typeof field === "object" && "text" in field) fields.push(`${name}: ${quote((field as Text).text)}`);
    else if (typeof field === "object") fields.push(`${name}: &${variableName(field as unknown as Slot | Buffer)}`);
    else fields.push(`${name}: ${field}`);
  }
  return `{${fields.join(", ")}}`;
}

/** A string in C's quotes, control characters escaped, so that hostile names cannot write to a terminal. */
export const quote = (text: string): string => `"${escapeControls(text.replace(/["\\]/g, "\\$&"))}"`;
