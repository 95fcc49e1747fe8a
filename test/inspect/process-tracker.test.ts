import { expect, test } from "bun:test";
import type { ProcessEvent } from "../../src/inspect/process-event.ts";
import { newTracker, type Sources } from "../../src/inspect/process-tracker.ts";

type Files = Record<string, string>;
const stat = (name: string, parent: number, startTicks = 100): string =>
  `1 (${name}) S ${parent} 0 0 34816 ${Array.from({ length: 14 }, () => "0").join(" ")} ${startTicks} 0`;

const trackerOf = (files: Files, more: Partial<Sources> = {}) =>
  newTracker({
    read: (path) => files[path],
    startsFor: () => undefined,
    containerOf: (pid) => /^0::\/(\w+)/.exec(files[`/proc/${pid}/cgroup`] ?? "")?.[1],
    owners: false,
    trees: [],
    sleptNs: 0,
    ...more,
  });

const event = (kind: ProcessEvent["kind"], pid: number, more: Partial<ProcessEvent> = {}): ProcessEvent => ({
  kind,
  timeNs: 2_000_000_000,
  pid,
  tid: pid,
  ...more,
});

test("a new process is what its parent is, and what it was is told when it ends", () => {
  const tracker = trackerOf({ "/proc/7/stat": stat("sh", 1), "/proc/7/cmdline": "sh\0-c\0x\0", "/proc/7/cgroup": "0::/web\n" });
  const { process, child } = tracker.apply(event("fork", 7, { child: 8 }));
  expect([process, child].map((one) => [one?.pid, one?.container, one?.command, one?.startNs])).toEqual([
    [7, "web", "sh -c x", 1_000_000_000],
    [8, "web", "sh -c x", 2_000_000_000],
  ]);
  const { process: ended } = tracker.apply(event("exit", 8, { status: 0 }));
  expect([ended.container, ended.command]).toEqual(["web", "sh -c x"]);
  // Its pid is anyone's again.
  expect(tracker.apply(event("sid", 8)).process).toMatchObject({ container: undefined, command: undefined });
});

test("an exec changes the command; of one that has ended nobody can say to what", () => {
  const files: Files = { "/proc/7/stat": stat("sh", 1), "/proc/7/cmdline": "sh\0" };
  const tracker = trackerOf(files);
  tracker.apply(event("fork", 7, { child: 8 }));
  files["/proc/8/cmdline"] = "ls\0-l\0";
  expect(tracker.apply(event("exec", 8))).toMatchObject({ before: "sh", process: { command: "ls -l" } });
  files["/proc/8/cmdline"] = "";
  files["/proc/8/stat"] = stat("true", 7);
  expect(tracker.apply(event("exec", 8))).toMatchObject({ before: "ls -l", process: { command: "[true]" } });
  Reflect.deleteProperty(files, "/proc/8/cmdline");
  expect(tracker.apply(event("exec", 8))).toMatchObject({ before: "[true]", process: { command: undefined, was: "[true]" } });
  expect(tracker.apply(event("fork", 8, { child: 9 })).child).toMatchObject({ command: undefined, was: "[true]" });
  // What was read when the event came counts more than what is there by now.
  expect(tracker.apply(event("exec", 9, { cmdline: "ls\0/\0" })).process).toMatchObject({ command: "ls /" });
  expect(tracker.apply(event("comm", 8, { comm: "own\nname" }))).toMatchObject({ before: undefined, process: { command: "[own\\nname]" } });
});

test("what box starts for a container is the container's, before it is in its cgroups", () => {
  const files: Files = { "/proc/5/stat": stat("sh", 1) };
  let there: string | undefined;
  const tracker = trackerOf(files, { startsFor: (_, argv) => (argv[0] === "box" ? () => there : undefined) });
  tracker.apply(event("fork", 5, { child: 6 }));
  files["/proc/6/cmdline"] = "box\0run\0web\0";
  tracker.apply(event("exec", 6));
  expect(tracker.apply(event("fork", 6, { child: 7 })).child?.container).toBeUndefined();
  there = "web";
  const { process, child } = tracker.apply(event("fork", 6, { child: 8 }));
  expect([process.container, child?.container]).toEqual([undefined, "web"]);
  expect(tracker.apply(event("fork", 8, { child: 9 })).child?.container).toBe("web");
});

test("a process that is found in a container's cgroups when it executes something is the container's", () => {
  const files: Files = { "/proc/5/stat": stat("x", 1), "/proc/6/cmdline": "ls\0", "/proc/6/cgroup": "0::/web\n" };
  const tracker = trackerOf(files);
  expect(tracker.apply(event("fork", 5, { child: 6 })).child?.container).toBeUndefined();
  expect(tracker.apply(event("exec", 6)).process.container).toBe("web");
});

test("those that are there already", () => {
  const tracker = trackerOf({ "/proc/5/stat": stat("kthread", 2, 50) }, { sleptNs: 100_000_000 });
  tracker.meet([5]);
  tracker.place([6], "web");
  expect(tracker.apply(event("exit", 5)).process).toMatchObject({ command: "[kthread]", startNs: 400_000_000 });
  expect(tracker.apply(event("exit", 6)).process.container).toBe("web");
});

test("names cannot write to the terminal", () => {
  const tracker = trackerOf({
    "/proc/5/stat": stat("a\u001b[2J) S", 2),
    "/proc/6/stat": stat("x", 2),
    "/proc/6/cmdline": "a\u001b]0;x\u0007\0b\n\0",
  });
  expect([5, 6].map((pid) => tracker.apply(event("sid", pid)).process.command)).toEqual(["[a\\u{1b}[2J) S]", "a\\u{1b}]0;x\\u{7} b\\n"]);
});

test("a tree is its root and all below, whenever they began", () => {
  const files = {
    "/proc/9/stat": stat("leaf", 8),
    "/proc/8/stat": stat("mid", 7),
    "/proc/7/stat": stat("root", 1),
    "/proc/1/stat": stat("init", 0),
  };
  const tracker = trackerOf(files, { trees: [7] });
  expect([7, 8, 9, 1].map((pid) => tracker.apply(event("sid", pid)).process.followed)).toEqual([true, true, true, false]);
  expect(tracker.apply(event("fork", 9, { child: 10 })).child?.followed).toBe(true);
  expect(tracker.apply(event("fork", 1, { child: 11 })).child?.followed).toBe(false);
});

test("owners, where they are wanted", () => {
  const files = { "/proc/7/stat": stat("sh", 1), "/proc/7/status": "Name:\tsh\nUid:\t1000\t0\t0\t0\n" };
  const [without, withOwners] = [trackerOf(files), trackerOf(files, { owners: true })];
  expect(without.apply(event("sid", 7)).process.owner).toBeUndefined();
  expect(withOwners.apply(event("sid", 7)).process.owner).toEqual({ uid: 1000, euid: 0, terminal: "pts/0" });
  const { process } = withOwners.apply(event("uid", 7, { ids: { real: 5, effective: 6 } }));
  expect(process.owner).toEqual({ uid: 5, euid: 6, terminal: "pts/0" });
});
