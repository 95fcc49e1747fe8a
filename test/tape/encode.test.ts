import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { BoxError } from "../../src/errors.ts";
import type { Machine } from "../../src/linux/syscalls.ts";
import { type EncodeOptions, encodeTape } from "../../src/tape/encode.ts";
import { TAPE_BYTES_MAX } from "../../src/tape/layout.ts";
import {
  address,
  compute,
  lastErrno,
  lastRecord,
  newBuffer,
  newSlot,
  newVariables,
  type Step,
  type StepOptions,
  type Struct,
  slotIn,
  step,
  type Variables,
} from "../../src/tape/step.ts";
import { emulator } from "../stage/run-tape.ts";
import { type Outcome, runSteps, stagePlaces } from "./run-steps.ts";

const machines = ["x64", "arm64"] as const;
const CLONE_VM_VFORK_SIGCHLD = 0x4111;
for (const machine of machines)
  if (emulator(machine) === undefined) console.warn(`SKIPPED: tapes of ${machine} in the stage: this machine lacks qemu-user-static`);

const say = (text: string, options?: StepOptions): Step =>
  step("write", [1, text, new TextEncoder().encode(text).length], "test", `say ${text}`, options);
const closeNothing = (options?: StepOptions): Step => step("close", [-1], "test", "fail with EBADF", options);
const findNothing = (options?: StepOptions): Step => step("chdir", ["/no/such/folder"], "test", "fail with ENOENT", options);
const ended = { exit: 0, failed: undefined, errno: undefined };
const stopped = (failed: Step, errno: string) => ({ exit: 125, failed, errno });

const summary = ({ exit, stdout, failed, errno }: Outcome) => ({ exit, stdout, failed, errno });

describe.each(machines)("in the stage of %s", (machine) => {
  const it = test.skipIf(emulator(machine) === undefined);
  const run = (steps: readonly Step[], more: readonly (readonly Step[])[] = [], options?: EncodeOptions) =>
    summary(runSteps(machine, [steps, ...more], newVariables(), options));
  const runWith = (steps: (variables: Variables) => readonly Step[]): Outcome => {
    const variables = newVariables();
    return runSteps(machine, [steps(variables)], variables);
  };

  describe("an error", () => {
    it.each([undefined, "stop"] as const)("stops the tape: %p", (onError) => {
      const fails = closeNothing(onError === undefined ? {} : { onError });
      expect(run([say("a"), fails, say("b")])).toEqual({ ...stopped(fails, "EBADF"), stdout: "a" });
    });

    it.skipIf(Bun.which("flock") === null)("has the call made again, until another process lets it succeed", async () => {
      const folder = mkdtempSync(`${tmpdir()}/box-again-`);
      const path = `${folder}/lock`;
      writeFileSync(path, "");
      const holder = Bun.spawn(["flock", path, "sh", "-c", "echo held; sleep 0.3"], { stdout: "pipe" });
      await holder.stdout.getReader().read();
      const outcome = runWith((variables) => {
        const file = newSlot(variables, "fd", "file");
        return [
          step("openat", ["AT_FDCWD", path, ["O_RDWR"], 0], "test", "open", { out: file }),
          step("flock", [file, ["LOCK_EX", "LOCK_NB"]], "test", "lock", { onError: [["EAGAIN", "again"]], ok: [say("locked")] }),
          say(", on"),
        ];
      });
      expect(summary(outcome)).toEqual({ ...ended, stdout: "locked, on" });
      await holder.exited;
      rmSync(folder, { recursive: true });
    });

    it("is ignored, and what runs after success does not run", () => {
      const steps = [
        closeNothing({ onError: "ignore" }),
        closeNothing({ onError: "ignore", ok: [say("not")] }),
        closeNothing({ onError: "ignore", expect: { value: 0, refused: "not" } }),
        closeNothing({ onError: "ignore", goto: "there" }),
        say("jumped over"),
        say("there", { label: "there", ok: [say("!")] }),
        closeNothing({ onError: "ignore", ok: [say("not")] }),
      ];
      expect(run(steps)).toEqual({ ...ended, stdout: "there!" });
    });

    it("leads to the alternative that names it", () => {
      const steps = [
        findNothing({
          onError: [
            ["EBADF", [say("not")]],
            ["ENOENT", [say("a"), say("b")]],
          ],
          ok: [say("not")],
        }),
        say("c"),
        closeNothing({
          onError: [
            ["EBADF", []],
            ["ENOENT", [say("not")]],
          ],
        }),
        say("d"),
      ];
      expect(run(steps)).toEqual({ ...ended, stdout: "abcd" });
    });

    it("that no alternative names stops the tape", () => {
      const fails = findNothing({
        onError: [
          ["EBADF", [say("not")]],
          ["EEXIST", [], "fallback"],
        ],
      });
      expect(run([fails, say("not")])).toEqual({ ...stopped(fails, "ENOENT"), stdout: "" });
    });

    it("that means nothing may be the last of a tape", () => {
      expect(run([say("a"), closeNothing({ onError: [["EBADF", []]] })])).toEqual({ ...ended, stdout: "a" });
      expect(
        run([
          say("a"),
          closeNothing({
            onError: [
              ["ENOENT", []],
              ["EBADF", []],
            ],
            ok: [say("not")],
          }),
        ]),
      ).toEqual({ ...ended, stdout: "a" });
    });

    it("of an alternative is its own", () => {
      const fails = findNothing();
      expect(run([closeNothing({ onError: [["EBADF", [say("a"), fails]]] })])).toEqual({ ...stopped(fails, "ENOENT"), stdout: "a" });
    });

    it("of a fallback counts as the first error", () => {
      const fails = closeNothing({ onError: [["EBADF", [say("a"), findNothing()], "fallback"]] });
      expect(run([fails, say("not")])).toEqual({ ...stopped(fails, "EBADF"), stdout: "a" });
    });

    it("of a fallback within a fallback counts as the very first", () => {
      const inner = findNothing({
        onError: [["ENOENT", [say("b"), step("getcwd", [null, 0], "test", "fail with ERANGE or EFAULT")], "fallback"]],
      });
      const outer = closeNothing({ onError: [["EBADF", [say("a"), inner], "fallback"]] });
      expect(run([outer])).toEqual({ ...stopped(outer, "EBADF"), stdout: "ab" });
    });

    it("after a fallback that worked is the new one", () => {
      const fails = findNothing();
      expect(run([closeNothing({ onError: [["EBADF", [say("a")], "fallback"]] }), fails])).toEqual({
        ...stopped(fails, "ENOENT"),
        stdout: "a",
      });
    });

    it("that nothing handles runs the list for failures", () => {
      expect(run([say("a"), closeNothing(), say("not")], [[say("b"), say("c")]], { failureList: 1 })).toEqual({ ...ended, stdout: "abc" });
      const fails = findNothing();
      expect(run([closeNothing()], [[say("b"), fails]], { failureList: 1 })).toEqual({ ...stopped(fails, "ENOENT"), stdout: "b" });
    });

    it("is explained by the list that the step names, from its record and errno", () => {
      const variables = newVariables();
      const [record, errno] = [newSlot(variables, "int", "record", true), newSlot(variables, "int", "errno", true)];
      const again = compute([0, 0, errno, -1], "test", "fail again");
      const explain = [
        compute([lastRecord, 0, 0, -1], "test", "keep the record", { out: record }),
        compute([0, 0, lastErrno, -1], "test", "keep the errno", { out: errno }),
        say("because"),
        again,
      ];
      const fails = findNothing({ explain: "program", onError: [["EBADF", []]] });
      const lists = [[say("a"), fails], [say("not")], explain];
      const outcome = runSteps(machine, lists, variables, { explanations: { context: 1, program: 2 } });
      expect(summary(outcome)).toEqual({ ...stopped(again, "ENOENT"), stdout: "abecause" });
      expect(outcome.word(errno)).toBe(2n);
      const encoded = encodeTape(lists, variables, stagePlaces(machine), { explanations: { context: 1, program: 2 } });
      expect(encoded.owners[(Number(outcome.word(record)) - encoded.recordsAddress) / 96]).toBe(fails);
    });

    it("of what hangs on a step that has an explanation is not explained by it", () => {
      const fails = findNothing();
      const lists = [[say("not")], [say("not")]];
      const options = { explanations: { context: 1, program: 2 } };
      expect(run([say("a", { explain: "context", ok: [fails] })], lists, options)).toEqual({ ...stopped(fails, "ENOENT"), stdout: "a" });
      const alternative = closeNothing({ explain: "context", onError: [["EBADF", [fails]]] });
      expect(run([alternative], lists, options)).toEqual({ ...stopped(fails, "ENOENT"), stdout: "" });
    });
  });

  describe("a result", () => {
    it("leads to steps for success alone", () => {
      expect(run([say("a", { ok: [say("b", { ok: [say("c")] })] }), say("d", { ok: [] }), say("e")])).toEqual({
        ...ended,
        stdout: "abcde",
      });
    });

    it("leads elsewhere when it equals", () => {
      const steps = [
        say("aa", { equal: { value: 2, steps: [say("!")] }, ok: [say("not")] }),
        say("bb", { equal: { value: 1, steps: [say("not")] }, ok: [say("?")] }),
        say("cc", { equal: { value: 2, steps: [] }, ok: [say("not")] }),
        say("dd", { equal: { value: 2, steps: [] }, ok: [say("not")] }),
      ];
      expect(run(steps)).toEqual({ ...ended, stdout: "aa!bb?ccdd" });
    });

    it("that is expected goes on, as the last of a tape too", () => {
      const expected = (value: number): StepOptions => ({ expect: { value, refused: "it is not" } });
      expect(run([say("ab", expected(2)), say("c", { ...expected(1), ok: [say("d")] }), say("e", expected(1))])).toEqual({
        ...ended,
        stdout: "abcde",
      });
      const refused = say("ab", { ...expected(3), ok: [say("not")] });
      expect(run([refused, say("not")])).toEqual({ ...stopped(refused, "EPERM"), stdout: "ab" });
    });

    it("is stored whole: negative, and larger than 32 bits", () => {
      const values = [-4096, -(2 ** 31), -(2 ** 32), -(2 ** 40) - 1, 2 ** 31, 2 ** 32, 2 ** 40 + 3, 2 ** 53 - 1, -(2 ** 53)];
      const variables = newVariables();
      const slots = values.map((value) => newSlot(variables, "int", String(value), true));
      const outcome = runSteps(
        machine,
        [values.map((value, index) => compute([value, 0, 0, -1], "test", "keep", { out: slots[index] as (typeof slots)[0] }))],
        variables,
      );
      expect(slots.map((slot) => outcome.word(slot))).toEqual(values.map(BigInt));
    });

    it("of 32 bits with a sign is compared with all 64", () => {
      const steps = [compute([-5000, 0, 0, -1], "test", "compare", { equal: { value: -5000, steps: [say("a")] } })];
      expect(run(steps)).toEqual({ ...ended, stdout: "a" });
      expect(run([compute([2 ** 40, 0, 0, -1], "test", "compare", { equal: { value: 0, steps: [say("not")] } })])).toEqual({
        ...ended,
        stdout: "",
      });
    });
  });

  it("a label is jumped to, backward too, until a counter ends it", () => {
    const outcome = runWith((variables) => {
      const tries = newBuffer(variables, "tries", 8, new Uint8Array([3, 0, 0, 0, 0, 0, 0, 0]));
      const left = slotIn("int", tries, 0, "left");
      return [
        compute([0, 0, 0, -1], "test", "begin", { goto: "begin" }),
        say("not"),
        say("a", { label: "begin" }),
        compute([left, 0, 1, -1], "test", "count", { out: left, equal: { value: 0, steps: [say("b", { goto: "end" })] }, goto: "begin" }),
        say("not"),
        say("c", { label: "end" }),
      ];
    });
    expect(summary(outcome)).toEqual({ ...ended, stdout: "aaabc" });
  });

  it("a child that shares memory ends by itself, also when a step of it fails", () => {
    const outcome = runWith((variables) => {
      const [flags, pid] = [newSlot(variables, "int", "flags"), newSlot(variables, "int", "pid")];
      const info = newBuffer(variables, "siginfo", 128, undefined, true);
      const child = [say("child "), findNothing(), say("not")];
      return [
        compute([CLONE_VM_VFORK_SIGCHLD, 0, 0, -1], "test", "flags and signal", { out: flags }),
        step("clone", [flags, null, null, null, null], "test", "make a child", {
          out: pid,
          equal: { value: 0, steps: child, onFailure: [say("failed "), step("exit_group", [7], "test", "end")] },
        }),
        step("waitid", [["P_PID"], pid, address(info), ["WEXITED"], null], "test", "wait"),
        compute([slotIn("int", info, 24, "status"), 0, 0, 0xffff_ffff], "test", "check", {
          expect: { value: 7, refused: "it is another" },
        }),
        say("parent"),
      ];
    });
    expect(summary(outcome)).toEqual({ ...ended, stdout: "child failed parent" });
  });

  it("arguments: flags of this machine, structs, pairs of descriptors, argv", () => {
    const pause = (tv_nsec: number): Struct => ({ struct: "timespec", tv_sec: 0, tv_nsec });
    const variables = newVariables();
    const text = newBuffer(variables, "text", 20, undefined, true);
    const steps = (): Step[] => {
      const folder = newSlot(variables, "fd", "folder");
      const pair = newBuffer(variables, "pair", 8);
      const [reading, writing] = [newSlot(variables, "fd", "reading"), newSlot(variables, "fd", "writing")];
      return [
        step("openat", ["AT_FDCWD", "/dev", ["O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC"], 0], "test", "open a folder", { out: folder }),
        step("openat", [folder, "null", ["O_DIRECTORY"], 0], "test", "be refused", {
          onError: [["ENOTDIR", [say("a")]]],
          ok: [say("not")],
        }),
        step("openat", [folder, "fd", ["O_NOFOLLOW"], 0], "test", "be refused", { onError: [["ELOOP", [say("b")]]], ok: [say("not")] }),
        step("pipe2", [address(pair), ["O_CLOEXEC"]], "test", "make a pipe"),
        compute([slotIn("int", pair, 0, "first"), 0, 0, 0xffff_ffff], "test", "take it apart", { out: reading }),
        compute([slotIn("int", pair, 4, "second"), 0, 0, 0xffff_ffff], "test", "take it apart", { out: writing }),
        step("write", [writing, "größe ☃ 𝒳", 16], "test", "write"),
        step("read", [reading, address(text, 1), 16], "test", "read", { expect: { value: 16, refused: "there is less" } }),
        step("ppoll", [null, 0, pause(999), null, 8], "test", "pause", { expect: { value: 0, refused: "it saw something" } }),
        step("ppoll", [null, 0, pause(1_000_000_000), null, 8], "test", "be refused", { onError: [["EINVAL", []]], ok: [say("not")] }),
        step("execve", ["/bin/echo", ["echo", "c", "ä☃𝒳", ""], []], "test", "end as another program"),
      ];
    };
    const outcome = runSteps(machine, [steps()], variables);
    expect(summary(outcome)).toEqual({ ...ended, stdout: "abc ä☃𝒳 \n" });
    expect(Buffer.from(outcome.bytes(text)).toString()).toBe("\0größe ☃ 𝒳\0\0\0");
  });

  it("a tape may be large", () => {
    const steps = Array.from({ length: 3000 }, (_, index) => findNothing({ onError: [["ENOENT", []]], label: `step ${index}` }));
    const texts = Array.from({ length: 500 }, (_, index) =>
      step("chdir", [`/${"ü".repeat(200)}/${index}`], "test", "look", { onError: "ignore" }),
    );
    const arrays = Array.from({ length: 100 }, (_, index) =>
      step("execve", ["/no/such/program", Array.from({ length: 100 }, (_, at) => `${index}.${at}`), []], "test", "be refused", {
        onError: "ignore",
      }),
    );
    expect(run([...steps, ...texts, ...arrays, say("end")])).toEqual({ ...ended, stdout: "end" });
  });
});

describe("encoding", () => {
  const encode = (steps: readonly Step[], variables = newVariables(), machine: Machine = "x64", options?: EncodeOptions) =>
    encodeTape([steps], variables, stagePlaces(machine), options);
  const occurrences = (image: Uint8Array, text: string): number =>
    Buffer.from(image).toString("latin1").split(Buffer.from(text).toString("latin1")).length - 1;

  test("equal strings are one string, in arguments, arrays and structs", () => {
    const variables = newVariables();
    newBuffer(variables, "iovec", 16, { struct: "iovec", iov_base: { text: "twice, ☃" } });
    const steps = [
      say("twice, ☃"),
      step("openat", ["AT_FDCWD", "twice, ☃", [], 0], "test", "open"),
      step("execve", ["once", ["twice, ☃", "once"], ["twice, ☃"]], "test", "execute"),
    ];
    const { image } = encode(steps, variables);
    expect(occurrences(image, "twice, ☃\0")).toBe(1);
    expect(occurrences(image, "once\0")).toBe(1);
  });

  test("the same array is written once, an equal one again", () => {
    const argv = ["a", "b"];
    const execute = (list: readonly string[]) => step("execve", ["x", list, []], "test", "execute");
    const words = (steps: readonly Step[]): number[] => {
      const { image, owners, recordsAddress } = encode(steps);
      const view = new DataView(image.buffer);
      return owners.map((_, index) => Number(view.getBigUint64(recordsAddress - stagePlaces("x64").base + 96 * index + 16, true)));
    };
    const [first, second, third] = words([execute(argv), execute(argv), execute(["a", "b"])]);
    expect(second).toBe(first as number);
    expect(third).not.toBe(first as number);
  });

  test("no limit, which JSON gives as 2^64, is all ones", () => {
    const limit: Struct = { struct: "rlimit64", rlim_cur: 18446744073709552000, rlim_max: 2n ** 64n - 1n };
    const variables = newVariables();
    const buffer = newBuffer(variables, "limit", 16, limit);
    const { image, addressOf } = encode([say("a")], variables);
    const at = addressOf(buffer) - stagePlaces("x64").base;
    expect(image.slice(at, at + 16)).toEqual(new Uint8Array(16).fill(0xff));
  });

  test("a slot starts as no descriptor at all, a buffer with what it was given", () => {
    const variables = newVariables();
    const slot = newSlot(variables, "fd", "fd");
    const bytes = newBuffer(variables, "bytes", 3, new Uint8Array([1, 2, 3]));
    const event = newBuffer(variables, "event", 16, { struct: "epoll_event", events: 1, data: 0x1_0000_0002 });
    const view = (machine: Machine, of: typeof slot | typeof bytes, length: number) => {
      const { image, addressOf } = encode([say("a")], variables, machine);
      return Buffer.from(image)
        .subarray(addressOf(of) - stagePlaces(machine).base)
        .subarray(0, length)
        .toString("hex");
    };
    for (const machine of machines) {
      expect(view(machine, slot, 8)).toBe("ffffffffffffffff");
      expect(view(machine, bytes, 8)).toBe("0102030000000000");
    }
    expect(view("x64", event, 16)).toBe("01000000020000000100000000000000");
    expect(view("arm64", event, 16)).toBe("01000000000000000200000001000000");
  });

  test("an empty list has no entry and is not run on a failure", () => {
    const { entries } = encodeTape([[], [say("a")], []], newVariables(), stagePlaces("x64"));
    expect(entries.map((entry) => entry === 0)).toEqual([true, false, true]);
    const fails = findNothing();
    expect(summary(runSteps(process.arch as Machine, [[fails], []], newVariables(), { failureList: 1 }))).toEqual({
      ...stopped(fails, "ENOENT"),
      stdout: "",
    });
  });

  const nested = (depth: number): Step => closeNothing(depth === 0 ? {} : { onError: [["EBADF", [nested(depth - 1)], "fallback"]] });
  const badField = { struct: "open_how", flag: 1 } as Struct;
  const badNames = { struct: "open_how", mode: ["O_RDONLY"] } as Struct;
  test.each<[name: string, steps: () => readonly Step[], message: string]>([
    ["an unknown label", () => [say("a", { goto: "nowhere" })], "tape: no step has the label nowhere"],
    ["a label twice", () => [say("a", { label: "here" }), say("b", { label: "here" })], "tape: two steps have the label here"],
    [
      "expect and equal",
      () => [say("a", { expect: { value: 1, refused: "" }, equal: { value: 1, steps: [] } })],
      "tape: a step has both expect and equal",
    ],
    ["ok and goto", () => [say("a", { label: "a", ok: [say("b")], goto: "a" })], "tape: a step has both ok and goto"],
    ["alternatives nested too deeply", () => [nested(9)], "tape: alternatives are nested too deeply"],
    [
      "a field that the struct lacks",
      () => [step("openat2", ["AT_FDCWD", "a", badField, 24], "test", "open")],
      "tape: struct open_how has no field flag",
    ],
    [
      "names for a field of numbers",
      () => [step("openat2", ["AT_FDCWD", "a", badNames, 24], "test", "open")],
      "tape: open_how.mode takes no flag names",
    ],
  ])("refuses %s", (_, steps, message) => {
    expect(() => encode(steps())).toThrow(new Error(message));
  });

  test.each([
    ["too many steps", () => Array.from({ length: TAPE_BYTES_MAX / 96 }, () => closeNothing()), undefined, 4206624, TAPE_BYTES_MAX],
    ["too much text", () => [say("a".repeat(TAPE_BYTES_MAX + 1))], undefined, 4198432, TAPE_BYTES_MAX],
    ["more than a smaller place holds", () => Array.from({ length: 2000 }, () => closeNothing()), 100_000, 204384, 100_000],
  ])("refuses %s as what a configuration may ask for", (_, steps, mostBytes, takes, holds) => {
    const what = `too much is asked for: the steps to do it take ${takes} bytes, and there is room for ${holds}`;
    expect(() => encode(steps(), newVariables(), "x64", mostBytes === undefined ? {} : { mostBytes })).toThrow(new BoxError({ what }));
  });

  test("takes alternatives nested eight deep", () => {
    expect(encode([nested(8)]).owners.length).toBeGreaterThan(8);
  });
});
