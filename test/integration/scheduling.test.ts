// Scheduler, priority of I/O, personality, memory policy and clocks, as the container's programs find them.

import { expect } from "bun:test";
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import type { MemoryPolicy, Scheduler } from "../../src/config/spec.ts";
import { Bundle, type RichSpec, testWith, withoutPlaces } from "./harness.ts";

const test = testWith();

/** The whole outcome of a container that does not come to be. */
const refused = async (change: (spec: RichSpec) => void): Promise<unknown> => {
  using bundle = new Bundle(change);
  return withoutPlaces(await bundle.run(["true"]));
};
const failedWith = (...lines: string[]) => ({ exitCode: 125, stdout: "", stderr: lines.map((line) => `${line}\n`).join("") });

test("a scheduler, for a user who could not choose it", async () => {
  using bundle = new Bundle((spec) => {
    spec.process.scheduler = { policy: "SCHED_OTHER", nice: -5 };
    spec.process.user = { uid: 1000, gid: 1000 };
  });
  expect(await bundle.sh("cut -d' ' -f19,41 /proc/1/stat")).toEqual(["-5 0"]);
});

test("a policy and a nice value", async () => {
  using bundle = new Bundle((spec) => (spec.process.scheduler = { policy: "SCHED_BATCH", nice: 7, flags: ["SCHED_FLAG_RESET_ON_FORK"] }));
  expect(await bundle.sh("cut -d' ' -f19,41 /proc/1/stat")).toEqual(["7 3"]);
});

test("a priority of I/O", async () => {
  using bundle = new Bundle((spec) => (spec.process.ioPriority = { class: "IOPRIO_CLASS_BE", priority: 6 }));
  expect(await bundle.sh("busybox ionice -p 1")).toEqual(["best-effort: prio 6"]);
});

if (process.arch !== "x64") console.warn("SKIPPED: a 32-bit personality: its name for the machine is known for x86-64 alone");
test.skipIf(process.arch !== "x64")("a 32-bit machine", async () => {
  using bundle = new Bundle((spec) => (spec.linux.personality = { domain: "LINUX32" }));
  expect(await bundle.sh("uname -m; cat /proc/1/personality")).toEqual(["i686", "00000008"]);
});

test("memory of one node", async () => {
  using bundle = new Bundle((spec) => (spec.linux.memoryPolicy = { mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"] }));
  expect(await bundle.sh("cut -d' ' -f2 /proc/1/numa_maps | sort -u")).toEqual(["bind=static:0"]);
});

for (const [policy, seen] of [
  [{ mode: "MPOL_DEFAULT" }, "default"],
  [{ mode: "MPOL_LOCAL" }, "local"],
  [{ mode: "MPOL_BIND", nodes: "0" }, "bind:0"],
  [{ mode: "MPOL_INTERLEAVE", nodes: "0" }, "interleave:0"],
  [{ mode: "MPOL_WEIGHTED_INTERLEAVE", nodes: "0" }, "weighted interleave:0"],
  [{ mode: "MPOL_PREFERRED", nodes: "0" }, "prefer:0"],
  [{ mode: "MPOL_PREFERRED" }, "local"],
  [{ mode: "MPOL_PREFERRED_MANY", nodes: "0" }, "prefer (many):0"],
  [{ mode: "MPOL_INTERLEAVE", nodes: "0", flags: ["MPOL_F_RELATIVE_NODES"] }, "interleave=relative:0"],
  [{ mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_NUMA_BALANCING", "MPOL_F_STATIC_NODES"] }, "bind=static|balancing:0"],
] as const satisfies [MemoryPolicy, string][])
  test(`memory by ${policy.mode}${"flags" in policy ? ` with ${policy.flags.join(" and ")}` : ""}${"nodes" in policy ? " of a node" : ""}`, async () => {
    using bundle = new Bundle((spec) => (spec.linux.memoryPolicy = structuredClone(policy) as MemoryPolicy));
    expect(
      await bundle.sh(
        "sed -E 's/^[0-9a-f]+ (.*) (anon|file|heap|stack)[= ].*/\\1/; s/^[0-9a-f]+ ([^ ]*)$/\\1/' /proc/1/numa_maps | sort -u",
      ),
    ).toContain(seen);
  });

/** Where cgroup v1 shares real time out, a cgroup has none until it is given some. */
const sharesRealTime = existsSync("/sys/fs/cgroup/cpu/cpu.rt_runtime_us");

for (const [scheduler, seen] of [
  [{ policy: "SCHED_OTHER" }, "0 0"],
  [{ policy: "SCHED_FIFO", priority: 5 }, "5 1"],
  [{ policy: "SCHED_RR", priority: 99 }, "99 2"],
  [{ policy: "SCHED_BATCH" }, "0 3"],
  [{ policy: "SCHED_IDLE" }, "0 5"],
  [
    { policy: "SCHED_DEADLINE", runtime: 1_000_000, deadline: 100_000_000, period: 100_000_000, flags: ["SCHED_FLAG_RESET_ON_FORK"] },
    "0 6",
  ],
] as const satisfies [Scheduler, string][])
  test(`scheduled by ${scheduler.policy}`, async () => {
    using bundle = new Bundle((spec) => {
      spec.process.scheduler = structuredClone(scheduler) as Scheduler;
      if (sharesRealTime) spec.linux.resources = { ...spec.linux.resources, cpu: { realtimeRuntime: 10_000, realtimePeriod: 1_000_000 } };
    });
    // Real-time priority and policy (proc_pid_stat(5)).
    expect(await bundle.sh("cut -d' ' -f40,41 /proc/1/stat")).toEqual([seen]);
  });

test("a policy that Linux has only a number for", async () => {
  expect(await refused((spec) => (spec.process.scheduler = { policy: "SCHED_ISO" }))).toEqual(
    failedWith(
      "box: process.scheduler: cannot be scheduled by SCHED_ISO: sched_setattr(0, {size: 56, sched_policy: 4, sched_flags: 0, sched_nice: 0, sched_priority: 0, sched_runtime: 0, sched_deadline: 0, sched_period: 0}, 0): EINVAL (invalid argument)",
    ),
  );
});

test("names that there are not", async () => {
  expect(
    await refused((spec) => {
      spec.process.scheduler = { policy: "SCHED_FIFU" as "SCHED_FIFO", nice: 20, flags: ["SCHED_FLAG_RESET" as "SCHED_FLAG_RECLAIM"] };
      spec.process.ioPriority = { class: "IOPRIO_CLASS_NONE" as "IOPRIO_CLASS_BE", priority: 0 };
      spec.process.oomScoreAdj = 1001;
      spec.process.consoleSize = { height: 70000, width: -1 };
      spec.process.rlimits = [
        { type: "RLIMIT_NOFILES" as "RLIMIT_NOFILE", soft: 1, hard: 1 },
        { type: "RLIMIT_CPU", soft: 2, hard: 1 },
      ];
      spec.linux.memoryPolicy = { mode: "MPOL_BIND", flags: ["MPOL_F_STATIC" as "MPOL_F_STATIC_NODES"] };
      spec.linux.timeOffsets = { realtime: { secs: 1 } } as object;
    }),
  ).toEqual(
    failedWith(
      'box: process.rlimits[0].type: expected the name of a limit, such as RLIMIT_NOFILE, got "RLIMIT_NOFILES"',
      'hint: did you mean "RLIMIT_NOFILE"?',
      "box: process.rlimits[1].soft: expected at most the hard limit of 1, got 2",
      'box: process.scheduler.policy: expected a scheduling policy, such as SCHED_OTHER, got "SCHED_FIFU"',
      'hint: did you mean "SCHED_FIFO"?',
      "box: process.scheduler.nice: expected an integer from -20 to 19, got 20",
      'box: process.scheduler.flags[0]: expected a scheduling flag, such as SCHED_FLAG_RESET_ON_FORK, got "SCHED_FLAG_RESET"',
      'box: process.ioPriority.class: expected IOPRIO_CLASS_RT, IOPRIO_CLASS_BE or IOPRIO_CLASS_IDLE, got "IOPRIO_CLASS_NONE"',
      'hint: did you mean "IOPRIO_CLASS_BE"?',
      "box: process.oomScoreAdj: expected an integer from -1000 to 1000, got 1001",
      "box: process.consoleSize.height: expected an integer from 0 to 65535, got 70000",
      "box: process.consoleSize.width: expected an integer from 0 to 65535, got -1",
      'box: linux.memoryPolicy.flags[0]: expected a memory policy flag, such as MPOL_F_STATIC_NODES, got "MPOL_F_STATIC"',
      "box: linux.timeOffsets.realtime: has no offset: only monotonic and boottime have one",
      "box: linux.timeOffsets: needs a time namespace in linux.namespaces",
    ),
  );
});

for (const [priority, seen] of [
  [{ class: "IOPRIO_CLASS_RT", priority: 2 }, "realtime: prio 2"],
  [{ class: "IOPRIO_CLASS_IDLE", priority: 0 }, "idle"],
] as const)
  test(`a priority of I/O of ${priority.class}`, async () => {
    using bundle = new Bundle((spec) => (spec.process.ioPriority = { ...priority }));
    expect(await bundle.sh("busybox ionice -p 1")).toEqual([seen]);
  });

test("memory of a node that there is not", async () => {
  expect(await refused((spec) => (spec.linux.memoryPolicy = { mode: "MPOL_BIND", nodes: "900" }))).toEqual(
    failedWith(
      "box: linux.memoryPolicy: cannot take memory by MPOL_BIND from the nodes 900: set_mempolicy(MPOL_BIND, 120 bytes, 961): EINVAL (invalid argument)",
    ),
  );
});

test("clocks of its own", async () => {
  using bundle = new Bundle((spec) => {
    spec.linux.namespaces.push({ type: "time" });
    spec.linux.timeOffsets = { boottime: { secs: 864_000 }, monotonic: { secs: 1000, nanosecs: 5 } };
  });
  const uptime = (text: string): number => Number(text.split(" ")[0]);
  const [own = "", monotonic, boottime, namespace] = await bundle.sh(
    "cat /proc/uptime; tr -s ' ' < /proc/self/timens_offsets; readlink /proc/self/ns/time",
  );
  const host = uptime(readFileSync("/proc/uptime", "utf8"));
  expect(Math.abs(uptime(own) - host - 864_000)).toBeLessThan(60);
  expect([monotonic, boottime]).toEqual(["monotonic 1000 5", "boottime 864000 0"]);
  expect(namespace).not.toBe(readlinkSync("/proc/self/ns/time"));
});

test("clocks of its own, beside a user namespace and a joined one", async () => {
  using target = new Bundle();
  using running = await target.startSh("echo ready; exec sleep 1000");
  expect(running.pid).toBeGreaterThan(0);
  using bundle = new Bundle((spec) => {
    spec.linux.namespaces = spec.linux.namespaces.map((one) =>
      one.type === "ipc" ? { ...one, path: `/proc/${target.initPid}/ns/ipc` } : one,
    );
    spec.linux.namespaces.push({ type: "time" }, { type: "user" });
    spec.linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
    spec.linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
    spec.linux.timeOffsets = { boottime: { secs: 5000 } };
    spec.mounts = spec.mounts.filter(({ type }) => type !== "mqueue");
  });
  bundle.giveRootTo(100000);
  expect(await bundle.sh("tr -s ' ' < /proc/self/timens_offsets")).toEqual(["monotonic 0 0", "boottime 5000 0"]);
});

test("the clocks of another container", async () => {
  using target = new Bundle((spec) => {
    spec.linux.namespaces.push({ type: "time" });
    spec.linux.timeOffsets = { boottime: { secs: 77 } };
  });
  using running = await target.startSh("echo ready; exec sleep 1000");
  expect(running.pid).toBeGreaterThan(0);
  using bundle = new Bundle((spec) => spec.linux.namespaces.push({ type: "time", path: `/proc/${target.initPid}/ns/time` }));
  expect(await bundle.sh("tr -s ' ' < /proc/self/timens_offsets; readlink /proc/self/ns/time")).toEqual([
    "monotonic 0 0",
    "boottime 77 0",
    readlinkSync(`/proc/${target.initPid}/ns/time`),
  ]);
});

test("clocks before the machine was started", async () => {
  const offset = -(10 ** 9);
  expect(
    await refused((spec) => {
      spec.linux.namespaces.push({ type: "time" });
      spec.linux.timeOffsets = { monotonic: { secs: offset } };
    }),
  ).toEqual(
    failedWith(
      `box: linux.timeOffsets: cannot set its clocks: write(timens_offsets, "monotonic ${offset} 0\\n", 24): ERANGE (numerical result out of range)`,
    ),
  );
});

test("what contradicts itself, all at once", async () => {
  expect(
    await refused((spec) => {
      spec.process.scheduler = { policy: "SCHED_OTHER", priority: 1, runtime: 5 };
      spec.process.ioPriority = { class: "IOPRIO_CLASS_RT", priority: 8 };
      spec.process.execCPUAffinity = { initial: "0-", final: "1" };
      spec.linux.memoryPolicy = { mode: "MPOL_LOCAL", nodes: "1" };
      spec.linux.personality = { domain: "LINUX64" as "LINUX" };
      spec.linux.namespaces.push({ type: "time", path: "/proc/1/ns/time" });
      spec.linux.timeOffsets = { boottime: { secs: 1 } };
    }),
  ).toEqual(
    failedWith(
      "box: process.scheduler.priority: goes with SCHED_FIFO and SCHED_RR only",
      "box: process.scheduler.runtime: goes with SCHED_DEADLINE only",
      "box: process.ioPriority.priority: expected an integer from 0 to 7, got 8",
      'box: process.execCPUAffinity.initial: expected a list of numbers, such as 0-3,7, got "0-"',
      "box: linux.memoryPolicy.nodes: MPOL_LOCAL goes without nodes",
      'box: linux.personality.domain: expected LINUX or LINUX32, got "LINUX64"',
      'hint: did you mean "LINUX"?',
      "box: linux.timeOffsets: a time namespace that is joined has its clocks already",
    ),
  );
});

test("flags of a personality", async () => {
  expect(await refused((spec) => (spec.linux.personality = { domain: "LINUX", flags: ["X"] }))).toEqual(
    failedWith("box: linux.personality.flags: this version of the runtime spec knows none"),
  );
});
