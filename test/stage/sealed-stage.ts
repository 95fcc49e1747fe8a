// Makes the stage's file by the plan's own steps, inside this process, and tries everything on it that a container's
// root might. As a program of its own it prints what it found: tests run it in pid namespaces with other settings.

import { closeSync, openSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as libc from "../../src/execute/libc.ts";
import { errnoName } from "../../src/linux/errno-name.ts";
import { flags } from "../../src/linux/flags.ts";
import type { CallName } from "../../src/linux/syscalls.ts";
import { newBoxVariables, sealStage } from "../../src/plan/box.ts";
import { encodeTape } from "../../src/tape/encode.ts";
import { TAPE_FILE_OFFSET } from "../../src/tape/layout.ts";
import { address, newBuffer, newSlot, newVariables, type Step, step } from "../../src/tape/step.ts";
import { stagePlaces, temporaryFolder } from "../tape/run-steps.ts";

export type Sealed = {
  /** "done", or the errno that the steps stopped with. */
  readonly made: string;
  /** What the kernel calls the file. */
  readonly link: string;
  readonly holdsTheStage: boolean;
  readonly seals: readonly string[];
  /** What became of each attempt to change it. */
  readonly attempts: Readonly<Record<string, string>>;
  /** What the stage, run from that file, says its own file is. */
  readonly ownFile: string;
};

const answer = (call: CallName, ...args: readonly number[]): string => {
  const result = libc.systemCall(call, ...args);
  return result < 0 ? errnoName(-result) : "done";
};

/** `change` may put other steps in place of the plan's. */
export function sealHere(change: (steps: Step[]) => Step[] = (steps) => steps): Sealed {
  const box = newBoxVariables();
  const where = { machine: libc.machine, base: libc.tapeMemory.address, status: libc.boxStatusAddress };
  const encoded = encodeTape([change(sealStage(box))], box.variables, where);
  const { elf } = libc.stage;
  libc.loadTape(encoded.image);
  libc.writeWord(encoded.addressOf(box.stageBytes.address), libc.addressOf(elf));
  libc.writeWord(encoded.addressOf(box.stageBytes.length), elf.length);
  const result = libc.runTape(encoded.entries[0] as number);
  const fd = libc.readWord(encoded.addressOf(box.stage));
  try {
    return {
      made: result === 0 ? "done" : errnoName(-result),
      link: readlinkSync(`/proc/self/fd/${fd}`),
      holdsTheStage: readFileSync(`/proc/self/fd/${fd}`).equals(elf),
      seals: Object.entries(flags.SEAL).flatMap(([name, bit]) =>
        libc.systemCall("fcntl", fd, flags.F_CMD.F_GET_SEALS, 0) & bit ? [name] : [],
      ),
      ownFile: runStage(fd),
      attempts: tryToChange(fd),
    };
  } finally {
    libc.systemCall("close", fd);
  }
}

function tryToChange(fd: number): Sealed["attempts"] {
  const text = libc.cString("x");
  const attempts = (file: number, how: string): Record<string, string> => ({
    [`write${how}`]: answer("pwrite64", file, text.address, 1, 0),
    [`shrink${how}`]: answer("ftruncate", file, 0),
    [`grow${how}`]: answer("ftruncate", file, 1 << 20),
  });
  const { PROT_READ, PROT_WRITE } = flags.PROT;
  const own = {
    ...attempts(fd, ""),
    map: answer("mmap", 0, 4096, PROT_READ | PROT_WRITE, flags.MAP.MAP_SHARED, fd, 0),
  };
  const path = libc.cString(`/proc/self/fd/${fd}`);
  const again = libc.systemCall("openat", -100, path.address, flags.O.O_RDWR, 0);
  const anew = again < 0 ? { "open anew": errnoName(-again) } : attempts(again, " anew");
  if (again >= 0) libc.systemCall("close", again);
  return { ...own, ...anew, unchanged: readFileSync(`/proc/self/fd/${fd}`).equals(libc.stage.elf) ? "yes" : "no" };
}

/** Runs it on a tape that writes the link of its own /proc/self/exe. */
function runStage(fd: number): string {
  const variables = newVariables();
  const link = newBuffer(variables, "link", 64);
  const length = newSlot(variables, "int", "length");
  const steps = [
    step("readlinkat", ["AT_FDCWD", "/proc/self/exe", address(link), link.bytes], "test", "look", { out: length }),
    step("write", [1, address(link), length], "test", "say"),
  ];
  const { image } = encodeTape([steps], variables, stagePlaces(libc.machine));
  using folder = temporaryFolder();
  const arena = new Uint8Array(TAPE_FILE_OFFSET + image.length);
  arena.set(image, TAPE_FILE_OFFSET);
  const path = join(folder.path, "arena");
  writeFileSync(path, arena);
  const file = openSync(path, "r+");
  try {
    const child = Bun.spawnSync([`/proc/${process.pid}/fd/${fd}`], { stdio: ["ignore", "pipe", "inherit", file], timeout: 10_000 });
    return child.exitCode === 0 ? child.stdout.toString() : `ended with ${child.signalCode ?? child.exitCode}`;
  } finally {
    closeSync(file);
  }
}

if (import.meta.main) console.log(JSON.stringify(sealHere()));
