// Encodes steps with src/tape/encode.ts and runs them in the stage as a real child, natively or under qemu-user.

import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errnoName } from "../../src/linux/errno-name.ts";
import type { Machine } from "../../src/linux/syscalls.ts";
import { buildStage } from "../../src/stage/build-stage.ts";
import { type Encoded, type EncodeOptions, encodeTape } from "../../src/tape/encode.ts";
import { record, STATUS_ADDRESS, STATUS_BYTES, status, TAPE_ADDRESS, TAPE_FILE_OFFSET } from "../../src/tape/layout.ts";
import type { Slot, Step, Buffer as TapeBuffer, Variables } from "../../src/tape/step.ts";
import { emulator } from "../stage/run-tape.ts";

export type Outcome = {
  readonly exit: number | string;
  readonly stdout: string;
  /** The step whose record stopped the tape, and its errno; neither when it ran to its end. */
  readonly failed: Step | undefined;
  readonly errno: string | undefined;
  /** What a shared slot holds afterwards. */
  readonly word: (slot: Slot) => bigint;
  readonly bytes: (buffer: TapeBuffer) => Uint8Array;
};

export const stagePlaces = (machine: Machine) => ({ machine, base: TAPE_ADDRESS, status: STATUS_ADDRESS });

/** The step that a record belongs to, by the record's address. */
export const ownerAt = (encoded: Encoded, address: number): Step | undefined =>
  encoded.owners[(address - encoded.recordsAddress) / record.bytes];

/** Runs the first of the lists. `stdio`: instead of nothing, a pipe and the caller's stderr. */
export function runSteps(
  machine: Machine,
  lists: readonly (readonly Step[])[],
  variables: Variables,
  options: EncodeOptions = {},
  stdio: readonly [number | "ignore", number | "pipe", number | "inherit"] = ["ignore", "pipe", "inherit"],
): Outcome {
  const encoded = encodeTape(lists, variables, stagePlaces(machine), options);
  using folder = temporaryFolder();
  const [elfPath, arenaPath] = [join(folder.path, "stage"), join(folder.path, "arena")];
  writeFileSync(elfPath, buildStage(machine).elf, { mode: 0o755 });
  const arena = new Uint8Array(TAPE_FILE_OFFSET + encoded.image.length);
  arena.set(encoded.image, TAPE_FILE_OFFSET);
  writeFileSync(arenaPath, arena);
  const fd = openSync(arenaPath, "r+");
  try {
    const child = Bun.spawnSync([...(emulator(machine) ?? []), elfPath], { stdio: [...stdio, fd], timeout: 20_000 });
    return {
      exit: child.signalCode ?? child.exitCode,
      stdout: child.stdout?.toString() ?? "",
      ...readStatus(encoded, readFileSync(arenaPath)),
    };
  } finally {
    closeSync(fd);
  }
}

function readStatus(encoded: Encoded, arena: Buffer) {
  const failed = Number(arena.readBigUInt64LE(status.failed));
  const errno = -Number(arena.readBigInt64LE(status.errno));
  const at = (of: Slot | TapeBuffer): number => {
    const offset = encoded.addressOf(of) - STATUS_ADDRESS;
    if (offset < 0 || offset >= STATUS_BYTES) throw new Error("only what is shared can be read afterwards");
    return offset;
  };
  return {
    failed: failed === 0 ? undefined : ownerAt(encoded, failed),
    errno: failed === 0 ? undefined : errnoName(errno),
    word: (slot: Slot) => arena.readBigInt64LE(at(slot)),
    bytes: (buffer: TapeBuffer) => new Uint8Array(arena.subarray(at(buffer), at(buffer) + buffer.bytes)),
  };
}

export function temporaryFolder() {
  const path = mkdtempSync(join(tmpdir(), "box-tape-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}
