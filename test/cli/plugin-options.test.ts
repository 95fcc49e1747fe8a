import { expect, test } from "bun:test";
import type { ObjectSchema } from "../../hooks/plugin.ts";
import { checkOptions } from "../../src/cli/plugin-options.ts";
import { errorLines } from "../../src/cli/report-error.ts";
import { BoxError } from "../../src/errors.ts";

const schema: ObjectSchema = {
  type: "object",
  properties: {
    name: { type: "string" },
    mode: { type: "string", enum: ["bridge", "none"] },
    port: { type: "integer" },
    share: { type: "number" },
    quiet: { type: "boolean" },
    most: { type: ["number", "string"] },
    ports: { type: "array", items: { type: "object", properties: { host: { type: "integer" } }, required: ["host"] } },
  },
  required: ["name"],
};

const check = (options: unknown, ...expected: string[]): void => {
  const faults = checkOptions(schema, options);
  expect(faults.length === 0 ? [] : errorLines(new BoxError({ faults }))).toEqual(expected);
};

test("right ones", () => check({ name: "a", mode: "none", port: 1, share: 0.5, quiet: true, ports: [{ host: 80 }] }));
test("amounts", () => {
  check({ name: "a", most: 1.5 });
  check({ name: "a", most: "50%" });
  check({ name: "a", most: true }, "box: most: expected a number or a string, got true");
  check({ name: "a", most: Number.NaN }, "box: most: expected a number or a string, got NaN");
});
test("the least", () => check({ name: "" }));
test("no map", () => check([], "box: expected a map, got []"));
test("a missing one", () => check({}, "box: name: missing, expected a string"));
test("a misspelt one", () => check({ nam: "a", name: "b" }, 'box: nam: unknown option, did you mean "name"?'));
test("one of no kind", () => check({ name: "b", "a b": 1 }, 'box: ["a b"]: unknown option'));
test("what every object inherits", () => check({ name: "b", constructor: 1 }, "box: constructor: unknown option"));
test("a misspelt word", () =>
  check({ name: "a", mode: "brigde" }, 'box: mode: expected one of bridge, none, got "brigde"', 'hint: did you mean "bridge"?'));
test("wrong types, all at once", () =>
  check(
    { name: 1, port: 1.5, share: "x", quiet: 0, ports: {} },
    "box: name: expected a string, got 1",
    "box: port: expected an integer, got 1.5",
    'box: share: expected a number, got "x"',
    "box: quiet: expected true or false, got 0",
    "box: ports: expected a list, got an object",
  ));
test("further in", () =>
  check(
    { name: "a", ports: [{ host: 1 }, { hots: 2 }, 3] },
    'box: ports[1].hots: unknown option, did you mean "host"?',
    "box: ports[1].host: missing, expected an integer",
    "box: ports[2]: expected a map, got 3",
  ));
