// box killed with -9 at any moment: box delete --force, or a run with the same id, puts everything right.

import { expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import type { State } from "../../src/state/state.ts";
import { Bundle, cgroupsOf, machine, type RichSpec, testWith, until } from "./harness.ts";

const test = testWith();
const STARTS = 60;
/** How long a start takes from its first trace on, and more. */
const LATEST_MS = 12;

/** The container's program would run until it is ended. */
const endless = (change: (spec: RichSpec) => void = () => {}): Bundle =>
  new Bundle((spec) => {
    spec.process.args = ["sleep", "1000"];
    change(spec);
  });

/** Starts box and kills it `delayMs` after it has made its state folder. Returns the status that is left, if any. */
async function killedAfter(bundle: Bundle, delayMs: number): Promise<string> {
  using running = bundle.start(["run", bundle.id]);
  const state = `${bundle.states}/${bundle.id}`;
  // Busy waits: a timer's millisecond is too coarse for what is to be hit.
  const patience = performance.now() + 5000;
  while (!existsSync(state) && performance.now() < patience);
  const end = performance.now() + delayMs;
  while (performance.now() < end);
  running.child.kill("SIGKILL");
  await running.child.exited;
  const file = `${state}/state.json`;
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as State).status : "none";
}

const delays = Array.from({ length: STARTS }, (_, index) => (LATEST_MS * index) / STARTS);
const layouts: [title: string, change: (spec: RichSpec) => void][] = [
  ["new namespaces", () => {}],
  ["no pid namespace", (spec) => (spec.linux.namespaces = spec.linux.namespaces.filter(({ type }) => type !== "pid"))],
];

for (const [title, change] of layouts) {
  test(`${title}: killed at ${STARTS} moments of its start, then box delete --force`, async () => {
    using bundle = endless(change);
    const before = machine(bundle);
    const left = new Set<string>();
    for (const delay of delays) {
      left.add(await killedAfter(bundle, delay));
      expect(await bundle.box(["delete", "--force", bundle.id])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
      await until(() => machine(bundle).processes.length === before.processes.length, `the end of all processes after ${delay} ms`);
      expect([delay, machine(bundle)]).toEqual([delay, before]);
    }
    expect([...left]).toEqual(expect.arrayContaining(["creating", "running"]));
  }, 60_000);

  test(`${title}: killed at ${STARTS} moments of its start, then run again with the same id`, async () => {
    using bundle = endless(change);
    const before = machine(bundle);
    for (const delay of delays) {
      bundle.change((spec) => (spec.process.args = ["sleep", "1000"]));
      await killedAfter(bundle, delay);
      expect([delay, await bundle.run(["echo", "again"])]).toEqual([delay, { exitCode: 0, stdout: "again\n", stderr: "" }]);
      await until(() => machine(bundle).processes.length === before.processes.length, `the end of all processes after ${delay} ms`);
      expect([delay, machine(bundle)]).toEqual([delay, before]);
    }
  }, 60_000);
}

test("killed while the container runs, without a pid namespace and with children that ignore signals", async () => {
  using bundle = new Bundle((spec) => {
    spec.linux.namespaces = spec.linux.namespaces.filter(({ type }) => type !== "pid");
    spec.mounts = spec.mounts.filter(({ type }) => type !== "proc");
  });
  const before = machine(bundle);
  {
    using running = await bundle.startSh("trap '' TERM HUP INT; sleep 1000 & sleep 1000 & echo ready; while :; do sleep 0.05; done");
    running.child.kill("SIGKILL");
    await running.child.exited;
    expect(await bundle.box(["delete", "--force", bundle.id])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  }
  await until(() => machine(bundle).processes.length === before.processes.length, "the end of all processes");
  expect(machine(bundle)).toEqual(before);
});

test("killed while the container runs: the same id runs anew, the old one is ended", async () => {
  using bundle = new Bundle();
  const before = machine(bundle);
  using running = await bundle.startSh("echo ready; exec sleep 1000");
  const old = bundle.initPid;
  running.child.kill("SIGKILL");
  await running.child.exited;
  expect(await bundle.run(["echo", "new"])).toEqual({ exitCode: 0, stdout: "new\n", stderr: "" });
  await until(() => !machine(bundle).processes.some((one) => one.startsWith(`${old} `)), "the end of the old container");
  expect(machine(bundle)).toEqual(before);
});

test("killed while a container without a bundle runs: box delete --force of the id that box made up", async () => {
  using bundle = new Bundle();
  const before = machine(bundle);
  {
    using running = bundle.start(["run", "--", "sh", "-c", "echo ready; exec sleep 1000"]);
    await running.says("ready");
    const ids = machine(bundle).states;
    expect(ids.length).toBe(1);
    running.child.kill("SIGKILL");
    await running.child.exited;
    expect(await bundle.box(["delete", "--force", ...ids])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    expect(ids.flatMap((id) => cgroupsOf("/sys/fs/cgroup", id))).toEqual([]);
  }
  await until(() => machine(bundle).processes.length === before.processes.length, "the end of all processes");
  expect(machine(bundle)).toEqual(before);
});
