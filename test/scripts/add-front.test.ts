import { expect, test } from "bun:test";
import { addFront } from "../../scripts/add-front.ts";

const PT_LOAD = 1;
const PT_INTERP = 3;

/** An ELF file with those program headers, and the linker's name behind them. */
function elf(type: number, headers: readonly { type: number; address?: number; memory?: number }[]): Uint8Array {
  const nameAt = 64 + headers.length * 56;
  const out = new Uint8Array(nameAt + 8);
  const view = new DataView(out.buffer);
  out.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, type, true);
  view.setBigUint64(24, 0x40_1000n, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, headers.length, true);
  for (const [index, { type: kind, address = 0, memory = 0 }] of headers.entries()) {
    const at = 64 + index * 56;
    view.setUint32(at, kind, true);
    view.setBigUint64(at + 8, BigInt(kind === PT_INTERP ? nameAt : 0), true);
    view.setBigUint64(at + 16, BigInt(address), true);
    view.setBigUint64(at + 32, BigInt(kind === PT_INTERP ? 7 : memory), true);
    view.setBigUint64(at + 40, BigInt(memory), true);
  }
  out.set(new TextEncoder().encode("/ld.so\0"), nameAt);
  return out;
}

test("names no linker any more, and has two segments and an entry point of its own", () => {
  const out = addFront(elf(2, [{ type: PT_INTERP }, { type: PT_LOAD, address: 0x40_0000, memory: 0x1000 }]));
  const view = new DataView(out.buffer);
  const table = Number(view.getBigUint64(32, true));
  const headers = Array.from({ length: view.getUint16(56, true) }, (_, index) => {
    const at = table + index * 56;
    return { type: view.getUint32(at, true), flags: view.getUint32(at + 4, true), address: Number(view.getBigUint64(at + 16, true)) };
  });
  expect(headers).toEqual([
    { type: PT_LOAD, flags: 0, address: 0x40_0000 },
    { type: PT_LOAD, flags: 5, address: 0x0f00_0000 },
    { type: PT_LOAD, flags: 6, address: 0x0f10_0000 },
  ]);
  expect(Number(view.getBigUint64(24, true))).toBe(0x0f00_0000);
});

test("refuses what is no executable at fixed addresses", () => {
  const wrong = "not an executable at fixed addresses with a program interpreter";
  expect(() => addFront(elf(3, [{ type: PT_INTERP }]))).toThrow(wrong);
  expect(() => addFront(elf(2, [{ type: PT_LOAD }]))).toThrow(wrong);
});

test("refuses a program that reaches into its place", () => {
  const large = [{ type: PT_INTERP }, { type: PT_LOAD, address: 0x40_0000, memory: 0x0f00_0000 }];
  expect(() => addFront(elf(2, large))).toThrow("the program reaches into where the front goes: src/front/layout.ts");
});
