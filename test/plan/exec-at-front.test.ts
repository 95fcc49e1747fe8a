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
  expect(lines.slice(0, made).filter((line) => /^(write|unlinkat|clone|kill|pidfd_send_signal)/.test(line))).toEqual([]);
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

test("the file for the pid is written in a row, once the program runs", () => {
  const steps = inOrder(make({ writesPid: true }).exec);
  const runs = steps.findIndex(({ why }) => why === "it has become the program");
  const calls = steps.slice(runs).filter(({ origin }) => origin === "--pid-file");
  expect(calls.map(({ call }) => call)).toEqual(["unlinkat", "openat", "write", "close", "renameat2"]);
  expect(steps.slice(0, runs).filter(({ origin }) => origin === "--pid-file")).toEqual([]);
});

test("once there is a process a failure is for the rest of box to say, and never to do it all again", () => {
  const { exec } = make({ writesPid: true });
  const cloned = exec.findIndex(({ call }) => call === "clone3");
  const blocks = exec.slice(cloned + 1);
  expect(blocks.map(({ equal }) => equal?.onFailure?.map(({ why, goto }) => goto ?? why))).toEqual(
    ["waiting", "pidFile", "supervising"].map((failure) => [
      "why it has failed",
      `what has failed: ${failure}`,
      ...(failure === "pidFile" ? ["remove what is there under the name before"] : []),
      "give up",
    ]),
  );
});

test("the process that the page names is read once, and counts when it is box's own child", () => {
  const steps = inOrder(make().exec);
  const reads = steps.flatMap(({ args, why }, index) =>
    args.some((arg) => isSlot(arg, "init's pid")) && why === "who is it?" ? [index] : [],
  );
  expect(steps.filter(({ args }) => args.some((arg) => isSlot(arg, "init's pid") && isOfPage(arg))).length).toBe(1);
  const [read = -1] = reads;
  expect(steps[read]).toMatchObject({ call: "compute", args: [{}, 0, 0, 0xffff_ffff] });
  expect(steps.slice(read + 1, read + 3)).toMatchObject([
    { call: "waitid", args: [["P_PID"], steps[read]?.out, {}, ["WEXITED", "WNOHANG", "WNOWAIT"], null], onError: undefined },
    { call: "compute", args: [steps[read]?.out, 0, 0, -1], out: { slot: "init's pid" } },
  ]);
});

const isSlot = (arg: unknown, slot: string): boolean => typeof arg === "object" && arg !== null && "slot" in arg && arg.slot === slot;
const isOfPage = (arg: unknown): boolean =>
  typeof arg === "object" && arg !== null && "place" in arg && (arg.place as number) >= PAGE_ADDRESS - RESTORE_ADDRESS - 4096;

test("giving up ends the children it may have by handles alone, each seen to be a child, and fails", () => {
  const { giveUp } = make();
  const calls = inOrder(giveUp).map(({ call }) => call);
  expect(calls).not.toContain("kill");
  const ends = calls.flatMap((call, index) => (call === "pidfd_send_signal" ? [calls.slice(index - 2, index)] : []));
  expect(ends).toEqual([
    ["waitid", "pidfd_open"],
    ["waitid", "pidfd_open"],
    ["waitid", "pidfd_open"],
  ]);
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
