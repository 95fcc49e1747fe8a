import { expect, test } from "bun:test";
import {
  branch,
  compare,
  compareConstant,
  conditionalBranch,
  conditionCodes,
  memory,
  memoryForms,
  move,
  moveConstant,
  type Register,
  registerForms,
  registers,
  ret,
  svc,
  testBitBranch,
  threeRegisters,
  udf,
} from "../../src/stage/arm64.ts";
import { type Encoded, encodings, testDisassembly } from "./disassemble.ts";

const keys = <T extends object>(table: T) => Object.keys(table) as (keyof T)[];
const everyRegister = keys(registers);
const everyPair = everyRegister.flatMap((one) => everyRegister.map((other): [Register, Register] => [one, other]));

/** The farthest that a field of so many bits reaches, both ways, and the nearest. */
const reach = (bits: number) => [0, 4, -4, (2 ** (bits - 1) - 1) * 4, -(2 ** (bits - 1)) * 4];

function everyForm(): Encoded[] {
  const plain = [
    ...everyPair.flatMap(([one, other]) => [
      ...keys(memoryForms).flatMap((form) => [0, 8, 0x7f8].map((offset) => memory(form, one, other, offset))),
      ...keys(registerForms).flatMap((form) => [threeRegisters(form, one, one, other), threeRegisters(form, "x8", one, other)]),
      move(one, other),
      compare(one, other),
    ]),
    ...everyRegister.flatMap((register) => [
      ...[0, 1, -1, 4095, -4095].map((value) => compareConstant(register, value)),
      ...[0, 125, 0xffff, 0x1_0000, 0x4001_0000, 0x1234_5678, 0xffff_ffff].flatMap((value) => moveConstant(register, value)),
    ]),
    ...[svc, udf, ret],
  ].flatMap((instruction) => encodings("arm64", instruction));
  const tests = everyRegister.flatMap((register) =>
    [0, 31, 32, 63].flatMap((bit) => [testBitBranch("tbz", register, bit, "there"), testBitBranch("tbnz", register, bit, "there")]),
  );
  return [
    ...plain,
    ...tests.flatMap((each) => encodings("arm64", each, reach(14))),
    ...keys(conditionCodes).flatMap((form) => encodings("arm64", conditionalBranch(form, "there"), reach(19))),
    ...(["b", "bl"] as const).flatMap((form) => encodings("arm64", branch(form, "there"), reach(26))),
  ];
}

testDisassembly("arm64", "every form of every instruction", everyForm);

const encode = (instruction: ReturnType<typeof branch>, distance: number) => encodings("arm64", instruction, [distance]);

test.each([
  ["displacement", () => memory("load", "x0", "x9", 0x8000), 0x1000],
  ["unaligned displacement", () => memory("load", "x0", "x9", 4), 0.5],
  ["negative displacement", () => memory("load", "x0", "x9", -8), -1],
  ["compared constant", () => compareConstant("x0", -4096), 4096],
  ["constant above 32 bits", () => moveConstant("x0", 2 ** 32), 2 ** 32],
  ["bit", () => testBitBranch("tbz", "x0", 64, "there"), 64],
  ["far tbz", () => encode(testBitBranch("tbz", "x0", 0, "there"), 2 ** 15), 2 ** 13],
  ["far b.eq", () => encode(conditionalBranch("eq", "there"), 2 ** 20), 2 ** 18],
  ["far b", () => encode(branch("b", "there"), 2 ** 27), 2 ** 25],
] as const)("refuses what has no encoding: %s", (_, act, value) => {
  expect(act).toThrow(`no encoding for ${value}: expected an integer in [`);
});
