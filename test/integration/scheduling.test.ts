// Scheduler, priority of I/O, personality, memory policy and clocks, as the container's programs find them.

import { expect } from "bun:test";
import { readFileSync, readlinkSync } from "node:fs";
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
