// Steps → bytes → records: what decode.ts finds in an image must be what the steps say. The expectation is made from
// the steps alone; only numbers of flags go through the tables, since two names may mean one number.

import { expect } from "bun:test";
import { type FlagGroup, flagValue } from "../../src/linux/flags.ts";
import { type StructName, structFields } from "../../src/linux/structs.ts";
import { type ArgKind, type Machine, syscalls } from "../../src/linux/syscalls.ts";
import { type DecodedArg, type DecodedRecord, decodeTape } from "../../src/tape/decode.ts";
import { type Encoded, type EncodeOptions, encodeTape } from "../../src/tape/encode.ts";
import type { Address, AnyArg, Buffer, Device, Slot, Step, Struct, Text, Variables } from "../../src/tape/step.ts";
import { structFieldGroup } from "../../src/tape/struct-flags.ts";
import { stagePlaces } from "./run-steps.ts";

/** An argument with its flags as one number, its variables as places, and a struct's fields that are not 0. */
type Plain = Readonly<Record<string, unknown>>;

export function decodeEncoded(encoded: Encoded, machine: Machine, variables: Variables): DecodedRecord[] {
  return decodeTape(encoded.image, { ...stagePlaces(machine), recordsAddress: encoded.recordsAddress, variables });
}

export function checkRoundTrip(
  machine: Machine,
  lists: readonly (readonly Step[])[],
  variables: Variables,
  options: EncodeOptions = {},
): DecodedRecord[] {
  const encoded = encodeTape(lists, variables, stagePlaces(machine), options);
  const records = decodeEncoded(encoded, machine, variables);
  expect(records.length).toBe(encoded.owners.length);
  expect(records.flatMap((record) => lostTargets(record, records.length))).toEqual([]);
  const firsts = new Map<Step, DecodedRecord>();
  for (const [index, step] of encoded.owners.entries()) if (!firsts.has(step)) firsts.set(step, records[index] as DecodedRecord);
  const found = [...firsts].map(([step, { call, args, out }]) => ({
    call,
    args: args.map((arg, index) => fromDecoded(machine, arg, kindsOf(step)[index])),
    out: out === undefined || "hex" in out ? out : placeAlone(out),
  }));
  const meant = [...firsts].map(([step, { args }]) => ({
    call: step.call,
    args: step.args.map((arg, index) => fromStep(machine, arg, kindsOf(step)[index], args[index])),
    out: step.out === undefined ? undefined : placeOf(step.out),
  }));
  expect(found).toEqual(meant);
  return records;
}

/** Places where a record may go on that are no record. */
const lostTargets = ({ index, match, onError, next }: DecodedRecord, count: number): string[] =>
  [match?.target, onError, next].flatMap((target) =>
    target === undefined || typeof target === "string" || ("record" in target && target.record < count)
      ? []
      : [`#${index} leads to ${JSON.stringify(target)}`],
  );

const computeKinds: readonly ArgKind[] = ["int", "int", "int", "int"];
const kindsOf = (step: Step): readonly (ArgKind | undefined)[] => (step.call === "compute" ? computeKinds : syscalls[step.call].args);

const groupOf = (kind: ArgKind | undefined): FlagGroup | undefined =>
  kind?.startsWith("flags:") ? (kind.slice(6) as FlagGroup) : undefined;

const sum = (machine: Machine, group: FlagGroup, names: readonly string[]): number =>
  names.reduce((value, name) => value + (name.startsWith("0x") ? Number(name) : flagValue(group, name, machine)), 0);

const placeOf = (of: Slot | Buffer, offset = 0) => ({ place: of.place + offset, shared: of.shared });

function fromDecoded(machine: Machine, arg: DecodedArg, kind: ArgKind | undefined): Plain {
  const group = groupOf(kind);
  if ("flags" in arg && group !== undefined) return { flags: sum(machine, group, arg.flags) };
  if ("load" in arg && !("hex" in arg.load)) return { load: placeAlone(arg.load) };
  if ("address" in arg) return { address: placeAlone(arg.address) };
  if (!("struct" in arg)) return arg;
  const fields = Object.entries(arg.fields).map(([name, field]) => {
    const fieldGroup = structFieldGroup(arg.struct, name);
    return [name, fromDecoded(machine, field, fieldGroup === undefined ? undefined : `flags:${fieldGroup}`)];
  });
  return { struct: arg.struct, fields: Object.fromEntries(fields) };
}

const placeAlone = ({ place, shared }: { readonly place: number; readonly shared: boolean }) => ({ place, shared });

/** `found` is consulted only for bytes, of which a step does not say what they mean. */
function fromStep(machine: Machine, arg: AnyArg | undefined, kind: ArgKind | undefined, found: DecodedArg | undefined): Plain {
  if (arg === null || arg === undefined) return { number: 0 };
  if (typeof arg === "number") return { number: arg };
  if (typeof arg === "string") return arg === "AT_FDCWD" && kind === "fd" ? { number: -100 } : { text: arg };
  if (arg instanceof Uint8Array) return found !== undefined && "struct" in found ? fromBytes(machine, found.struct, arg) : (found as Plain);
  if (Array.isArray(arg)) {
    const group = groupOf(kind);
    return group === undefined ? { texts: arg } : { flags: sum(machine, group, arg as readonly string[]) };
  }
  if ("slot" in arg) return { load: placeOf(arg as Slot) };
  if ("address" in arg) return { address: placeOf((arg as Address).address, (arg as Address).offset) };
  if ("major" in arg) return { major: (arg as Device).major, minor: (arg as Device).minor };
  if ("text" in arg) return found as Plain;
  return fromStruct(machine, arg as Struct);
}

function fromStruct(machine: Machine, { struct, ...fields }: Struct): Plain {
  const out: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields)) {
    const group = structFieldGroup(struct, name);
    if (Array.isArray(field)) {
      const flags = sum(machine, group as FlagGroup, field as readonly string[]);
      if (flags !== 0) out[name] = { flags };
    } else if (typeof field === "object")
      out[name] = "text" in field ? { text: (field as Text).text } : { address: placeOf(field as unknown as Slot | Buffer) };
    else if (BigInt(field as number) !== 0n) out[name] = numberField(struct, name, BigInt(field as number));
  }
  return { struct, fields: out };
}

/** As the field keeps it: unsigned, and as a number if that is exact. */
function numberField(struct: StructName, name: string, value: bigint): Plain {
  const bits = 8 * (structFields[struct].fields[name]?.bytes as number);
  const kept = BigInt.asUintN(bits, value === 2n ** 64n ? value - 1n : value);
  return { number: BigInt(Number(kept)) === kept ? Number(kept) : kept };
}

function fromBytes(machine: Machine, struct: StructName, bytes: Uint8Array): Plain {
  const fields: Record<string, bigint> = {};
  for (const [name, { offset, bytes: length }] of Object.entries(structFields[struct].fields)) {
    const at = typeof offset === "number" ? offset : offset[machine];
    fields[name] = bytes.slice(at, at + length).reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
  }
  return fromStruct(machine, { struct, ...fields });
}
