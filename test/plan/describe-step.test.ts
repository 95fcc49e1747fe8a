import { describe, expect, test } from "bun:test";
import { callWords } from "../../src/linux/call-words.ts";
import { flagWords } from "../../src/linux/flag-words.ts";
import { flags } from "../../src/linux/flags.ts";
import { type ArgKind, syscalls } from "../../src/linux/syscalls.ts";
import { type Described, describeStep } from "../../src/plan/describe-step.ts";
import { type ListedStep, listSteps } from "../../src/plan/print-plan.ts";
import { planNames, planOf } from "../tape/plans.ts";
import { planWith } from "./plan-for.ts";

const all = listSteps(planWith({ spec: { hostname: "web" } }));
const find = (matches: (listed: ListedStep) => boolean): Described => {
  const found = all.find(matches);
  if (found === undefined) throw new Error("the plan has no such step");
  return describeStep(found, all);
};
const numberOf = (matches: (listed: ListedStep) => boolean): number => find(matches).step.number;

test("every call has words, and a name for each of its arguments", () => {
  for (const [call, { args, does }] of Object.entries(callWords)) {
    expect([call, args.length]).toEqual([call, syscalls[call as keyof typeof callWords].args.length]);
    expect(does).not.toBe("");
  }
});

test("flags that have words exist", () => {
  const names = new Set(Object.values(flags).flatMap((group) => Object.keys(group)));
  expect(Object.keys(flagWords).filter((name) => !names.has(name))).toEqual([]);
});

test("in many plans every flag has words, every step a result, a policy and an undo", () => {
  const wordless = new Set<string>();
  const seen = new Set<string>();
  for (const name of planNames) {
    const steps = listSteps(planOf(name, "x64"));
    for (const one of steps) {
      if (seen.has(one.shown.text)) continue;
      seen.add(one.shown.text);
      const { arguments: args, result, errors, undo } = describeStep(one, steps);
      expect([result.length > 0, errors.length > 0, undo.length > 0]).toEqual([true, true, true]);
      const kinds: readonly ArgKind[] = one.step.call === "compute" ? [] : syscalls[one.step.call].args;
      for (const [index, kind] of kinds.entries())
        if (kind.startsWith("flags:")) for (const line of args[index]?.meaning ?? []) if (/^[A-Z_0-9]+$/.test(line)) wordless.add(line);
      for (const { meaning } of args) for (const line of meaning) if (/^ {2}[A-Z_0-9]+$/.test(line)) wordless.add(line.trim());
    }
  }
  expect([...wordless]).toEqual([]);
});

describe("a step", () => {
  test("with flags, a mode and alternatives", () => {
    const {
      step,
      arguments: args,
      errors,
      undo,
      page,
      does,
    } = find(({ step: { call, origin } }) => call === "mkdirat" && origin === "--root");
    expect([page, does]).toEqual(["mkdir(2)", "makes a folder"]);
    expect(args).toEqual([
      { name: "dirfd", value: "AT_FDCWD", meaning: ["relative paths begin in the current folder"] },
      { name: "path", value: '"/run/box"', meaning: [] },
      { name: "mode", value: "0711", meaning: ["owner rwx, group --x, others --x"] },
    ]);
    expect(errors).toEqual([
      "EEXIST (file exists): no failure, the tape goes on",
      `ENOENT (no such file or directory): instead steps ${step.number + 1} and ${step.number + 2}`,
      'any other: the tape stops, all that was made is undone, and box says "cannot make the folder /run/box", the call and the errno',
    ]);
    expect(undo).toEqual(["none: the states of other containers are there too"]);
  });

  test("whose descriptor comes from another, and whose result others use", () => {
    const fsopen = numberOf(({ step: { call, origin } }) => call === "fsopen" && origin === "mounts[0]");
    const { arguments: args, result } = find(({ step: { call, origin } }) => call === "fsmount" && origin === "mounts[0]");
    expect(args[0]?.meaning).toEqual([`the descriptor from step ${fsopen}: fsopen("proc", FSOPEN_CLOEXEC) → mount context`]);
    expect(args[1]).toEqual({ name: "flags", value: "FSMOUNT_CLOEXEC", meaning: ["FSMOUNT_CLOEXEC: execve closes it"] });
    expect(result).toEqual([expect.stringMatching(/^kept as "\/proc", for steps \d+ and \d+$/)]);
  });

  test("with a struct", () => {
    const { arguments: args } = find(({ step: { call, origin } }) => call === "openat2" && origin === "mounts[0]");
    expect(args[2]?.meaning).toEqual([
      "a struct open_how; what it does not name is 0",
      "flags:",
      "  O_PATH: as a place, not for reading or writing",
      "  O_DIRECTORY: only if it is a folder",
      "  O_CLOEXEC: execve closes it",
      "resolve:",
      "  RESOLVE_BENEATH: the path may not lead out of the folder, not even for a moment",
      "  RESOLVE_NO_SYMLINKS: no symbolic link on the way",
    ]);
  });

  test("that makes something, and the one that takes it away", () => {
    const made = find(({ step: { call, origin } }) => call === "mkdirat" && origin === "id");
    const removed = find(({ step: { call, why } }) => call === "unlinkat" && why === "remove the state folder");
    expect(made.undo[0]).toContain(`${removed.step.number}`);
    expect(removed.undo).toEqual([`undoes step ${made.step.number}`]);
  });

  test("that closes what another has opened", () => {
    const { undo, step } = find(({ step: { call, origin } }) => call === "close" && origin === "mounts[0]");
    const opener = numberOf(
      ({ step: { call, origin }, shown }) => call === "fsopen" && origin === "mounts[0]" && shown.number < step.number,
    );
    expect(undo).toEqual([`undoes step ${opener}, which opened it`]);
  });

  test("whose result is compared", () => {
    const { result } = find(({ step: { expect: wanted } }) => wanted?.refused === "it belongs to another user");
    expect(result).toEqual(["must be 0, else: it belongs to another user"]);
  });

  test("of a loop that goes on, of an explanation, and of a hook that only warns", () => {
    const errors = (section: string): string | undefined =>
      find(({ shown, step }) => shown.section === section && step.onError === undefined).errors[0];
    expect([errors("while the container runs"), errors("when a mount fails")]).toEqual([
      "any errno: the supervisor becomes box again, which finishes what is left",
      "any errno: the tape stops with the failure that it was to explain",
    ]);
  });

  test("of a child needs no undo", () =>
    expect(find(({ step: { call } }) => call === "sethostname").undo).toEqual([
      "needs none: what it changes ends with the container's processes and namespaces",
    ]));
});
