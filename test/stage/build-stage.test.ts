import { CFunction, dlopen, type Pointer, ptr } from "bun:ffi";
import { describe, expect, test } from "bun:test";
import { closeSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildStage, listStage, printStage } from "../../src/stage/build-stage.ts";
import { CODE_OFFSET } from "../../src/stage/elf.ts";
import { header, record, status } from "../../src/tape/layout.ts";
import { testDisassembly, withDistance } from "./disassemble.ts";
import { encodeTape, type Tape } from "./run-tape.ts";

const machines = ["x64", "arm64"] as const;

test("the stage's size", () => {
  expect(machines.map((machine) => buildStage(machine).elf.length)).toEqual([550, 524]);
});

describe.each([...machines])("%s", (machine) => {
  testDisassembly(machine, "every row of the listing", () =>
    listStage(machine).map(({ offset, bytes, text, target }) => ({
      bytes,
      text: target === undefined ? text : withDistance(machine, text, target.label, target.offset - offset, bytes.length),
    })),
  );

  test("the rows are the file after its headers, without a gap", () => {
    const { elf } = buildStage(machine);
    const rows = listStage(machine);
    expect(rows.flatMap((row) => row.bytes)).toEqual([...elf.subarray(CODE_OFFSET)]);
    for (const [index, { offset, bytes }] of rows.entries()) {
      expect(offset + bytes.length).toBe(rows[index + 1]?.offset ?? elf.length);
    }
  });

  test("interpretOffset and the entry point are where the labels are", () => {
    const { elf, interpretOffset } = buildStage(machine);
    const rows = listStage(machine);
    const offsetOf = (label: string) => rows.find((row) => row.label === label)?.offset;
    expect(offsetOf("interpret")).toBe(interpretOffset);
    const entry = new DataView(elf.buffer).getUint32(24, true) - 0x400000;
    expect(offsetOf("_start")).toBe(entry);
  });
});

test("printStage", () => {
  const lines = printStage("x64").split("\n");
  expect(`\n${lines.slice(0, 11).join("\n")}\n`).toMatchInlineSnapshot(`
    "
    interpret:
    00b0  53                    push rbx
    00b1  55                    push rbp
    00b2  41 56                 push r14
    00b4  41 57                 push r15
    00b6  49 89 ff              mov r15, rdi
    00b9  4d 8b 37              mov r14, qword ptr [r15]
    00bc  49 8b 4f 08           mov rcx, qword ptr [r15 + 8]
    run:
    00c0  48 89 cb              mov rbx, rcx
    00c3  49 89 1e              mov qword ptr [r14], rbx
    "
  `);
});

describe("interpret, called as a C function in this process", () => {
  const machine = process.arch === "arm64" ? "arm64" : "x64";

  /** Maps the file as box does and interprets a tape that lies in JavaScript's own memory. */
  function interpret(tape: (out: number) => Tape) {
    const region = new Uint8Array(0x3000);
    const statusRegion = new Uint8Array(0x1000);
    const places = { tape: ptr(region), status: ptr(statusRegion) };
    region.set(encodeTape(machine, tape(places.status + status.bytes), {}, places));
    const result = callStage(ptr(region));
    const view = new DataView(statusRegion.buffer);
    const at = (offset: number) => Number(view.getBigInt64(offset, true));
    const index = (address: number) => (address - places.tape - header.bytes) / record.bytes;
    return { result, current: index(at(status.current)), errno: at(status.errno), out: at(status.bytes) };
  }

  function callStage(headerAddress: Pointer): number {
    const { elf, interpretOffset } = buildStage(machine);
    const path = join(tmpdir(), `box-stage-${process.pid}`);
    writeFileSync(path, elf);
    const fd = openSync(path, "r");
    rmSync(path);
    const PROT_READ_EXEC = 5;
    const MAP_PRIVATE = 2;
    const libc = dlopen("libc.so.6", { mmap: { args: ["ptr", "u64", "i32", "i32", "i32", "i64"], returns: "ptr" } });
    const address = Number(libc.symbols.mmap(null, elf.length, PROT_READ_EXEC, MAP_PRIVATE, fd, 0));
    closeSync(fd);
    const call = CFunction({ ptr: (address + interpretOffset) as Pointer, args: ["ptr"], returns: "i64" });
    return Number(call(headerAddress));
  }

  test("returns 0 when the tape ends well", () => {
    const outcome = interpret((out) => ({
      one: { call: "getpid", out },
      two: { call: "close", args: [-1], onError: "ignore" },
    }));
    expect(outcome).toEqual({ result: 0, current: 1, errno: 0, out: process.pid });
  });

  test("returns the negative errno of the record that stopped it", () => {
    const outcome = interpret((out) => ({
      one: { call: "compute", args: [42, 0, 0, -1], out },
      two: { call: "close", args: [-1] },
    }));
    expect(outcome).toEqual({ result: -9, current: 1, errno: -9, out: 42 });
  });
});
