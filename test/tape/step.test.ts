import { expect, test } from "bun:test";
import { address, compute, newBuffer, newSlot, newVariables, slotIn, step } from "../../src/tape/step.ts";

test("variables get places of their own, on eight bytes, private and shared apart", () => {
  const variables = newVariables();
  const places = [
    newSlot(variables, "fd", "a"),
    newBuffer(variables, "b", 3),
    newSlot(variables, "int", "c", true),
    newBuffer(variables, "d", 16, undefined, true),
    newSlot(variables, "fd", "e"),
    newSlot(variables, "int", "f", true),
  ].map(({ place, shared }) => ({ place, shared }));
  expect(places).toEqual([
    { place: 0, shared: false },
    { place: 8, shared: false },
    { place: 0, shared: true },
    { place: 8, shared: true },
    { place: 16, shared: false },
    { place: 24, shared: true },
  ]);
  expect(variables).toMatchObject({ privateBytes: 24, sharedBytes: 32 });
});

test("a slot in a buffer lies where the buffer does", () => {
  const variables = newVariables();
  newSlot(variables, "fd", "before");
  const buffer = newBuffer(variables, "pair", 8, undefined, true);
  newSlot(variables, "int", "before too", true);
  const later = newBuffer(variables, "another", 8, undefined, true);
  expect(slotIn("int", buffer, 4, "second")).toEqual({ slot: "second", kind: "int", place: 4, shared: true });
  expect(slotIn("fd", later, 4, "second")).toEqual({ slot: "second", kind: "fd", place: 20, shared: true });
  expect(address(later, 3)).toEqual({ address: later, offset: 3 });
  expect(address(buffer)).toEqual({ address: buffer, offset: 0 });
});

test("every step has the same fields in the same order", () => {
  const keys = Object.keys(step("getpid", [], "origin", "why"));
  expect(keys).toEqual(["call", "args", "origin", "why", "out", "onError", "ok", "equal", "expect", "explain", "failed", "label", "goto"]);
  expect(Object.keys(step("getpid", [], "origin", "why", { goto: "there", ok: [] }))).toEqual(keys);
  expect(Object.keys(compute([0, 0, 0, -1], "origin", "why"))).toEqual(keys);
});

const variables = newVariables();
const fd = newSlot(variables, "fd", "fd");
const int = newSlot(variables, "int", "int");
const buffer = newBuffer(variables, "buffer", 8);

/** Steps that must not compile: checked by tsc, which refuses a directive that suppresses nothing. Never called. */
export const refused = [
  // @ts-expect-error: no such call
  () => step("opennat", ["AT_FDCWD", "/", [], 0], "", ""),
  // @ts-expect-error: a call that aarch64 lacks
  () => step("open", ["/", [], 0], "", ""),
  // @ts-expect-error: compute is no system call
  () => step("compute", [0, 0, 0, -1], "", ""),
  // @ts-expect-error: an argument is missing
  () => step("openat", ["AT_FDCWD", "/", []], "", ""),
  // @ts-expect-error: an argument too many
  () => step("close", [fd, 0], "", ""),
  // @ts-expect-error: an argument too many
  () => step("getpid", [0], "", ""),
  // @ts-expect-error: a descriptor for a string
  () => step("chdir", [fd], "", ""),
  // @ts-expect-error: a number for a string
  () => step("chdir", [0], "", ""),
  // @ts-expect-error: a number in a slot for a descriptor
  () => step("close", [int], "", ""),
  // @ts-expect-error: a path for a descriptor
  () => step("fchdir", ["/"], "", ""),
  // @ts-expect-error: a buffer without its address
  () => step("read", [fd, buffer, 8], "", ""),
  // @ts-expect-error: an address for a descriptor
  () => step("close", [address(buffer)], "", ""),
  // @ts-expect-error: a string for an array of strings
  () => step("execve", ["/bin/sh", "sh", []], "", ""),
  // @ts-expect-error: no such flag
  () => step("openat", ["AT_FDCWD", "/", ["O_READONLY"], 0], "", ""),
  // @ts-expect-error: a flag of another group
  () => step("openat", ["AT_FDCWD", "/", ["MS_RDONLY"], 0], "", ""),
  // @ts-expect-error: one flag of the right group does not help
  () => step("mount", ["", "/", null, ["MS_BIND", "MOUNT_ATTR_RDONLY"], null], "", ""),
  // @ts-expect-error: a flag that is no list
  () => step("umount2", ["/", "MNT_DETACH"], "", ""),
  // @ts-expect-error: a number for flags
  () => step("umount2", ["/", 2], "", ""),
  // @ts-expect-error: a number for a device
  () => step("mknodat", [fd, "null", 0o020666, 259], "", ""),
  // @ts-expect-error: text for a number
  () => step("kill", ["1", 9], "", ""),
  // @ts-expect-error: a struct for a number
  () => step("fcntl", [fd, ["F_SETFD"], { struct: "open_how" }], "", ""),
  // @ts-expect-error: no such struct
  () => step("openat2", [fd, "a", { struct: "open_hwo", flags: ["O_PATH"] }, 24], "", ""),
  // @ts-expect-error: no such errno
  () => step("close", [fd], "", "", { onError: [["ENOTHING", []]] }),
  // @ts-expect-error: no such policy
  () => step("close", [fd], "", "", { onError: "retry" }),
  // @ts-expect-error: alternatives are lists
  () => step("close", [fd], "", "", { onError: [["EBADF", step("getpid", [], "", "")]] }),
  // @ts-expect-error: a buffer is no place for a result
  () => step("getpid", [], "", "", { out: buffer }),
  // @ts-expect-error: no such option
  () => step("getpid", [], "", "", { jump: "there" }),
  // @ts-expect-error: a mask that a step computes
  () => compute([0, 0, 0, int], "", ""),
  // @ts-expect-error: a name is no number
  () => compute(["fd", 0, 0, -1], "", ""),
  // @ts-expect-error: three terms and a mask
  () => compute([0, 0, -1], "", ""),
];
