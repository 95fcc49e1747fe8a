// The container's exit code passed on, and 128 and the number for a signal.

import { expect } from "bun:test";
import { signals } from "../../src/linux/signals.ts";
import { Bundle, machine, testWith } from "./harness.ts";

const test = testWith();

test("codes 0 to 255", async () => {
  using bundle = new Bundle();
  const codes = [0, 1, 2, 42, 63, 64, 77, 100, 125, 126, 127, 128, 129, 137, 200, 254, 255];
  const seen: number[] = [];
  for (const code of codes) seen.push((await bundle.run(["sh", "-c", `exit ${code}`])).exitCode);
  expect(seen).toEqual(codes);
}, 30_000);

/** Signals that end a process by default. */
const ending = Object.entries(signals).filter(([name]) => !/^SIG(CHLD|CONT|STOP|TSTP|TTIN|TTOU|URG|WINCH)$/.test(name));

// kill replaces the shell, which ignores SIGQUIT.
test("128 and the number for each signal that ends the program", async () => {
  // Without a pid namespace of its own the program is no init, so that every signal works.
  using bundle = new Bundle((spec) => {
    spec.linux.namespaces = spec.linux.namespaces.filter(({ type }) => type !== "pid");
    spec.mounts = spec.mounts.filter(({ type }) => type !== "proc");
    spec.process.rlimits = [{ type: "RLIMIT_CORE", soft: 0, hard: 0 }];
  });
  const before = machine(bundle);
  const seen: Record<string, number> = {};
  const expected: Record<string, number> = {};
  for (const [name, number] of ending) {
    seen[name] = (await bundle.run(["sh", "-c", `exec kill -${number} $$`])).exitCode;
    expected[name] = 128 + number;
  }
  expect(seen).toEqual(expected);
  expect(machine(bundle)).toEqual(before);
}, 30_000);

test("SIGKILL from outside to the init of a pid namespace", async () => {
  using bundle = new Bundle();
  using running = await bundle.startSh("echo ready; exec sleep 1000");
  process.kill(bundle.initPid, "SIGKILL");
  expect(await running.outcome()).toEqual({ exitCode: 137, stdout: "ready\n", stderr: "" });
});

test("processes that outlive an init without a pid namespace are ended", async () => {
  using bundle = new Bundle((spec) => {
    spec.linux.namespaces = spec.linux.namespaces.filter(({ type }) => type !== "pid");
    spec.mounts = spec.mounts.filter(({ type }) => type !== "proc");
  });
  const before = machine(bundle);
  const { exitCode } = await bundle.run(["sh", "-c", "sleep 1000 & sleep 1000 & exit 3"]);
  expect(exitCode).toBe(3);
  expect(machine(bundle)).toEqual(before);
});
