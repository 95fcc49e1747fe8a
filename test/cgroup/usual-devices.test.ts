import { expect, test } from "bun:test";
import fc from "fast-check";
import { deviceFilter } from "../../src/cgroup/device-filter.ts";
import { deviceLines, deviceTable } from "../../src/cgroup/device-rules.ts";
import { areUsual, usualFilter, usualLines } from "../../src/cgroup/usual-devices.ts";
import { randomRules } from "./read-rules.ts";

test("what was made when box was built is what the rules come to", () => {
  fc.assert(
    fc.property(randomRules, (rules) => {
      const denying = rules.map((rule) => ({ ...rule, allow: false }));
      const table = deviceTable(denying);
      expect(areUsual(denying)).toBe(true);
      expect(usualLines).toEqual(deviceLines(table) as typeof usualLines);
      expect(usualFilter()).toEqual(deviceFilter(table));
      expect(areUsual([...denying, { allow: true, access: "r" }])).toBe(false);
    }),
  );
});
