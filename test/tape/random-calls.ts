// Random calls for fast-check: every call of the table with arguments of the kinds it takes.

import fc from "fast-check";
import { type FlagGroup, flags } from "../../src/linux/flags.ts";
import { type StructName, structFields } from "../../src/linux/structs.ts";
import { type ArgKind, type CallName, syscalls } from "../../src/linux/syscalls.ts";
import { type AnyArg, address, newBuffer, newSlot, newVariables, type Step, type Struct, slotIn, step } from "../../src/tape/step.ts";
import { structFieldGroup } from "../../src/tape/struct-flags.ts";

export const randomVariables = newVariables();
const fds = ["a", "b"].map((name) => newSlot(randomVariables, "fd", name));
const ints = [newSlot(randomVariables, "int", "c"), newSlot(randomVariables, "int", "d", true)];
const buffers = [newBuffer(randomVariables, "e", 20), newBuffer(randomVariables, "f", 256, undefined, true)];
const inBuffer = slotIn("int", buffers[0] as (typeof buffers)[0], 4, "part of e");

const text = fc.string({ unit: "grapheme", maxLength: 30 }).filter((one) => !one.includes("\0"));
const pointer = fc.oneof(
  fc.constant(null),
  fc.tuple(fc.constantFrom(...buffers), fc.nat(16)).map(([buffer, offset]) => address(buffer, offset)),
  fc.constantFrom(...[...fds, ...ints].map((slot) => address(slot))),
  fc.constantFrom(...ints, inBuffer),
);

/** The structs whose place in a call decode.ts knows. */
const structArgs: { readonly [N in CallName]?: readonly [index: number, struct: StructName] } = {
  openat2: [2, "open_how"],
  mount_setattr: [3, "mount_attr"],
  clone3: [0, "clone_args"],
  bpf: [1, "bpf_prog_load"],
  prlimit64: [2, "rlimit64"],
  capset: [0, "cap_user_header"],
  ppoll: [2, "timespec"],
  epoll_ctl: [3, "epoll_event"],
  rt_sigprocmask: [1, "sigset"],
  sendmsg: [1, "msghdr"],
};

function randomField(struct: StructName, name: string): fc.Arbitrary<Struct[string]> {
  const group = structFieldGroup(struct, name);
  if (group !== undefined) return randomFlags(group);
  const bytes = structFields[struct].fields[name]?.bytes as number;
  // An address where there is none comes back as a number; where there is one, anything but a known place does.
  return bytes === 8 ? fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.maxSafeNat()) : fc.nat(2 ** (8 * Math.min(bytes, 4)) - 1);
}

const addresses = new Set(["bpf_prog_load", "clone_args", "msghdr"]);

function randomStruct(struct: StructName): fc.Arbitrary<Struct> {
  const names = Object.keys(structFields[struct].fields).filter(
    (name) => structFieldGroup(struct, name) !== undefined || !addresses.has(struct),
  );
  return fc
    .record(Object.fromEntries(names.map((name) => [name, randomField(struct, name)])), { requiredKeys: [] })
    .map((fields) => ({ struct, ...fields }));
}

const bitsOf = (value: number | { readonly x64: number }): bigint => BigInt(typeof value === "number" ? value : value.x64);

/** Names that share no bits: the encoder adds. */
function randomFlags(group: FlagGroup): fc.Arbitrary<readonly string[]> {
  const table: Readonly<Record<string, number | { readonly x64: number; readonly arm64: number }>> = flags[group];
  const names = Object.keys(table);
  return fc.subarray(names, { maxLength: Math.min(4, names.length) }).map((chosen) => {
    let taken = 0n;
    return chosen.filter((name) => {
      const value = bitsOf(table[name] as number);
      // O_DIRECTORY of one machine is O_DIRECT of the other.
      const free = (taken & value) === 0n && (group !== "O" || !name.includes("TMPFILE"));
      if (free) taken |= value;
      return free;
    });
  });
}

function randomArg(kind: ArgKind): fc.Arbitrary<AnyArg> {
  if (kind === "fd") return fc.oneof(fc.constantFrom(...fds), fc.integer({ min: -1, max: 4096 }), fc.constant("AT_FDCWD" as const));
  if (kind === "string") return fc.oneof(text, pointer);
  if (kind === "argv") return fc.array(text, { maxLength: 5 });
  if (kind === "pointer") return pointer;
  if (kind === "dev") return fc.record({ major: fc.nat(4095), minor: fc.nat(2 ** 20 - 1) });
  if (kind.startsWith("flags:")) return randomFlags(kind.slice(6) as FlagGroup) as fc.Arbitrary<AnyArg>;
  return fc.oneof(
    fc.constantFrom(...ints, inBuffer),
    fc.integer(),
    fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }),
  );
}

function randomCall(call: CallName): fc.Arbitrary<Step> {
  const [structIndex, struct] = structArgs[call] ?? [];
  const args = syscalls[call].args.map((kind, index) =>
    index === structIndex ? fc.oneof(randomStruct(struct as StructName), pointer) : randomArg(kind),
  );
  const out = fc.option(fc.constantFrom(...fds, ...ints, inBuffer), { nil: undefined });
  return fc
    .tuple(fc.tuple(...args), out)
    .map(([made, slot]) => step(call, made as never, "test", "test", slot === undefined ? {} : { out: slot }));
}

export const randomCalls: fc.Arbitrary<Step[]> = fc.array(fc.constantFrom(...(Object.keys(syscalls) as CallName[])).chain(randomCall), {
  minLength: 1,
  maxLength: 20,
});
