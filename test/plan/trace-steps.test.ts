import { expect, test } from "bun:test";
import { sectionsOf } from "../../src/plan/print-plan.ts";
import { traceSteps } from "../../src/plan/trace-steps.ts";
import type { Step } from "../../src/tape/step.ts";
import { planWith } from "./plan-for.ts";

const isClock = ({ call, origin }: Step): boolean => call === "clock_gettime" && origin === "--trace";
const maps = [{ containerID: 0, hostID: 1000, size: 1 }];
const plans = {
  plain: () => planWith({}),
  "with a helper": () => planWith({ linux: { namespaces: [{ type: "mount" }, { type: "user" }], uidMappings: maps, gidMappings: maps } }),
  "with hooks": () => planWith({ spec: { hooks: { poststart: [{ path: "/bin/a" }], createRuntime: [{ path: "/bin/b" }] } } }),
};

for (const [title, make] of Object.entries(plans)) {
  test(`${title}: the steps are the plan's, and clocks`, () => {
    const plan = make();
    expect(sectionsOf(plan).flatMap(({ steps }) => steps.filter(isClock))).toEqual([]);
    const { plan: traced } = traceSteps(plan);
    const without = sectionsOf(traced).map(({ steps, ...rest }) => ({ ...rest, steps: steps.filter((step) => !isClock(step)) }));
    expect(without).toEqual(sectionsOf(plan).map(({ title: name, actor, steps }) => ({ title: name, actor, steps: [...steps] })));
  });
  test(`${title}: every step of box's own begins and ends at a clock, and every part of the child's begins at one`, () => {
    const { plan: traced, box, child } = traceSteps(make());
    for (const section of [traced.prepare, traced.record, traced.release, ...traced.poststartHooks])
      expect(section.steps.map(isClock)).toEqual(section.steps.map((_, index) => index % 2 === 0));
    for (const clocks of box) expect(clocks.findIndex(({ step }) => step === undefined)).toBe(clocks.length - 1);
    expect(child.map(({ section }) => section)).toEqual(traced.child.map(({ title: name }) => name));
    for (const { steps } of traced.child) expect(steps.findIndex(isClock)).toBe(steps[0]?.label === undefined ? 0 : 1);
  });
}

test("the child's times are where box can read them, box's own are not", () => {
  const { box, child } = traceSteps(planWith({}));
  expect(child.every(({ time }) => time.shared)).toBe(true);
  expect(box.flat().some(({ time }) => time.shared)).toBe(false);
});
