// Runs in a row and at once leave nothing behind: no process (and so no descriptor), mount, cgroup or file.

import { expect } from "bun:test";
import { Bundle, machine, testWith } from "./harness.ts";

const test = testWith();
const IN_A_ROW = 200;
const AT_ONCE = 50;

test(`${IN_A_ROW} runs in a row`, async () => {
  using bundle = new Bundle((spec) => (spec.process.args = ["true"]));
  const before = machine(bundle);
  const wrong: unknown[] = [];
  for (let run = 0; run < IN_A_ROW; run++) {
    const outcome = await bundle.box(["run", bundle.id]);
    if (outcome.exitCode !== 0 || outcome.stderr !== "") wrong.push(outcome);
  }
  expect(wrong).toEqual([]);
  expect(machine(bundle)).toEqual(before);
}, 60_000);

test(`${AT_ONCE} runs at once`, async () => {
  using bundle = new Bundle((spec) => (spec.process.args = ["sh", "-c", "exit 7"]));
  const before = machine(bundle);
  const runs = Array.from({ length: AT_ONCE }, (_, run) => bundle.box(["run", `${bundle.id}-${run}`], { limitMs: 50_000 }));
  const outcomes = await Promise.all(runs);
  expect(outcomes).toEqual(outcomes.map(() => ({ exitCode: 7, stdout: "", stderr: "" })));
  expect(machine(bundle)).toEqual(before);
}, 60_000);

test("runs with the same id at once: one has it, or one after the other, and the rest hear that it is taken", async () => {
  using bundle = new Bundle((spec) => (spec.process.args = ["sh", "-c", "exit 7"]));
  const before = machine(bundle);
  const outcomes = await Promise.all(Array.from({ length: 8 }, () => bundle.box(["run", bundle.id])));
  const taken = `box: id: the container ${bundle.id} already exists\nhint: box delete --force ${bundle.id} ends and removes it\n`;
  const ran = outcomes.filter(({ exitCode }) => exitCode === 7);
  const refused = outcomes.filter(({ exitCode }) => exitCode !== 7);
  expect(ran.length).toBeGreaterThan(0);
  expect(refused).toEqual(refused.map(() => ({ exitCode: 125, stdout: "", stderr: taken })));
  expect(machine(bundle)).toEqual(before);
});
