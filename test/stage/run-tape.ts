// Runs hand-written tapes in the stage as a real child, natively or under qemu-user, and reports what box would see.
// The encoder here is deliberately a second, plain one: the stage is tested against layout.ts, not against src/tape.

import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CallName, type Machine, syscalls } from "../../src/linux/syscalls.ts";
import { buildStage } from "../../src/stage/build-stage.ts";
import * as layout from "../../src/tape/layout.ts";

/** Slots: private ones in the tape region; reported ones in the status region, which box can read afterwards. */
const SLOTS_OFFSET = 0x2000;
const TAPE_BYTES = 0x3000;
export const slot = (index: number) => layout.TAPE_ADDRESS + SLOTS_OFFSET + 8 * index;
export const reported = (index: number) => layout.STATUS_ADDRESS + layout.status.bytes + 8 * index;

/** A number, the address of a record, or a slot to load from. */
export type Value = number | bigint | { readonly label: string } | { readonly from: number };

export type TapeRecord = {
  readonly call: CallName | "compute";
  readonly args?: readonly Value[];
  readonly out?: number;
  readonly match?: readonly [value: number, target: string];
  readonly onError?: "stop" | "ignore" | { readonly label: string };
  /** The record after this one if left out. */
  readonly next?: "stop" | { readonly label: string } | { readonly from: number };
};
export type Tape = Record<string, TapeRecord>;

/** What a slot holds at the start, by its index; the others hold -1. */
export type Slots = Record<number, bigint | { readonly label: string }>;

export type Places = { readonly tape: number; readonly status: number };
const stagePlaces: Places = { tape: layout.TAPE_ADDRESS, status: layout.STATUS_ADDRESS };

/** The tape region: header, records in their order, slots. */
export function encodeTape(machine: Machine, tape: Tape, slots: Slots = {}, places = stagePlaces): Uint8Array {
  const bytes = new Uint8Array(TAPE_BYTES).fill(0xff, SLOTS_OFFSET);
  const view = new DataView(bytes.buffer);
  const put = (at: number, value: number | bigint) => view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), true);
  const address = (label: string) => places.tape + recordOffset(tape, label);
  const resolve = (value: Value) => (typeof value !== "object" ? value : "label" in value ? address(value.label) : value.from);
  put(layout.header.status, places.status);
  put(layout.header.entry, places.tape + layout.header.bytes);
  for (const [index, value] of Object.entries(slots)) put(SLOTS_OFFSET + 8 * Number(index), resolve(value));
  const labels = Object.keys(tape);
  for (const [index, [label, each]] of Object.entries(tape).entries()) {
    const at = recordOffset(tape, label);
    const following = labels[index + 1];
    const { call, args = [], onError = "stop", next = following === undefined ? "stop" : { label: following } } = each;
    view.setInt32(at, call === "compute" ? -1 : syscalls[call][machine], true);
    view.setUint32(at + layout.record.mask, maskOf(args, each.next), true);
    for (const [arg, value] of args.entries()) put(at + layout.record.args + 8 * arg, resolve(value));
    put(at + layout.record.out, each.out ?? 0);
    put(at + layout.record.matchValue, each.match?.[0] ?? 0);
    put(at + layout.record.matchTarget, each.match === undefined ? 0 : address(each.match[1]));
    put(at + layout.record.onError, typeof onError === "object" ? resolve(onError) : onError === "ignore" ? 1 : 0);
    put(at + layout.record.next, next === "stop" ? 0 : resolve(next));
  }
  return bytes;
}

function recordOffset(tape: Tape, label: string): number {
  const index = Object.keys(tape).indexOf(label);
  if (index < 0) throw new Error(`the tape has no record ${label}`);
  return layout.header.bytes + layout.record.bytes * index;
}

function maskOf(args: readonly Value[], next: TapeRecord["next"]): number {
  const fromSlot = (value: unknown) => typeof value === "object" && value !== null && "from" in value;
  const bits = args.map((value, index) => (fromSlot(value) ? 1 << index : 0));
  return bits.reduce((mask, bit) => mask | bit, fromSlot(next) ? layout.MASK_NEXT : 0);
}

/** How to start a program of that machine here, or nothing if this machine cannot. */
export function emulator(machine: Machine): readonly string[] | undefined {
  if (machine === process.arch) return [];
  const qemu = Bun.which(machine === "arm64" ? "qemu-aarch64-static" : "qemu-x86_64-static");
  return qemu === null ? undefined : [qemu];
}

export type Outcome = {
  readonly exit: number | string;
  readonly stdout: Uint8Array;
  /** Labels of the record that ran last and of the one that stopped the tape; an unknown address is printed. */
  readonly current: string;
  readonly failed: string;
  readonly errno: number;
  readonly reported: (index: number) => bigint;
  /** The arena's file as it is afterwards. */
  readonly arena: Buffer;
};

export type Arena = { readonly flags?: string; readonly missing?: boolean };

/** Runs the stage with the tape's arena as descriptor 3. */
export function runTape(machine: Machine, tape: Tape, slots: Slots = {}, arena: Arena = {}): Outcome {
  using folder = temporaryFolder();
  const [elfPath, arenaPath] = [join(folder.path, "stage"), join(folder.path, "arena")];
  writeFileSync(elfPath, buildStage(machine).elf, { mode: 0o755 });
  const bytes = Buffer.alloc(layout.TAPE_FILE_OFFSET + TAPE_BYTES);
  bytes.set(encodeTape(machine, tape, slots), layout.TAPE_FILE_OFFSET);
  writeFileSync(arenaPath, bytes);
  const fd = openSync(arenaPath, arena.flags ?? "r+");
  try {
    const child = Bun.spawnSync([...(emulator(machine) ?? []), elfPath, "an", "argument"], {
      stdio: ["ignore", "pipe", "inherit", ...(arena.missing ? [] : [fd])],
      timeout: 20_000,
    });
    const exit = child.signalCode ?? child.exitCode;
    return { exit, stdout: child.stdout, ...readStatus(tape, readFileSync(arenaPath)) };
  } finally {
    closeSync(fd);
  }
}

function readStatus(tape: Tape, arena: Buffer) {
  const labels = new Map(Object.keys(tape).map((label) => [layout.TAPE_ADDRESS + recordOffset(tape, label), label]));
  const name = (at: number) => {
    const address = Number(arena.readBigUInt64LE(at));
    return labels.get(address) ?? `0x${address.toString(16)}`;
  };
  return {
    current: name(layout.status.current),
    failed: name(layout.status.failed),
    errno: Number(arena.readBigInt64LE(layout.status.errno)),
    reported: (index: number) => arena.readBigInt64LE(layout.status.bytes + 8 * index),
    arena,
  };
}

function temporaryFolder() {
  const path = mkdtempSync(join(tmpdir(), "box-stage-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}
