import { expect, test } from "bun:test";
import { eventKinds } from "../../src/inspect/process-event.ts";
import { newPoll } from "../../src/inspect/process-poll.ts";

type One = {
  parent?: number;
  start?: number;
  state?: string;
  name?: string;
  session?: number;
  cmdline?: string;
  uid?: number;
  gid?: number;
  tracer?: number;
};

/** Looks at these machines one after the other; what each but the first shows, one word an event. */
function looks(...machines: readonly Readonly<Record<number, One>>[]): string[][] {
  let now: Readonly<Record<number, One>> = {};
  const read = (path: string): string | undefined => {
    const [, , pid, file] = path.split("/");
    const one = now[Number(pid)];
    if (one === undefined) return undefined;
    const { parent = 1, start = Number(pid), state = "S", name = "sh", session = 1, cmdline = "sh\0", uid = 0, gid = 0, tracer = 0 } = one;
    if (file === "cmdline") return cmdline;
    if (file === "status") return `Uid:\t${uid}\t${uid}\t0\t0\nGid:\t${gid}\t${gid}\t0\t0\nTracerPid:\t${tracer}\n`;
    return `${pid} (${name}) ${state} ${parent} 0 ${session} ${Array.from({ length: 15 }, () => "0").join(" ")} ${start} 0`;
  };
  const poll = newPoll(() => Object.keys(now).map(Number), read, new Set(eventKinds));
  const shown = machines.map((machine) => {
    now = machine;
    return poll(1).map(({ kind, pid, child, comm, ids, tracer }) =>
      [kind, pid, child, comm, ids?.effective, tracer].filter((word) => word !== undefined).join(" "),
    );
  });
  expect(shown.shift()).toEqual([]);
  return shown;
}

test("nothing new", () => expect(looks({ 5: {} }, { 5: {} })).toEqual([[]]));
test("a fork; with another command an exec too", () => {
  expect(looks({ 5: {} }, { 5: {}, 7: { parent: 5 } })).toEqual([["fork 5 7"]]);
  expect(looks({ 5: {} }, { 5: {}, 7: { parent: 5, cmdline: "ls\0" } })).toEqual([["fork 5 7", "exec 7"]]);
});
test("parents before children, though their pids are smaller", () =>
  expect(looks({ 5: {} }, { 3: { parent: 9, start: 20 }, 5: {}, 9: { parent: 5, start: 10 } })).toEqual([["fork 5 9", "fork 9 3"]]));
test("children end before their parents", () => expect(looks({ 5: {}, 6: {}, 7: {} }, {})).toEqual([["exit 7", "exit 6", "exit 5"]]));
test("an end; a zombie has ended", () => {
  expect(looks({ 5: {}, 6: {} }, { 5: {} }, { 5: { state: "Z" } })).toEqual([["exit 6"], ["exit 5"]]);
});
test("another process with the same pid", () =>
  expect(looks({ 5: { start: 1 } }, { 5: { start: 2 } })).toEqual([["exit 5", "fork 1 5", "exec 5"]]));
test("an exec changes the command line, and its new name is no news", () =>
  expect(looks({ 5: {} }, { 5: { cmdline: "ls\0", name: "ls" } })).toEqual([["exec 5"]]));
test("other changes", () =>
  expect(looks({ 5: {} }, { 5: { name: "x", session: 5, uid: 3, gid: 4, tracer: 9 } })).toEqual([
    ["comm 5 x", "sid 5", "uid 5 3", "gid 5 4", "ptrace 5 9"],
  ]));
