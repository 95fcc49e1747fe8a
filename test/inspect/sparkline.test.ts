import { expect, test } from "bun:test";
import { sparkline } from "../../src/inspect/sparkline.ts";

test("as high as the largest", () => expect(sparkline([0, 25, 50, 75, 100], 5, 1)).toBe("▁▃▅▇█"));
test("little is little", () => expect(sparkline([0, 1, 0], 3, 10)).toBe("▁▁▁"));
test("the newest at the right", () => {
  expect(sparkline([100, 0, 100], 2, 1)).toBe("▁█");
  expect(sparkline([100], 3, 1)).toBe("  █");
  expect(sparkline([], 3, 1)).toBe("   ");
});
