// What a tape is made of, before it becomes bytes: steps (one system call each, with what an error means, where it
// came from and why) and variables (slots and buffers that calls write and later calls read). Everything here is
// names; numbers appear in encode.ts, so one plan serves every machine and prints as it stands.

import type { Errno } from "../linux/errno.ts";
import type { Flag, FlagGroup } from "../linux/flags.ts";
import type { StructName } from "../linux/structs.ts";
import type { ArgKind, CallName, syscalls } from "../linux/syscalls.ts";
import { header } from "./layout.ts";

export type SlotKind = "fd" | "int";

/** Eight bytes that a step writes its result to and later steps read. `place` is its offset among the variables. */
export type Slot<K extends SlotKind = SlotKind> = {
  readonly slot: string;
  readonly kind: K;
  readonly place: number;
  /** In the status region, where box can read it; else private to the process that runs the tape. */
  readonly shared: boolean;
};

/** Memory that calls fill or read, with optional first contents. */
export type Buffer = {
  readonly buffer: string;
  readonly bytes: number;
  readonly place: number;
  readonly shared: boolean;
  readonly initial: Struct | Uint8Array | undefined;
};

/** A constant struct, by field name; fields left out are 0. */
export type Struct = {
  readonly struct: StructName;
  readonly [field: string]: StructName | number | bigint | readonly string[] | Text | Slot | Buffer;
};
/** A string constant whose address goes into a struct's field. */
export type Text = { readonly text: string };
/** The address of a slot or of a byte inside a buffer, where a call wants a pointer. */
export type Address = { readonly address: Slot | Buffer; readonly offset: number };
/** A device number. */
export type Device = { readonly major: number; readonly minor: number };

type Value<K extends ArgKind> = K extends "fd"
  ? Slot<"fd"> | number | "AT_FDCWD"
  : K extends "string"
    ? string | Address | Slot<"int"> | null
    : K extends "argv"
      ? readonly string[] | Address | Slot<"int">
      : K extends "pointer"
        ? Struct | Uint8Array | string | Address | Slot<"int"> | null
        : K extends "dev"
          ? Device
          : K extends `flags:${infer G extends FlagGroup}`
            ? readonly Flag<G>[] | Slot<"int">
            : number | Slot<"int">;

type ArgsOf<A extends readonly ArgKind[]> = { readonly [I in keyof A]: Value<A[I]> };
/** The arguments of a call: a wrong count or a wrong kind does not compile. */
export type Args<N extends CallName> = ArgsOf<(typeof syscalls)[N]["args"]>;
/** Arguments once the call's name is forgotten. */
export type AnyArg = Value<ArgKind>;

/**
 * What an error of a step means. "stop": the tape stops there and box reports it. "ignore": go on. A table: for the
 * errnos named, run those steps instead (an empty list: simply go on), then go on after the step, or with "again" make the
 * call once more; any other errno stops. An alternative marked "fallback" is another way to the same end (an older call):
 * when it fails too, the step's own first errno is reported. Other alternatives are part of the work and report their own
 * failures.
 */
export type OnError = "stop" | "ignore" | ErrorTable;
export type ErrorTable = readonly (readonly [Errno, readonly Step[] | "again", "fallback"?])[];

/**
 * Every step has every field, those that it does not use as undefined: the interpreter that runs cold code is several
 * times faster on objects of one shape.
 */
export type Step = {
  readonly call: CallName | "compute";
  readonly args: readonly AnyArg[];
  /** The part of the configuration it comes from, such as `mounts[3]`. */
  readonly origin: string;
  readonly why: string;
  readonly out: Slot | undefined;
  readonly onError: OnError | undefined;
  /** Steps that run only when this one succeeded. */
  readonly ok: readonly Step[] | undefined;
  /**
   * Steps that run when the result equals `value`; unless they end the process, the tape goes on after this step.
   * `onFailure`: what runs when one of them fails, instead of stopping the tape; a vfork child must never return.
   */
  readonly equal: { readonly value: number; readonly steps: readonly Step[]; readonly onFailure?: readonly Step[] } | undefined;
  /** The result must be this, or the step fails; `refused` says what is wrong then. */
  readonly expect: { readonly value: number; readonly refused: string } | undefined;
  /** Which list of the tape runs when this step fails unhandled, to fetch more about it before the tape stops. */
  readonly explain: Explanation | undefined;
  /** What failed, in words for the error; without it the words are "cannot " and `why`. */
  readonly failed: Failure | undefined;
  /** A name that `goto` of another step of the same tape refers to. */
  readonly label: string | undefined;
  /** Where to go on afterwards, instead of the step that follows. */
  readonly goto: string | undefined;
};
/** What can be fetched about a failure: the log of a mount context, the first bytes of a program; or told to `box start`. */
export type Explanation = "context" | "program" | "start";
/** How a failure of a step is put to the user: in which class it is, for hints and exit codes. */
export type Failure = "execute" | "search" | "duplicate" | "hook";
export type StepOptions = {
  readonly [Field in "out" | "onError" | "ok" | "equal" | "expect" | "label" | "goto" | "explain" | "failed"]?: Step[Field];
};

/** One system call. */
export function step<N extends CallName>(call: N, args: Args<N>, origin: string, why: string, options?: StepOptions): Step {
  return newStep(call, args as readonly AnyArg[], origin, why, options);
}

function newStep(call: Step["call"], args: readonly AnyArg[], origin: string, why: string, options: StepOptions | undefined): Step {
  if (options === undefined)
    return {
      call,
      args,
      origin,
      why,
      out: undefined,
      onError: undefined,
      ok: undefined,
      equal: undefined,
      expect: undefined,
      explain: undefined,
      failed: undefined,
      label: undefined,
      goto: undefined,
    };
  const { out, onError, ok, equal, expect, explain, failed, label, goto } = options;
  return { call, args, origin, why, out, onError, ok, equal, expect, explain, failed, label, goto };
}

/** `(a + b - c) & mask` without a system call (see layout.ts): moves, comparisons and counters. */
export function compute(
  args: readonly [ComputeArg, ComputeArg, ComputeArg, number],
  origin: string,
  why: string,
  options?: StepOptions,
): Step {
  return newStep("compute", args as readonly AnyArg[], origin, why, options);
}
export type ComputeArg = number | Slot | Address | Text;

export const address = (of: Slot | Buffer, offset = 0): Address => ({ address: of, offset });

/** A slot over eight bytes of a buffer, so that struct fields can be results and arguments. */
export const slotIn = <K extends SlotKind>(kind: K, buffer: Buffer, offset: number, slot: string): Slot<K> => ({
  slot,
  kind,
  place: buffer.place + offset,
  shared: buffer.shared,
});

const inHeader = (slot: string, offset: number): Slot<"int"> => ({ slot, kind: "int", place: offset - header.bytes, shared: false });
/** The negative errno of the last step of this tape that failed, and the address of its record (layout.ts). */
export const lastErrno = inHeader("the last errno", header.lastErrno);
export const lastRecord = inHeader("the last failed record", header.lastRecord);

/** The variables of one tape: places are handed out in order, 8-byte aligned, private and shared apart. */
export type Variables = {
  readonly slots: Slot[];
  readonly buffers: Buffer[];
  privateBytes: number;
  sharedBytes: number;
};

export const newVariables = (): Variables => ({ slots: [], buffers: [], privateBytes: 0, sharedBytes: 0 });

function take(variables: Variables, bytes: number, shared: boolean): number {
  const place = shared ? variables.sharedBytes : variables.privateBytes;
  const end = place + ((bytes + 7) & ~7);
  if (shared) variables.sharedBytes = end;
  else variables.privateBytes = end;
  return place;
}

export function newSlot<K extends SlotKind>(variables: Variables, kind: K, slot: string, shared = false): Slot<K> {
  const made: Slot<K> = { slot, kind, place: take(variables, 8, shared), shared };
  variables.slots.push(made);
  return made;
}

export function newBuffer(variables: Variables, buffer: string, bytes: number, initial?: Struct | Uint8Array, shared = false): Buffer {
  const made: Buffer = { buffer, bytes, place: take(variables, bytes, shared), shared, initial };
  variables.buffers.push(made);
  return made;
}
