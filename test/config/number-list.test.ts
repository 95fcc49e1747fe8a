import { expect, test } from "bun:test";
import { bitMask, numberList } from "../../src/config/number-list.ts";

const check = (text: string, numbers: number[] | undefined): void => expect(numberList(text)).toEqual(numbers as number[]);

test("one", () => check("5", [5]));
test("ranges and numbers", () => check("0-3,7", [0, 1, 2, 3, 7]));
test("a range of one", () => check("4-4", [4]));
test("spaces and empty parts", () => check(" 1 ,,2-3, ", [1, 2, 3]));
test("in order, and each once", () => check("7,2-4,0-3,7,3", [0, 1, 2, 3, 4, 7]));
test("the same again and again", () => expect(numberList("0-65535,".repeat(10_000))?.length).toBe(65_536));
test("backwards", () => check("3-1", undefined));
test("nothing", () => check(" , ", undefined));
test("half a range", () => check("1-", undefined));
test("below zero", () => check("-1", undefined));
test("no decimal number", () => check("0x1", undefined));
test("more than any machine has", () => check("65537", undefined));
test("a bit each, in words of 64", () => {
  expect([...bitMask([0, 9])]).toEqual([1, 2, 0, 0, 0, 0, 0, 0]);
  expect(bitMask([64]).length).toBe(16);
  expect(bitMask([64])[8]).toBe(1);
});
