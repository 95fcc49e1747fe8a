import { expect, test } from "bun:test";
import {
  bitTest,
  call,
  calleeSaved,
  compareConstant,
  conditionalJump,
  conditionCodes,
  jump,
  jumpTo,
  memory,
  memoryForms,
  moveConstant,
  pushOrPop,
  type Register,
  readStackPointer,
  registerForms,
  registers,
  ret,
  setStackPointer,
  syscall,
  twoRegisters,
  ud2,
} from "../../src/stage/x64.ts";
import { type Encoded, encodings, testDisassembly } from "./disassemble.ts";

const keys = <T extends object>(table: T) => Object.keys(table) as (keyof T)[];
const everyRegister = keys(registers);
const everyPair = everyRegister.flatMap((one) => everyRegister.map((other): [Register, Register] => [one, other]));

// The edges of the short form (2 bytes: distances -126 to 129) and of the near one.
const distances = [0, 2, -126, -127, 129, 130, 0x7fff_0000, -0x7fff_0000];

function everyForm(): Encoded[] {
  const plain = [
    ...everyPair.flatMap(([one, other]) => [
      ...keys(memoryForms).flatMap((form) => [0, 1, 127, -128].map((offset) => memory(form, one, other, offset))),
      ...keys(registerForms).map((form) => twoRegisters(form, one, other)),
    ]),
    ...everyRegister.flatMap((register) => [
      ...[0, 1, 127, 128, -128, -129, -4095, 0x7fff_ffff, -0x8000_0000].map((value) => compareConstant(register, value)),
      ...[0, 31, 32, 63].map((bit) => bitTest(register, bit)),
      ...[0, 1, 0x4001_0000, 0xffff_ffff].map((value) => moveConstant(register, value)),
      pushOrPop("push", register),
      pushOrPop("pop", register),
      readStackPointer(register),
      setStackPointer(register),
      jumpTo(register),
    ]),
    ...keys(calleeSaved).flatMap((register) => [pushOrPop("push", register), pushOrPop("pop", register)]),
    ...[syscall, ud2, ret],
  ];
  const branches = [...keys(conditionCodes).map((form) => conditionalJump(form, "there")), jump("there"), call("there")];
  return [...plain, ...branches].flatMap((instruction) => encodings("x64", instruction, distances));
}

testDisassembly("x64", "every form of every instruction", everyForm);

test("jumps take their short form whenever it reaches", () => {
  const sizes = (instruction: ReturnType<typeof jump>) =>
    encodings("x64", instruction, [-127, -126, 129, 130]).map(({ bytes }) => bytes.length);
  expect(sizes(jump("there"))).toEqual([5, 2, 2, 5]);
  expect(sizes(conditionalJump("je", "there"))).toEqual([6, 2, 2, 6]);
});

test.each([
  ["displacement", () => memory("load", "rax", "rbx", 128), 128],
  ["bit", () => bitTest("rax", 64), 64],
  ["constant above 32 bits", () => moveConstant("rax", 2 ** 32), 2 ** 32],
  ["negative constant", () => moveConstant("rax", -1), -1],
  ["far jump", () => encodings("x64", jump("there"), [2 ** 31 + 5]), 2 ** 31],
  ["far call", () => encodings("x64", call("there"), [2 ** 31 + 5]), 2 ** 31],
  ["compared constant", () => compareConstant("rax", 2 ** 31), 2 ** 31],
] as const)("refuses what has no encoding: %s", (_, encode, value) => {
  expect(encode).toThrow(`no encoding for ${value}: expected an integer in [`);
});
