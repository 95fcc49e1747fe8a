import { expect, test } from "bun:test";
import type { ObjectSchema } from "../../hooks/plugin.ts";
import { checkOptions, readOptions, withDefaults } from "../../src/cli/plugin-options.ts";
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

const check2 = (properties: ObjectSchema["properties"], options: unknown, ...expected: string[]): void => {
  const faults = checkOptions({ type: "object", properties }, options);
  expect(faults.length === 0 ? [] : errorLines(new BoxError({ faults }))).toEqual(expected);
};

test("numbers have bounds", () => {
  const properties = {
    a: { type: "integer", minimum: 1, maximum: 9 },
    b: { type: "number", minimum: 0 },
    c: { type: "number", maximum: 1 },
  } as const;
  check2(properties, { a: 1, b: 0, c: 1 });
  check2(properties, { a: 9, b: 1e9, c: -5 });
  check2(
    properties,
    { a: 0, b: -1, c: 1.5 },
    "box: a: expected an integer from 1 to 9, got 0",
    "box: b: expected a number of at least 0, got -1",
    "box: c: expected a number of at most 1, got 1.5",
  );
});

test("strings have patterns", () => {
  check2({ a: { type: "string", pattern: "^/" } }, { a: "/x" });
  check2({ a: { type: "string", pattern: "^/" } }, { a: "x" }, 'box: a: expected a string like ^/, got "x"');
});

test("other keys, where there may be some", () => {
  const open: ObjectSchema = { type: "object", properties: { a: { type: "boolean" } }, additionalProperties: { type: "integer" } };
  check2({ map: open }, { map: { a: true, b: 1, constructor: 2 } });
  check2(
    { map: open },
    { map: { a: 1, b: true } },
    "box: map.a: expected true or false, got 1",
    "box: map.b: expected an integer, got true",
  );
});

test("defaults are filled in, also further in, and are the plugin's own copies", () => {
  const words = ["x"];
  const deep: ObjectSchema = {
    type: "object",
    properties: {
      name: { type: "string", default: "usual" },
      words: { type: "array", items: { type: "string" }, default: words },
      ports: { type: "array", items: { type: "object", properties: { protocol: { type: "string", default: "tcp" } } } },
      none: { type: "integer" },
    },
  };
  const filled = withDefaults(deep, { ports: [{}, { protocol: "udp" }] }) as { words: string[] };
  expect(filled).toEqual({ name: "usual", words: ["x"], ports: [{ protocol: "tcp" }, { protocol: "udp" }] } as never);
  expect(filled.words).not.toBe(words);
  expect(withDefaults(deep, { name: "own" })).toEqual({ name: "own", words: ["x"] });
});

test("words of a command line become what the schema says, or stay as they are", () => {
  expect(readOptions(schema, "name=5,port=80,share=0.5,quiet=true,mode=a=b")).toEqual({
    name: "5",
    port: 80,
    share: 0.5,
    quiet: true,
    mode: "a=b",
  });
  expect(readOptions(schema, "quiet,port=x,other=1")).toEqual({ quiet: true, port: "x", other: "1" });
  const list: ObjectSchema = { type: "object", properties: { ports: { type: "array", items: { type: "integer" } } } };
  expect(readOptions(list, "ports=80,ports=81")).toEqual({ ports: [80, 81] });
  expect(Object.keys(readOptions(list, "__proto__=1"))).toEqual(["__proto__"]);
});
