import { expect, test } from "bun:test";
import { listSteps, planToJson, printPlan, sectionsOf } from "../../src/plan/print-plan.ts";
import { planWith } from "./plan-for.ts";

const plan = planWith({ process: { args: ["/bin/true"] } });

test("a step has its number, its call, where it comes from and why; an alternative stands below it", () => {
  const lines = printPlan(plan).split("\n");
  const start = lines.indexOf("box: state, cgroups and the child");
  expect(lines.slice(start, start + 7).join("\n")).toMatchInlineSnapshot(`
    "box: state, cgroups and the child
       1  mkdirat(AT_FDCWD, "/run/box", 0711)
            --root: make the folder /run/box
       2      [ENOENT] mkdirat(AT_FDCWD, "/run", 0711)
                --root: make the folder /run
       3      [ENOENT] mkdirat(AT_FDCWD, "/run/box", 0711)
                --root: make the folder /run/box"
  `);
});

test("steps are numbered from 1, and an alternative names the step that it belongs to", () => {
  const steps = listSteps(plan).map(({ shown }) => shown);
  expect(steps.map(({ number }) => number)).toEqual(steps.map((_, index) => index + 1));
  for (const { of, number } of steps) if (of !== undefined) expect(of).toBeLessThan(number);
  const alternatives = steps.filter(({ when }) => when === "ENOENT");
  expect(alternatives.length).toBeGreaterThan(5);
});

test("every section that has steps is printed, notes first", () => {
  const text = printPlan(plan);
  expect(text.startsWith("note: process.capabilities.ambient: CAP_AUDIT_WRITE, CAP_KILL, CAP_NET_BIND_SERVICE stays off:")).toBe(true);
  for (const { actor, title } of sectionsOf(plan)) expect(text).toContain(`\n${actor}: ${title}\n`);
});

test("as JSON it says the same", () => {
  const { notes, steps } = planToJson(plan);
  expect(notes).toEqual(plan.notes);
  expect(steps).toEqual(listSteps(plan).map(({ shown }) => shown));
  expect(JSON.parse(JSON.stringify(steps[0]))).toMatchInlineSnapshot(`
    {
      "actor": "box",
      "call": "mkdirat",
      "number": 1,
      "origin": "--root",
      "section": "state, cgroups and the child",
      "text": "mkdirat(AT_FDCWD, "/run/box", 0711)",
      "why": "make the folder /run/box",
    }
  `);
});
