// The plugin cgroup-limits, from box.yaml to the files of a container's cgroups and to what its processes meet.

import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { cgroupsOf, linesOf, machine, testWith } from "./harness.ts";
import { yamlBundle } from "./yaml-bundle.ts";

const test = testWith("cgroup v1");

const withLimits = (options: string, command: string): string =>
  `rootfs: rootfs\ncommand: ${command}\nplugins:\n  - cgroup-limits: ${options}\n`;

const show = (...files: readonly string[]): string => `sh -c 'cd /sys/fs/cgroup; cat ${files.join(" ")}'`;

const files = ["memory/memory.limit_in_bytes", "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us", "pids/pids.max"];

test("the files say what was asked for", async () => {
  using bundle = yamlBundle(withLimits("{ memory: 64MB, cpus: 1.5, pids: 20 }", show(...files)));
  expect(await bundle.box(["run", bundle.id])).toEqual({ exitCode: 0, stdout: "67108864\n150000\n100000\n20\n", stderr: "" });
  expect(cgroupsOf("/sys/fs/cgroup", bundle.id)).toEqual([]);
});

test("shares of this machine", async () => {
  using bundle = yamlBundle(withLimits("{ memory: 25%, cpus: 50% }", show(...files.slice(0, 2))));
  const { stdout, stderr } = await bundle.box(["run", bundle.id]);
  const kilobytes = Number(/^MemTotal: +(\d+) kB$/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1]);
  // The kernel counts in pages.
  const quarter = Math.floor((kilobytes * 1024) / 4 / 4096) * 4096;
  expect([stderr, linesOf(stdout)]).toEqual(["", [String(quarter), String((navigator.hardwareConcurrency / 2) * 100_000)]]);
});

test("other limits for some containers", async () => {
  const some = '[{ id: "test-*", pids: 30 }, { id: web, pids: 40 }]';
  using bundle = yamlBundle(withLimits(`{ pids: 20, memory: 64MB, containers: ${some} }`, show("pids/pids.max", files[0] as string)));
  expect((await bundle.box(["run", bundle.id])).stdout).toBe("30\n67108864\n");
});

test("more memory than the limit ends the container", async () => {
  using bundle = yamlBundle(withLimits("{ memory: 16MB, swap: 0 }", "dd if=/dev/zero of=/dev/null bs=64M count=1"));
  const before = machine(bundle);
  expect((await bundle.box(["run", bundle.id])).exitCode).toBe(137);
  expect(machine(bundle)).toEqual(before);
});

test("the plan shows them, and what is wrong is told before anything is made", async () => {
  using bundle = yamlBundle(withLimits("{ pids: 20 }", "true"));
  expect((await bundle.box(["plan", bundle.id])).stdout).toContain("limit it to 20 processes");
  using wrong = yamlBundle(withLimits("{ pids: 0, memory: lots }", "true"));
  const before = machine(wrong);
  const { exitCode, stderr } = await wrong.box(["run", wrong.id]);
  expect([exitCode, stderr.replace(/after \d+ ms/, "after … ms")]).toEqual([
    125,
    "box: plugins[0] cgroup-limits: config: memory: expected a size such as 256MB or 25%, got lots; pids: expected at least 1, got 0 (after … ms)\n",
  ]);
  expect(machine(wrong)).toEqual(before);
});
