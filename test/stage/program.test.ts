import { describe, expect, test } from "bun:test";
import { listStage } from "../../src/stage/build-stage.ts";
import { header, TAPE_ADDRESS, TAPE_FILE_OFFSET } from "../../src/tape/layout.ts";
import { emulator, type Outcome, reported, runTape, type Slots, slot, type Tape } from "./run-tape.ts";

const ENOENT = 2;
const EBADF = 9;
const SIGKILL = 9;
const PROT_READ = 1;
const MAP_PRIVATE_FIXED = 0x12;
const CLONE_VM_VFORK_SIGCHLD = 0x4111;
const PR_SET_SECCOMP = 22;
const SECCOMP_MODE_STRICT = 1;
const P_PID = 1;
const WEXITED = 4;
const SI_STATUS = 24;

/** Stores a constant: proof that the tape came by. */
const mark = (index: number, value: number) => ({ call: "compute", args: [value, 0, 0, -1], out: reported(index) }) as const;
const badClose = { call: "close", args: [-1] } as const;

const summary = ({ exit, current, failed, errno }: Outcome) => ({ exit, current, failed, errno });
const allWell = (current: string) => ({ exit: 0, current, failed: "0x0", errno: 0 });
const marks = (outcome: Outcome, count: number) => Array.from({ length: count }, (_, index) => outcome.reported(index));

for (const machine of ["x64", "arm64"] as const) {
  if (machine !== process.arch) console.warn(`SKIPPED: ${machine} under seccomp: this machine would have to be one`);
  if (emulator(machine) === undefined) {
    console.warn(`SKIPPED: the stage for ${machine} as a child: this machine lacks qemu-user-static`);
  }
}

describe.each(["x64", "arm64"] as const)("%s: registers", (machine) => {
  const rows = listStage(machine);
  const indexOf = (label: string) => rows.findIndex((row) => row.label === label);

  test("from run to done nothing touches the stack", () => {
    const loop = rows.slice(indexOf("run"), indexOf("done")).map((row) => row.text);
    expect(loop.length).toBeGreaterThan(50);
    expect(loop.filter((text) => /\b(push|pop|call|ret|bl|[re]?sp)\b/.test(text))).toEqual([]);
  });

  test("what the C ABI makes a callee keep is saved before use and restored in reverse", () => {
    const all = rows.slice(indexOf("interpret"), indexOf("_start")).map((row) => row.text);
    const kept = new Set(all.flatMap((text) => text.match(/\b([re]bx|[re]bp|r1[2-5]d?|[xw](1[89]|2\d|30))\b/g) ?? []));
    const pushed = all.filter((text) => text.startsWith("push ")).map((text) => text.slice(5));
    const popped = all.filter((text) => text.startsWith("pop ")).map((text) => text.slice(4));
    expect([...kept].toSorted()).toEqual(machine === "x64" ? ["ebp", "r14", "r15", "rbp", "rbx"] : []);
    expect(pushed).toEqual(machine === "x64" ? ["rbx", "rbp", "r14", "r15"] : []);
    expect(popped.toReversed()).toEqual(pushed);
  });
});

describe.each(["x64", "arm64"] as const)("%s as a child", (machine) => {
  const it = test.skipIf(emulator(machine) === undefined);
  const run = (tape: Tape, slots: Slots = {}) => runTape(machine, tape, slots);

  describe("out", () => {
    it("takes a call's result, all eight bytes", () => {
      const outcome = run({ pid: { call: "getpid", out: reported(0) }, compute: { ...mark(1, -5000) } });
      expect(summary(outcome)).toEqual(allWell("compute"));
      expect(outcome.reported(0)).toBeGreaterThan(1n);
      expect(outcome.reported(0)).toBeLessThan(2n ** 31n);
      expect(outcome.reported(1)).toBe(-5000n);
    });

    it("is optional, and not written on failure", () => {
      const outcome = run({
        one: mark(0, 7),
        two: { call: "getpid" },
        three: { ...badClose, out: reported(0), onError: "ignore" },
      });
      expect(summary(outcome)).toEqual(allWell("three"));
      expect(outcome.reported(0)).toBe(7n);
    });
  });

  describe("arguments", () => {
    it.each([
      ["none", []],
      ["a0", [0]],
      ["a1", [1]],
      ["a2", [2]],
      ["a3", [3]],
      ["a4", [4]],
      ["a5", [5]],
      ["all", [0, 1, 2, 3, 4, 5]],
    ])("of a call with six of them; from slots: %s", (_, fromSlots) => {
      const place = 0x5000_0000;
      const args = [place, 0x1000, PROT_READ, MAP_PRIVATE_FIXED, 3, TAPE_FILE_OFFSET];
      const outcome = run(
        {
          map: {
            call: "mmap",
            args: args.map((value, index) => (fromSlots.includes(index) ? { from: slot(index) } : value)),
            out: reported(0),
          },
          look: { call: "compute", args: [{ from: place + header.entry }, 0, 0, -1], out: reported(1) },
        },
        Object.fromEntries(args.map((value, index) => [index, BigInt(value)])),
      );
      expect(summary(outcome)).toEqual(allWell("look"));
      expect(marks(outcome, 2)).toEqual([BigInt(place), BigInt(TAPE_ADDRESS + header.bytes)]);
    });

    it("are 64 bits wide", () => {
      const outcome = run({ one: { call: "compute", args: [2n ** 62n + 5n, 1, 0, -1], out: reported(0) } });
      expect(outcome.reported(0)).toBe(2n ** 62n + 6n);
    });

    it("come from unaligned addresses too", () => {
      const outcome = run(
        { one: { call: "compute", args: [{ from: slot(0) + 4 }, 0, 0, 0xffff_ffff], out: reported(0) } },
        { 0: 0x1234_5678_0000_0000n },
      );
      expect(outcome.reported(0)).toBe(0x1234_5678n);
    });
  });

  describe("compute", () => {
    it.each([
      ["adds", [40, 2, 0, -1], 42n],
      ["subtracts", [40, 2, 50_000, -1], -49_958n],
      ["masks", [0xff, 1, 0, 0xff0], 0x100n],
      ["wraps", [-1, 1, 0, -1], 0n],
      ["gives what is just not an error", [-4096, 0, 0, -1], -4096n],
    ] as const)("%s", (_, args, expected) => {
      const outcome = run({ one: { call: "compute", args, out: reported(0) } });
      expect(summary(outcome)).toEqual(allWell("one"));
      expect(outcome.reported(0)).toBe(expected);
    });

    it.each([-1, -4095])("gives an error from -4095 to -1: %d", (result) => {
      const outcome = run({ one: { ...mark(0, result), match: [result, "two"] }, two: mark(1, 1) });
      expect(summary(outcome)).toEqual({ exit: 125, current: "one", failed: "one", errno: result });
      expect(marks(outcome, 2)).toEqual([0n, 0n]);
    });

    // qemu-user does not pass seccomp on.
    test.skipIf(machine !== process.arch)("makes no call: it is legal where nearly all are fatal", () => {
      const strict = { call: "prctl", args: [PR_SET_SECCOMP, SECCOMP_MODE_STRICT] } as const;
      const outcome = run({ strict, one: mark(0, 3), two: mark(1, 4), pid: { call: "getpid" }, three: mark(2, 5) });
      expect(summary(outcome)).toEqual({ ...allWell("pid"), exit: "SIGKILL" });
      expect(marks(outcome, 3)).toEqual([3n, 4n, 0n]);
    });
  });

  describe("match", () => {
    const tape = (value: number, result: number): Tape => ({
      one: { call: "compute", args: [result, 0, 0, -1], match: [value, "three"] },
      two: mark(0, 1),
      three: mark(1, 1),
    });

    it.each([5, 0, -5000])("goes to its target if equal: %d", (value) => {
      expect(marks(run(tape(value, value)), 2)).toEqual([0n, 1n]);
    });

    it.each([5, 0, -5000])("goes on with next if not: %d", (value) => {
      expect(marks(run(tape(value, value + 1)), 2)).toEqual([1n, 1n]);
    });

    it("needs a target, whatever the value", () => {
      const outcome = run({ one: { call: "compute", args: [0, 0, 0, -1] }, two: mark(0, 1) });
      expect(summary(outcome)).toEqual(allWell("two"));
    });

    it("comes after out", () => {
      const outcome = run({ one: { ...mark(0, 9), match: [9, "three"] }, two: mark(1, 1), three: mark(2, 1) });
      expect(marks(outcome, 3)).toEqual([9n, 0n, 1n]);
    });
  });

  describe("next", () => {
    it("stops at 0", () => {
      const outcome = run({ one: { ...mark(0, 1), next: "stop" }, two: mark(1, 1) });
      expect(summary(outcome)).toEqual(allWell("one"));
      expect(marks(outcome, 2)).toEqual([1n, 0n]);
    });

    it("goes backwards: a loop that counts to five", () => {
      const outcome = run({
        one: mark(0, 0),
        count: { call: "compute", args: [{ from: reported(0) }, 1, 0, -1], out: reported(0), match: [5, "done"] },
        pid: { call: "getpid", next: { label: "count" } },
        done: mark(1, 1),
      });
      expect(summary(outcome)).toEqual(allWell("done"));
      expect(marks(outcome, 2)).toEqual([5n, 1n]);
    });

    it("comes from a slot", () => {
      const outcome = run(
        { one: { ...mark(0, 1), next: { from: slot(0) } }, two: mark(1, 1), three: mark(2, 1) },
        { 0: { label: "three" } },
      );
      expect(marks(outcome, 3)).toEqual([1n, 0n, 1n]);
    });

    it("stops at a slot that holds 0", () => {
      const outcome = run({ one: { ...mark(0, 1), next: { from: slot(0) } }, two: mark(1, 1) }, { 0: 0n });
      expect(summary(outcome)).toEqual(allWell("one"));
    });

    it("is looked up after the call, so that the call can write it: dispatch", () => {
      const outcome = run({
        one: { call: "compute", args: [{ label: "three" }, 0, 0, -1], out: slot(0), next: { from: slot(0) } },
        two: mark(0, 1),
        three: mark(1, 1),
      });
      expect(marks(outcome, 2)).toEqual([0n, 1n]);
    });
  });

  describe("onError", () => {
    it("0 records the record and its errno, and stops", () => {
      const outcome = run({ one: mark(0, 1), two: badClose, three: mark(1, 1) });
      expect(summary(outcome)).toEqual({ exit: 125, current: "two", failed: "two", errno: -EBADF });
      expect(marks(outcome, 2)).toEqual([1n, 0n]);
    });

    it("1 goes on with next, without match", () => {
      const outcome = run({
        one: { ...badClose, onError: "ignore", match: [-EBADF, "three"] },
        two: mark(0, 1),
        three: mark(1, 1),
      });
      expect(summary(outcome)).toEqual(allWell("three"));
      expect(marks(outcome, 2)).toEqual([1n, 1n]);
    });

    it("1 on the last record ends well", () => {
      expect(summary(run({ one: { ...badClose, onError: "ignore" } }))).toEqual(allWell("one"));
    });

    it("1 with next from a slot", () => {
      const outcome = run(
        { one: { ...badClose, onError: "ignore", next: { from: slot(0) } }, two: mark(0, 1), three: mark(1, 1) },
        { 0: { label: "three" } },
      );
      expect(marks(outcome, 2)).toEqual([0n, 1n]);
    });

    it("an address goes on there", () => {
      const outcome = run({ one: { ...badClose, onError: { label: "three" } }, two: mark(0, 1), three: mark(1, 1) });
      expect(summary(outcome)).toEqual(allWell("three"));
      expect(marks(outcome, 2)).toEqual([0n, 1n]);
    });

    it("always leaves the last errno and its record in the header, for the tape itself to read", () => {
      const path = slot(0);
      const outcome = run(
        {
          one: { ...badClose, onError: "ignore" },
          two: { call: "chdir", args: [path], onError: "ignore" },
          tell: { call: "write", args: [1, TAPE_ADDRESS + header.lastErrno, 16] },
        },
        // "/-\0": no such folder.
        { 0: 0x2d2fn },
      );
      const view = Buffer.from(outcome.stdout);
      expect(view.readBigInt64LE(0)).toBe(BigInt(-ENOENT));
      expect(view.readBigInt64LE(8)).toBe(BigInt(TAPE_ADDRESS + header.bytes + 96));
      // The tape region is private to the stage: nobody else sees this.
      expect(outcome.arena.readBigInt64LE(TAPE_FILE_OFFSET + header.lastErrno)).toBe(0n);
    });
  });

  describe("the process", () => {
    it("ends as the tape says", () => {
      expect(summary(run({ one: mark(0, 1), two: { call: "exit_group", args: [7] } }))).toEqual({
        ...allWell("two"),
        exit: 7,
      });
    });

    it("leaves the record it died in as the current one", () => {
      const outcome = run({
        pid: { call: "getpid", out: slot(0) },
        kill: { call: "kill", args: [{ from: slot(0) }, SIGKILL] },
        after: mark(0, 1),
      });
      expect(summary(outcome)).toEqual({ ...allWell("kill"), exit: "SIGKILL" });
      expect(outcome.reported(0)).toBe(0n);
    });

    it("exits with 125 without an arena", () => {
      expect(runTape(machine, { one: mark(0, 1) }, {}, { missing: true }).exit).toBe(125);
    });

    it("exits with 125 if it cannot write the status region", () => {
      const outcome = runTape(machine, { one: mark(0, 1) }, {}, { flags: "r" });
      expect(summary(outcome)).toEqual({ ...allWell("0x0"), exit: 125 });
    });

    it("goes on in parent and child after clone(CLONE_VM | CLONE_VFORK) on one stack", () => {
      const outcome = run({
        clone: { call: "clone", args: [CLONE_VM_VFORK_SIGCHLD, 0, 0, 0, 0], out: slot(0), match: [0, "child"] },
        parent: mark(0, 11),
        wait: { call: "waitid", args: [P_PID, { from: slot(0) }, slot(1), WEXITED, 0] },
        status: {
          call: "compute",
          args: [{ from: slot(1) + SI_STATUS }, 0, 0, 0xffff_ffff],
          out: reported(1),
          next: "stop",
        },
        child: mark(2, 12),
        failing: { ...badClose, onError: "ignore" },
        exit: { call: "exit_group", args: [9] },
      });
      expect(summary(outcome)).toEqual(allWell("status"));
      expect(marks(outcome, 3)).toEqual([11n, 9n, 12n]);
    });
  });
});
