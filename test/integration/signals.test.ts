// Signals: what box is sent reaches the container's first process, which starts with every disposition at its default.

import { describe, expect } from "bun:test";
import { existsSync } from "node:fs";
import { Bundle, cgroupsOf, machine, testWith, until } from "./harness.ts";

const test = testWith();

for (const name of ["TERM", "INT", "HUP", "USR1", "USR2", "QUIT", "WINCH", "CONT", "ALRM"] as const)
  test(`SIG${name} to box reaches init`, async () => {
    using bundle = new Bundle();
    using running = await bundle.startSh(`trap 'echo got ${name}; exit 5' ${name}; echo ready; while :; do sleep 0.01; done`);
    process.kill(running.pid, `SIG${name}`);
    expect(await running.outcome()).toEqual({ exitCode: 5, stdout: `ready\ngot ${name}\n`, stderr: "" });
  });

test("several signals in a row all arrive", async () => {
  using bundle = new Bundle();
  using running = await bundle.startSh(
    `trap 'echo USR1' USR1; trap 'echo USR2' USR2; trap 'exit 0' TERM; echo ready; while :; do sleep 0.01; done`,
  );
  process.kill(running.pid, "SIGUSR1");
  process.kill(running.pid, "SIGUSR2");
  await running.says("USR1");
  await running.says("USR2");
  process.kill(running.pid, "SIGTERM");
  expect((await running.outcome()).exitCode).toBe(0);
});

test("a signal that init has no handler for changes nothing, as the kernel has it for an init", async () => {
  using bundle = new Bundle();
  using running = await bundle.startSh("trap 'exit 6' TERM; echo ready; while :; do sleep 0.01; done");
  process.kill(running.pid, "SIGUSR1");
  process.kill(running.pid, "SIGTERM");
  expect((await running.outcome()).exitCode).toBe(6);
});

const masks = "grep -e ^SigBlk -e ^SigIgn /proc/self/status | cut -f2";

test("every disposition is the default and no signal is blocked", async () => {
  using bundle = new Bundle();
  expect(await bundle.run(["grep", "-e", "^SigBlk", "-e", "^SigIgn", "/proc/self/status"])).toEqual({
    exitCode: 0,
    stdout: "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n",
    stderr: "",
  });
});

test("signals that the caller ignores or blocks too", async () => {
  using bundle = new Bundle();
  const before = ["sh", "-c", "trap '' INT HUP PIPE USR1 TERM; exec \"$@\"", "sh"];
  expect(await bundle.sh(masks, { before })).toEqual(["0000000000000000", "0000000000000000"]);
  expect(await bundle.sh(masks, { before: ["env", "--block-signal=USR2,TERM"] })).toEqual(["0000000000000000", "0000000000000000"]);
});

test("a caller that ignores SIGCHLD learns how it ended all the same", async () => {
  using bundle = new Bundle();
  const before = ["env", "--ignore-signal=CHLD"];
  expect(await bundle.run(["sh", "-c", "exit 3"], { before })).toEqual({ exitCode: 3, stdout: "", stderr: "" });
  using _running = await bundle.startSh("echo ready; exec sleep 1000");
  expect(await bundle.box(["exec", bundle.id, "sh", "-c", "exit 4"], { before })).toEqual({ exitCode: 4, stdout: "", stderr: "" });
  await bundle.box(["kill", bundle.id, "KILL"]);
});

test("after SIGKILL of box the container goes on, until box delete --force", async () => {
  using bundle = new Bundle();
  const before = machine(bundle);
  {
    using running = await bundle.startSh("echo ready; exec sleep 1000");
    const { initPid } = bundle;
    running.child.kill("SIGKILL");
    await running.child.exited;
    expect(existsSync(`/proc/${initPid}/root`)).toBe(true);
    expect(cgroupsOf("/sys/fs/cgroup", bundle.id).length).toBeGreaterThan(0);
    expect(await bundle.box(["delete", bundle.id])).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: `box: id: cannot delete container ${bundle.id} that is not stopped: running\nhint: box delete --force ends it first\n`,
    });
    expect(await bundle.box(["delete", "--force", bundle.id])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    await until(() => machine(bundle).processes.length === before.processes.length, "the end of the container");
  }
  expect(machine(bundle)).toEqual(before);
});

test("box delete --force of a container that runs: box ends with 137 and leaves nothing", async () => {
  using bundle = new Bundle();
  const before = machine(bundle);
  {
    using running = await bundle.startSh("echo ready; exec sleep 1000");
    expect(await bundle.box(["delete", "--force", bundle.id])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    expect(await running.outcome()).toEqual({ exitCode: 137, stdout: "ready\n", stderr: "" });
  }
  expect(machine(bundle)).toEqual(before);
});

describe("during the start", () => {
  const tries = 40;

  test(`a signal never leaves a container without its box (${tries} moments)`, async () => {
    using bundle = new Bundle((spec) => (spec.process.args = ["sh", "-c", "trap 'exit 7' TERM; sleep 0.1; exit 9"]));
    const before = machine(bundle);
    const seen = new Set<number>();
    for (let index = 0; index < tries; index++) {
      using running = bundle.start(["run", bundle.id]);
      // Before box is up, while it makes the container, and once that runs.
      await until(() => existsSync(bundle.states) || index === 0, "the first state folder");
      await Bun.sleep(index);
      running.child.kill("SIGTERM");
      seen.add((await running.outcome()).exitCode);
      expect(machine(bundle)).toEqual(before);
    }
    // 143: box had not begun; 7 and 9: the container ran, and box ended with it.
    expect([...seen].filter((code) => ![7, 9, 143].includes(code))).toEqual([]);
    expect(seen.size).toBeGreaterThan(1);
  }, 60_000);
});
