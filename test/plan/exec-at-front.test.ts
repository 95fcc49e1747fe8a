// The program of exec that the front runs: the order of its steps. That it does what it should: test/integration/exec-at-front.test.ts.

import { expect, test } from "bun:test";
import { FRONT_DATA_ADDRESS, RESTORE_ADDRESS, words } from "../../src/front/layout.ts";
import { execAtFront, PAGE_ADDRESS } from "../../src/plan/exec-at-front.ts";
import type { Conditions } from "../../src/plan/front-conditions.ts";
import { foreground } from "../../src/plan/launch.ts";
import { encodeTape } from "../../src/tape/encode.ts";
import { STATUS_ADDRESS, TAPE_ADDRESS } from "../../src/tape/layout.ts";
import { printStep } from "../../src/tape/print.ts";
import type { Step } from "../../src/tape/step.ts";
import { execWith } from "./plan-for.ts";

const identity = new Uint8Array(40);
const usual: Conditions = {
  isDetached: false,
  writesPid: false,
  command: { from: "arguments", bytes: new TextEncoder().encode("true\0") },
  config: identity,
  state: identity,
  openFiles: { soft: 1024, hard: 4096 },
  boundingSet: [0, 1, 5],
  passwd: { root: "/proc/7/root", identity },
};

function make(conditions: Partial<Conditions> = {}) {
  const isDetached = conditions.isDetached === true;
  const plan = execWith(isDetached ? { launch: { ...foreground, way: "detached" } } : {});
  const tapes = {
    stage: new Uint8Array(8),
    child: { image: new Uint8Array(64), executes: [TAPE_ADDRESS + 96], initPid: STATUS_ADDRESS + 32 },
    supervisor: isDetached ? undefined : { image: new Uint8Array(256), init: TAPE_ADDRESS + 96 },
  };
  return { plan, ...execAtFront(plan, { ...usual, ...conditions }, tapes) };
}

/** Every step in the order of a run that goes well, with those that only run then. */
const inOrder = (steps: readonly Step[]): Step[] =>
  steps.flatMap((one) => [one, ...inOrder(one.ok ?? []), ...inOrder(one.equal?.steps ?? [])]);
const printed = (steps: readonly Step[]): string[] => inOrder(steps).map(printStep);
const at = (lines: readonly string[], part: string): number => lines.findIndex((line) => line.includes(part));

test("all conditions come before anything is made or written, and each of them refuses", () => {
  const { exec } = make();
  const lines = printed(exec);
  const made = at(lines, "memfd_create");
  for (const compared of ["state.json", "config.json", "/proc/self/cmdline", "RLIMIT_NOFILE", "PR_CAPBSET_READ", "etc/passwd"]) {
    expect(at(lines, compared)).toBeGreaterThan(-1);
    expect(at(lines, compared)).toBeLessThan(made);
  }
  for (const one of inOrder(exec).slice(0, made))
    if (one.call === "compute" && one.why.startsWith("compare")) expect(one.expect).toBeDefined();
  expect(lines.slice(0, made).filter((line) => /^(write|unlinkat|clone|kill|pidfd_send_signal|rt_sigprocmask)/.test(line))).toEqual([]);
});

test("capabilities are compared one by one, and one more is looked for", () => {
  const { exec } = make();
  const reads = inOrder(exec).filter(({ args: [option] }) => Array.isArray(option) && option[0] === "PR_CAPBSET_READ");
  expect(reads.map(({ args, expect: wanted }) => [args[1], wanted?.value])).toEqual([
    [0, 1],
    [1, 1],
    [2, 0],
    [3, 0],
    [4, 0],
    [5, 1],
    [6, undefined],
  ]);
});

test("what the plan does not depend on is not asked for", () => {
  const lines = printed(make({ openFiles: undefined, passwd: undefined }).exec);
  expect([at(lines, "RLIMIT_NOFILE, NULL"), at(lines, "etc/passwd")]).toEqual([-1, -1]);
});

test("a file of --process is seen to be one before it is read", () => {
  const { exec } = make({ command: { from: "file", bytes: new TextEncoder().encode("{}") } });
  const steps = inOrder(exec);
  const looked = steps.findIndex(({ why }) => why === "is it a file?");
  const read = steps.findIndex(({ call }) => call === "read");
  expect(looked).toBeGreaterThan(0);
  expect(read).toBeGreaterThan(looked);
  expect(at(printed(exec), "/proc/self/cmdline")).toBe(-1);
});

test("the page of results is where the tape looks for it", () => {
  const page = inOrder(make().exec).find(({ call, args }) => call === "mmap" && Array.isArray(args[3]) && args[3].includes("MAP_SHARED"));
  expect(page?.args[3]).toEqual(["MAP_SHARED", "MAP_FIXED_NOREPLACE"]);
  expect(page?.expect?.value).toBe(PAGE_ADDRESS);
});

test("the file for the pid is made before the process and named after it runs; giving up removes it", () => {
  const { exec, giveUp } = make({ writesPid: true });
  const lines = printed(exec);
  const [made, cloned, runs, named] = ["O_EXCL", "clone3", "from here on the program runs", "renameat2"].map((part) =>
    part === "from here on the program runs" ? inOrder(exec).findIndex(({ why }) => why === part) : at(lines, part),
  ) as [number, number, number, number];
  expect([made < cloned, cloned < runs, runs < named, made > 0]).toEqual([true, true, true, true]);
  expect(at(printed(giveUp), "unlinkat")).toBeGreaterThan(0);
  expect(at(printed(make().giveUp), "unlinkat")).toBe(-1);
});

test("once the program runs a failure ends the process and box, and never does it all again", () => {
  const last = make().exec.at(-1);
  const failed = (last?.equal?.onFailure ?? []).map(({ call }) => call);
  expect(failed[0]).toBe("pidfd_open");
  expect(failed.slice(-2)).toEqual(["write", "exit_group"]);
});

test("giving up ends the children it may have by handles alone, and fails", () => {
  const { giveUp } = make();
  const calls = inOrder(giveUp).map(({ call }) => call);
  expect(calls).not.toContain("kill");
  expect(calls.filter((call) => call === "pidfd_send_signal")).toHaveLength(2);
  expect(giveUp.at(-1)).toMatchObject({ call: "compute", args: [0, 0, 1, -1], onError: undefined });
});

test("a detached one needs nobody to look after it", () => {
  const lines = printed(make({ isDetached: true }).exec);
  expect(at(lines, 'execveat(stage, "", ["box"]')).toBe(-1);
  expect(lines.at(-1)).toContain("exit_group(0)");
});

test("is a tape that fits in its place", () => {
  const { plan, exec, giveUp } = make({ writesPid: true });
  const where = { machine: "x64", base: RESTORE_ADDRESS, status: FRONT_DATA_ADDRESS + words.status } as const;
  const { image } = encodeTape([exec, giveUp], plan.box.variables, where, { failureList: 1 });
  expect(image.length).toBeLessThan(PAGE_ADDRESS - RESTORE_ADDRESS);
});
