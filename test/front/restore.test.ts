import { expect, test } from "bun:test";
import type { KeptProcess, Mapping } from "../../src/front/kept-process.ts";
import { FRONT_DATA_ADDRESS, RESTORE_ADDRESS, words } from "../../src/front/layout.ts";
import { restoreSteps } from "../../src/front/restore.ts";
import { encodeTape } from "../../src/tape/encode.ts";
import { printStep } from "../../src/tape/print.ts";
import { newVariables, type Step } from "../../src/tape/step.ts";

const page = 4096;
const mapping = (start: number, pages: number, protection: number, more: Partial<Mapping> = {}): Mapping => ({
  start,
  end: start + pages * page,
  protection,
  path: undefined,
  offset: 0,
  runs: [],
  ...more,
});

const kept: KeptProcess = {
  own: [
    mapping(0x68_0000, 4, 3, { path: "/usr/bin/box", runs: [{ start: 0x68_0000, bytes: page, at: page }] }),
    mapping(0x68_4000, 1, 1, { path: "/usr/bin/box", runs: [{ start: 0x68_4000, bytes: page, at: 2 * page }] }),
  ],
  others: [
    mapping(0x7f00_0000_0000, 2, 1, { path: "/lib/libc.so.6", runs: [{ start: 0x7f00_0000_1000, bytes: page, at: 3 * page }] }),
    mapping(0x7f08_0000_0000, 1, 3, { runs: [{ start: 0x7f08_0000_0000, bytes: page, at: 40 * page }] }),
    mapping(0x7f10_0000_0000, 64, 3, {
      runs: [
        { start: 0x7f10_0000_0000, bytes: page, at: 4 * page },
        { start: 0x7f10_0000_8000, bytes: 32 * page, at: 5 * page },
      ],
    }),
  ],
  kernels: [mapping(0x7fff_0000_0000, 4, 1, { path: "[vvar]" }), mapping(0x7fff_0000_4000, 2, 5, { path: "[vdso]" })],
  vdso: 0x7fff_0000_4000,
  files: [{ path: "/lib/libc.so.6", identity: new Uint8Array(40) }],
  bootId: new Uint8Array(40),
  resumeStack: 0x7ffe_0000_0000,
  thread: 0x7f10_0000_0700,
  threadId: 0x7f10_0000_09d0,
  target: 0x0f00_0200,
  actions: [{ signal: 13, action: new Uint8Array(32) }],
  alternateStack: new Uint8Array(24),
  eventLoop: { epoll: 64, event: 65, watched: new Uint8Array(12) },
};

/** Every step in the order of a restore that goes well, with those that only run then. */
function inOrder(steps: readonly Step[]): Step[] {
  return steps.flatMap((one) => [one, ...inOrder(one.equal?.steps ?? [])]);
}

const { restore, giveUp } = restoreSteps("start-1", kept, newVariables());
const order = inOrder(restore);
const indexOf = (text: string): number => order.findIndex((one) => printStep(one).includes(text));
const noWayBack = order.findIndex(({ why }) => why === "from here on there is no way back");

test("before there is no way back, memory is mapped only where nothing is, and no page of box's own is touched", () => {
  const before = order.slice(0, noWayBack);
  for (const one of before.filter(({ call }) => call === "mmap")) {
    expect(one.args[3]).toContain("MAP_FIXED_NOREPLACE");
    expect(one.expect?.refused).toBe("something is there");
  }
  expect(before.some(({ call }) => ["mprotect", "rt_sigaction", "sigaltstack"].includes(call))).toBe(false);
});

test("files, the boot and descriptors are compared first of all", () => {
  expect(indexOf("F_GETFD")).toBe(0);
  for (const compared of ["compare the boots", "compare /lib/libc.so.6"]) {
    const at = order.findIndex(({ why }) => why.startsWith(compared));
    expect(at).toBeGreaterThan(0);
    expect(at).toBeLessThan(order.findIndex(({ call }) => call === "mmap"));
    expect(order[at]?.expect?.value).toBe(0);
  }
});

test("memory is mapped from the top, so that what is in the way is met before what a plain start wants", () => {
  const mapped = order.slice(0, noWayBack).filter(({ why }) => why.startsWith("map "));
  expect(mapped.map(({ expect: wanted }) => wanted?.value)).toEqual([0x7f10_0000_0000, 0x7f08_0000_0000, 0x7f00_0000_0000]);
});

test("memory whose pages are all kept is mapped once", () => {
  const mapped = order.filter(({ why }) => why.endsWith(" at 0x7f0800000000"));
  expect(mapped.map(({ why, args }) => [why, args[5]])).toEqual([["map its pages at 0x7f0800000000", 40 * page]]);
});

test("pages are mapped over what is there, with the protection of what they belong to", () => {
  const after = order.slice(noWayBack);
  expect(after.filter(({ call }) => call === "mmap").map(({ args }) => [args[1], args[2], args[3], args[5]])).toEqual([
    [page, ["PROT_READ", "PROT_WRITE"], ["MAP_PRIVATE", "MAP_FIXED"], page],
    [page, ["PROT_READ"], ["MAP_PRIVATE", "MAP_FIXED"], 2 * page],
    [page, ["PROT_READ"], ["MAP_PRIVATE", "MAP_FIXED"], 3 * page],
    [page, ["PROT_READ", "PROT_WRITE"], ["MAP_PRIVATE", "MAP_FIXED"], 4 * page],
    [32 * page, ["PROT_READ", "PROT_WRITE"], ["MAP_PRIVATE", "MAP_FIXED"], 5 * page],
  ]);
});

test("whatever fails afterwards begins again without the kept start", () => {
  const last = restore.at(-1);
  expect(last?.equal?.onFailure?.map(({ call }) => call)).toEqual([
    "unlinkat",
    "compute",
    "compute",
    "read",
    "write",
    "read",
    "execve",
    "exit_group",
  ]);
});

test("giving up closes all that was opened, and fails", () => {
  const opened = order.slice(0, noWayBack).flatMap(({ out }) => (out?.kind === "fd" ? [out.slot] : []));
  const closed = giveUp.filter(({ call }) => call === "close").map(({ args }) => (args[0] as { slot: string }).slot);
  const closedAtOnce = ["boot_id"];
  expect(opened.filter((name) => !closed.includes(name) && !closedAtOnce.includes(name))).toEqual([]);
  expect(giveUp.at(-1)).toMatchObject({ call: "compute", args: [0, 0, 1, -1], onError: undefined });
});

test("is a tape that fits in its place", () => {
  const variables = newVariables();
  const lists = restoreSteps("start-1", kept, variables);
  const where = { machine: "x64", base: RESTORE_ADDRESS, status: FRONT_DATA_ADDRESS + words.status } as const;
  const { image } = encodeTape([lists.restore, lists.giveUp], variables, where, { failureList: 1 });
  expect(image.length).toBeLessThan(0x1_0000);
});
