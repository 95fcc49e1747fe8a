import { describe, expect, test } from "bun:test";
import { printStep } from "../../src/tape/print.ts";
import { address, compute, newBuffer, newSlot, newVariables, type Step, type StepOptions, slotIn, step } from "../../src/tape/step.ts";
import { planNames, planOf, tapesOf } from "./plans.ts";
import { proveSlots, type Tape } from "./prove-slots.ts";

/** Faults and unreachable steps as lines. */
function prove(tape: Tape): string[] {
  const { faults, unreachable } = proveSlots(tape);
  return [
    ...faults.map(({ step, slot, fault }) => `${printStep(step)}: ${slot}: ${fault}`),
    ...unreachable.map((step) => `${printStep(step)}: unreachable`),
  ];
}

describe.each(planNames)("every descriptor is there when it is used: %s", (name) => {
  const tapes = tapesOf(planOf(name, "x64"));

  test("box's tape", () => {
    const { lists, ...tape } = tapes.box;
    expect(prove({ ...tape, steps: lists.flat() })).toEqual([]);
  });

  test("the child's tape", () => {
    const { lists, ...tape } = tapes.child;
    const [steps = [], context = [], program = [], start = []] = lists;
    expect(prove({ ...tape, steps, explanations: { context, program, start } })).toEqual([]);
  });

  test("the supervisor's tape", () => {
    const { lists, ...tape } = tapes.supervisor;
    const [steps = [], failureList = []] = lists;
    expect(prove({ ...tape, steps, failureList })).toEqual([]);
  });
});

describe("the proof itself finds", () => {
  const variables = newVariables();
  const [fd, other] = [newSlot(variables, "fd", "fd"), newSlot(variables, "fd", "other")];
  const text = newSlot(variables, "int", "text");
  const open = (more?: StepOptions): Step => step("openat", ["AT_FDCWD", "/", ["O_PATH"], 0], "test", "open", { out: fd, ...more });
  const use = (more?: StepOptions): Step => step("fchdir", [fd], "test", "use", more);
  const close = (more?: StepOptions): Step => step("close", [fd], "test", "close", more);
  const branch = (more: StepOptions): Step => step("getpid", [], "test", "branch", more);
  const unwritten = "fchdir(fd): fd: not written on every path";
  const closed = "fchdir(fd): fd: closed on some path";

  const check = (steps: readonly Step[], lines: readonly string[], more: Partial<Tape> = {}): void =>
    expect(prove({ variables, steps, given: [], ...more })).toEqual([...lines]);

  test.each<[name: string, steps: readonly Step[], lines: readonly string[]]>([
    ["nothing wrong", [open(), use(), close()], []],
    ["what was never written", [use()], [unwritten]],
    ["what an ignored error left unwritten", [open({ onError: "ignore" }), use()], [unwritten]],
    ["nothing wrong where only success leads", [open({ onError: "ignore", ok: [use()] })], []],
    ["what an alternative leaves unwritten", [open({ onError: [["ENOENT", []]] }), use()], [unwritten]],
    ["nothing wrong where every alternative writes", [open({ onError: [["ENOENT", [open()]]] }), use()], []],
    ["what one of two branches leaves unwritten", [branch({ equal: { value: 1, steps: [open()] } }), use()], [unwritten]],
    ["nothing wrong where both branches write", [branch({ equal: { value: 1, steps: [open()] }, ok: [open()] }), use()], []],
    [
      "nothing wrong where a branch ends",
      [branch({ equal: { value: 1, steps: [step("exit_group", [0], "test", "end")] }, ok: [open()] }), use()],
      [],
    ],
    [
      "what a jump leaves out",
      [branch({ equal: { value: 1, steps: [branch({ goto: "use" })] } }), open(), use({ label: "use" })],
      [unwritten],
    ],
    [
      "what a loop has closed",
      [open(), use({ label: "use" }), close({ equal: { value: 0, steps: [branch({ goto: "use" })] } })],
      [closed, "close(fd): fd: closed on some path"],
    ],
    ["nothing wrong in a loop that opens again", [open({ label: "open" }), use(), close({ goto: "open" })], []],
    ["use after close", [open(), close(), use()], [closed]],
    ["a second close", [open(), close(), close()], ["close(fd): fd: closed on some path"]],
    [
      "a copy of what was never written",
      [compute([fd, 0, 0, -1], "test", "copy", { out: other })],
      ["compute fd → other: fd: not written on every path"],
    ],
    ["an address that was never written", [step("chdir", [text], "test", "go")], ["chdir(text): text: not written on every path"]],
    [
      "a step that nothing leads to",
      [step("exit_group", [0], "test", "end"), step("setsid", [], "test", "never")],
      ["setsid(): unreachable"],
    ],
  ])("%s", (_, steps, lines) => check(steps, lines));

  test("what a failure finds unwritten", () => {
    check([branch({}), open()], [unwritten], { failureList: [use()] });
    check([open(), branch({})], [unwritten], { failureList: [use()] });
    check([open({ onError: "ignore", ok: [branch({})] })], [], { failureList: [use()] });
  });

  test("what an explanation finds unwritten", () => {
    check([branch({ explain: "context" }), open()], [unwritten], { explanations: { context: [use()] } });
    check([open(), branch({ explain: "context" })], [], { explanations: { context: [use()] } });
  });

  test("a failure on the way out of a vfork child", () => {
    const child = (onFailure: readonly Step[]): Step =>
      branch({ equal: { value: 0, steps: [open(), step("exit_group", [0], "test", "end")], onFailure } });
    check([child([use()])], [unwritten]);
    check([open(), child([use()])], []);
  });

  test("what is given, or optional where errors are ignored, is there", () => {
    check([use()], [], { given: [fd] });
    check([use({ onError: "ignore" })], [], { optional: [fd] });
    check([use()], [unwritten], { optional: [fd] });
  });

  test("parts of buffers: written by the call that fills them, or from the start", () => {
    const own = newVariables();
    const pair = newBuffer(own, "pair", 8);
    const given = newBuffer(own, "given", 8, new Uint8Array(8));
    const second = step("fchdir", [slotIn("fd", pair, 4, "second")], "test", "use");
    const fill = (more?: StepOptions): Step => step("pipe2", [address(pair), []], "test", "make", more);
    expect(prove({ variables: own, given: [], steps: [fill(), second] })).toEqual([]);
    expect(prove({ variables: own, given: [], steps: [second] })).toEqual(["fchdir(second): second: not written on every path"]);
    expect(prove({ variables: own, given: [], steps: [fill({ onError: "ignore" }), second] })).toEqual([
      "fchdir(second): second: not written on every path",
    ]);
    expect(prove({ variables: own, given: [], steps: [step("fchdir", [slotIn("fd", given, 4, "part")], "test", "use")] })).toEqual([]);
  });

  test("descriptors that the kernel looks for in a buffer, which its first contents do not count for", () => {
    const own = newVariables();
    const control = newBuffer(own, "control", 24, new Uint8Array(24));
    const message = newBuffer(own, "message", 56, { struct: "msghdr", msg_control: control });
    const clone = newBuffer(own, "clone", 88, { struct: "clone_args", flags: ["CLONE_INTO_CGROUP"] });
    const plain = newBuffer(own, "plain", 88, { struct: "clone_args", flags: ["CLONE_NEWPID"] });
    const send = step("sendmsg", [3, address(message), []], "test", "send");
    const make = step("clone3", [address(clone), 88], "test", "clone");
    const put = (buffer: typeof control, offset: number): Step =>
      compute([5, 0, 0, -1], "test", "put", { out: slotIn("int", buffer, offset, "in it") });
    expect(prove({ variables: own, given: [], steps: [send, make, step("clone3", [address(plain), 88], "test", "clone")] })).toEqual([
      "sendmsg(3, &message {msg_control: &control}, 0): cmsghdr.fd: not written on every path",
      "clone3(&clone {flags: CLONE_INTO_CGROUP}, 88): clone_args.cgroup: not written on every path",
    ]);
    expect(prove({ variables: own, given: [], steps: [put(control, 16), put(clone, 80), send, make] })).toEqual([]);
  });

  test("a jump to nowhere", () => {
    expect(() => prove({ variables, given: [], steps: [branch({ goto: "nowhere" })] })).toThrow(new Error("no step has the label nowhere"));
  });
});
