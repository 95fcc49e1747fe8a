// Scheduler, priority of I/O, personality, memory policy and time namespace in plans.

import { describe, expect, test } from "bun:test";
import type { Linux, Namespace, Process } from "../../src/config/spec.ts";
import { faultLines } from "../config/print-faults.ts";
import { calls, planWith, section, userFacts } from "./plan-for.ts";

/** The calls between the working folder and the limits. */
function scheduling(process: Partial<Process>, linux: Partial<Linux> = {}): string[] {
  const lines = calls(planWith({ process: { ...process, args: ["/bin/true"] }, linux }), "init: process").split("\n");
  return lines.filter((line) => /^(sched_setattr|ioprio_set|personality|set_mempolicy)/.test(line));
}

test("nothing that is not asked for", () => expect(scheduling({})).toEqual([]));
test("a scheduler", () =>
  expect(
    scheduling({
      scheduler: {
        policy: "SCHED_DEADLINE",
        flags: ["SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM"],
        runtime: 1,
        deadline: 2,
        period: 3,
      },
    }),
  ).toEqual([
    "sched_setattr(0, {size: 56, sched_policy: 6, sched_flags: 3, sched_nice: 0, sched_priority: 0, sched_runtime: 1, sched_deadline: 2, sched_period: 3}, 0)",
  ]));
test("a priority of I/O", () =>
  expect(scheduling({ ioPriority: { class: "IOPRIO_CLASS_IDLE", priority: 5 } })).toEqual([`ioprio_set(1, 0, ${3 * 8192 + 5})`]));
test("personalities", () => {
  expect(scheduling({}, { personality: { domain: "LINUX32" } })).toEqual(["personality(8)"]);
  expect(scheduling({}, { personality: { domain: "LINUX" } })).toEqual(["personality(0)"]);
});
test("memory of some nodes", () =>
  expect(scheduling({}, { memoryPolicy: { mode: "MPOL_BIND", nodes: "0-1,65", flags: ["MPOL_F_STATIC_NODES"] } })).toEqual([
    "set_mempolicy(MPOL_BIND|MPOL_F_STATIC_NODES, 16 bytes, 129)",
  ]));
test("memory of the nearest node", () =>
  expect(scheduling({}, { memoryPolicy: { mode: "MPOL_LOCAL" } })).toEqual(["set_mempolicy(MPOL_LOCAL, NULL, 0)"]));
test("before the rights for it are gone", () => {
  const process: Partial<Process> = { scheduler: { policy: "SCHED_FIFO", priority: 1 }, user: { uid: 5, gid: 5 } };
  const lines = calls(planWith({ process }), "init: process").split("\n");
  const at = (start: string): number => lines.findIndex((line) => line.startsWith(start));
  expect(at("sched_setattr")).toBeGreaterThan(0);
  expect(at("sched_setattr")).toBeLessThan(at("prctl(PR_CAPBSET_DROP"));
});

describe("a time namespace", () => {
  const namespaces: Namespace[] = [{ type: "mount" }, { type: "uts" }, { type: "time" }];
  test("is made by a helper, which sets its clocks before init is there", () => {
    const plan = planWith({ linux: { namespaces, timeOffsets: { boottime: { secs: -7 }, monotonic: { secs: 3, nanosecs: 9 } } } });
    expect(calls(plan, "stage: let go of what came from box").split("\n").slice(3).join("\n")).toMatchInlineSnapshot(`
      "unshare(CLONE_NEWTIME)
      openat(AT_FDCWD, "/proc/self/timens_offsets", O_WRONLY|O_CLOEXEC, 0) → timens_offsets
      fstatfs(timens_offsets, &statfs)
      compute filesystem of /proc
      write(timens_offsets, "monotonic 3 9\\nboottime -7 0\\n", 28)
      close(timens_offsets)"
    `);
    expect(calls(plan, "stage: make init")).toMatchInlineSnapshot(
      `"clone(CLONE_PARENT|CLONE_PARENT_SETTID|CLONE_NEWNS|CLONE_NEWUTS, NULL, &init's pid, NULL, NULL)"`,
    );
  });
  test("without offsets", () => {
    const lines = section(planWith({ linux: { namespaces } }), "stage: let go of what came from box").split("\n");
    expect(lines.filter((line) => /unshare|timens/.test(line))).toEqual(["unshare(CLONE_NEWTIME)"]);
  });
  test("without root", () =>
    expect(faultLines(() => planWith({ linux: { namespaces }, facts: userFacts }))).toEqual([
      "linux.namespaces[2]: a new time namespace takes root's rights, which a new user namespace gives too late",
    ]));
});
