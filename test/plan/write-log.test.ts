// The steps that write a log, run in the stage: what is in the files afterwards.

import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LogFiles } from "../../src/config/stdio-choice.ts";
import type { Machine } from "../../src/linux/syscalls.ts";
import { entry } from "../../src/plan/log-layout.ts";
import { newSupervisorVariables } from "../../src/plan/supervisor.ts";
import { logWriter } from "../../src/plan/write-log.ts";
import { takeEntries } from "../../src/state/log-entries.ts";
import { address, compute, newBuffer, newSlot, type Slot, type Step, step } from "../../src/tape/step.ts";
import { emulator } from "../stage/run-tape.ts";
import { runSteps, temporaryFolder } from "../tape/run-steps.ts";

const machines = ["x64", "arm64"] as const;
for (const machine of machines)
  if (emulator(machine) === undefined) console.warn(`SKIPPED: logs of ${machine} in the stage: this machine lacks qemu-user-static`);

const S_IFREG = 0o100000;

/** What happens, in order: a text is written, or something else is done with the log's folder. */
type Act = string | typeof end | ((folder: Slot<"fd">, log: Slot<"fd">) => Step);
/** The container ends. */
const end = Symbol("end");

/** A file may not grow beyond this, as if the disk were full. */
const limitTo =
  (bytes: number): Act =>
  () =>
    step("prlimit64", [0, ["RLIMIT_FSIZE"], { struct: "rlimit64", rlim_cur: bytes, rlim_max: 1_000_000 }, null], "test", "limit files");
/** No descriptor can be opened beyond this number, so no file can be made either. */
const limitDescriptorsTo =
  (count: number): Act =>
  () =>
    step("prlimit64", [0, ["RLIMIT_NOFILE"], { struct: "rlimit64", rlim_cur: count, rlim_max: 64 }, null], "test", "limit descriptors");
const remove: Act = (folder) => step("unlinkat", [folder, "log", []], "test", "remove the log");
const cutTo =
  (bytes: number): Act =>
  (_, log) =>
    step("ftruncate", [log, bytes], "test", "cut the log");

/** Runs the writer over these acts; what is in each file afterwards. */
function write(machine: Machine, files: Partial<LogFiles>, acts: readonly Act[]): Record<string, string[]> {
  using temporary = temporaryFolder();
  const [folder, input] = [join(temporary.path, "folder"), join(temporary.path, "input")];
  mkdirSync(folder);
  writeFileSync(input, acts.filter((act) => typeof act === "string").join(""));
  const own = newSupervisorVariables(true);
  const { variables, stdio } = own;
  if (stdio === undefined) throw new Error("no stdio");
  const one = {
    bytes: newBuffer(variables, "bytes", 64),
    count: newSlot(variables, "int", "count"),
    stream: newSlot(variables, "int", "stream"),
  };
  const writer = logWriter(own, { kind: "supervised", driver: "local", maxBytes: 1000, files: 3, ...files }, one);
  const text = newSlot(variables, "fd", "text");
  const steps: Step[] = [
    // As in a supervisor: SIGXFSZ would end the stage.
    step("rt_sigprocmask", [["SIG_BLOCK"], new Uint8Array(8).fill(0xff), null, 8], "test", "block signals"),
    step("openat", ["AT_FDCWD", input, ["O_RDONLY"], 0], "test", "open the text", { out: text }),
    step("openat", ["AT_FDCWD", folder, ["O_PATH", "O_DIRECTORY"], 0], "test", "open the folder", { out: stdio.folder }),
    step("openat", [stdio.folder, "log", ["O_WRONLY", "O_CREAT", "O_APPEND"], 0o600], "test", "open the log", { out: stdio.log }),
    ...writer.prepare,
    compute([entry.streams.stderr, 0, 0, -1], "test", "stderr", { out: one.stream }),
  ];
  for (const [index, act] of acts.entries()) {
    if (act === end) steps.push(...writer.end(`${index}:`));
    else if (typeof act !== "string") steps.push(act(stdio.folder, stdio.log));
    else
      steps.push(
        step("read", [text, address(one.bytes), act.length], "test", "take a text", { out: one.count }),
        ...writer.write(`${index}:`),
      );
  }
  const { failed, errno } = runSteps(machine, [steps], variables);
  expect({ failed, errno }).toEqual({ failed: undefined, errno: undefined });
  return Object.fromEntries(
    readdirSync(folder)
      .toSorted()
      .map((name) => [name, textsIn(readFileSync(join(folder, name)))]),
  );
}

function textsIn(bytes: Uint8Array): string[] {
  const { entries, used, damaged } = takeEntries(bytes);
  const texts = entries.map((one) => (one.lost > 0 ? `lost ${one.lost}` : `${one.stream} ${new TextDecoder().decode(one.bytes)}`));
  return damaged || used !== bytes.length ? [...texts, "damage"] : texts;
}

describe.each(machines)("in the stage of %s", (machine) => {
  const it = test.skipIf(emulator(machine) === undefined);

  it("entries one behind the other, with the time", () => {
    expect(write(machine, {}, ["one\n", "two"])).toEqual({ log: ["stderr one\n", "stderr two"] });
  });

  it("a full file makes way for a new one, and the oldest goes", () => {
    const acts = ["0", "1", "2", "3", "4", "5", "6"];
    // Two entries of 25 bytes fill a file.
    expect(write(machine, { maxBytes: 50 }, acts)).toEqual({
      log: ["stderr 6"],
      "log.1": ["stderr 4", "stderr 5"],
      "log.2": ["stderr 2", "stderr 3"],
    });
  });

  it("of a single file nothing is kept when it is full", () => {
    expect(write(machine, { maxBytes: 50, files: 1 }, ["0", "1", "2"])).toEqual({ log: ["stderr 2"] });
  });

  it("on a full disk nothing is half, and what was lost is told once there is room", () => {
    // Room for the first entry and a half.
    const acts: Act[] = [limitTo(40), "first", "second", "third!", limitTo(1000), "last"];
    expect(write(machine, {}, acts)).toEqual({ log: ["stderr first", "lost 12", "stderr last"] });
  });

  it("where there is room for less than the news of the loss, that waits too", () => {
    const acts: Act[] = [limitTo(40), "first", "second", limitTo(50), "third", limitTo(1000), "last"];
    expect(write(machine, {}, acts)).toEqual({ log: ["stderr first", "lost 11", "stderr last"] });
  });

  it("what was lost last is told at the end, if there is room by then", () => {
    expect(write(machine, {}, [limitTo(40), "first", "second", limitTo(1000), end])).toEqual({ log: ["stderr first", "lost 6"] });
    expect(write(machine, {}, [limitTo(40), "first", "second", end])).toEqual({ log: ["stderr first"] });
    expect(write(machine, {}, ["first", end])).toEqual({ log: ["stderr first"] });
  });

  it("where no new file can be made the last one goes on, and no other is lost for it", () => {
    const none = limitDescriptorsTo(0);
    // The oldest had to go in any case.
    expect(write(machine, { maxBytes: 25 }, ["0", "1", "2", none, "3", "4", "5"])).toEqual({
      log: ["stderr 2", "stderr 3", "stderr 4", "stderr 5"],
      "log.1": ["stderr 1"],
    });
    expect(write(machine, { maxBytes: 25 }, ["0", "1", none, "2", limitDescriptorsTo(64), "3"])).toEqual({
      log: ["stderr 3"],
      "log.1": ["stderr 1", "stderr 2"],
      "log.2": ["stderr 0"],
    });
  });

  it("a log that was removed is begun anew", () => {
    expect(write(machine, {}, ["first", remove, "second"])).toEqual({ log: ["stderr second"] });
  });

  it("what somebody has put in the place of a removed log is left alone", () => {
    const put: Act = (folder) =>
      step("mknodat", [folder, "log", S_IFREG | 0o600, { major: 0, minor: 0 }], "test", "put another file there");
    expect(write(machine, {}, ["first", remove, put, "second", "third"])).toEqual({ log: ["stderr second", "stderr third"], "log.1": [] });
    expect(write(machine, { files: 1 }, ["first", remove, put, "second"])).toEqual({ log: ["stderr second"] });
  });

  it("a log that was emptied goes on from its beginning", () => {
    expect(write(machine, {}, ["first", cutTo(0), "second"])).toEqual({ log: ["stderr second"] });
  });

  it("a log that was cut is left, and another begun", () => {
    expect(write(machine, {}, ["first", cutTo(27), "second"])).toEqual({ log: ["stderr second"], "log.1": ["damage"] });
  });
});

test("entries have the time at which they were written", () => {
  using temporary = temporaryFolder();
  const before = Date.now() / 1000;
  const own = newSupervisorVariables(true);
  const { variables, stdio } = own;
  if (stdio === undefined) throw new Error("no stdio");
  const one = {
    bytes: newBuffer(variables, "bytes", 8),
    count: newSlot(variables, "int", "count"),
    stream: newSlot(variables, "int", "stream"),
  };
  const writer = logWriter(own, { kind: "supervised", driver: "local", maxBytes: 1000, files: 1 }, one);
  const path = join(temporary.path, "log");
  runSteps(
    process.arch === "arm64" ? "arm64" : "x64",
    [
      [
        step("openat", ["AT_FDCWD", path, ["O_WRONLY", "O_CREAT", "O_APPEND"], 0o600], "test", "open the log", { out: stdio.log }),
        ...writer.prepare,
        compute([entry.streams.stdout, 0, 0, -1], "test", "stdout", { out: one.stream }),
        compute([8, 0, 0, -1], "test", "eight bytes", { out: one.count }),
        ...writer.write("only:"),
      ],
    ],
    variables,
  );
  const [only] = takeEntries(readFileSync(path)).entries;
  const seconds = (only?.seconds ?? 0) + (only?.nanoseconds ?? 0) / 1e9;
  expect([seconds >= before - 0.02, seconds <= Date.now() / 1000 + 0.02]).toEqual([true, true]);
});
