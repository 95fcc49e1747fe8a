// Random parts of a box.yaml, made from the table of its keys: mostly right, now and then not.

import fc from "fast-check";
import { boxYamlRule, type YamlRule } from "../../src/config/yaml-rules.ts";

const fields = boxYamlRule.object?.fields ?? {};

/** All but rootfs. */
export const yamlKeys = Object.keys(fields).filter((key) => key !== "rootfs");

/** A value for a key, in flow style. */
export const nearYaml = (key: string): fc.Arbitrary<string> => near(fields[key] as YamlRule);

/** Values of each shape, near what the table has for them. */
const scalar = fc.constantFrom(
  "a",
  "/a",
  "/a:/b:ro",
  "host",
  "5",
  "1.5",
  "-1",
  "true",
  "null",
  "256MB",
  "A=b",
  '"0-3,7"',
  "unlimited",
  "NET_ADMIN",
  '""',
);

/** YAML in flow style for a value that may fit the rule, now and then with something else in it. */
function near(rule: YamlRule, depth = 0): fc.Arbitrary<string> {
  const ways: fc.Arbitrary<string>[] = [scalar];
  const { list, map, object } = rule;
  if (depth < 4) {
    if (list !== undefined) ways.push(fc.array(near(list, depth + 1), { maxLength: 2 }).map((items) => `[${items.join(", ")}]`));
    if (map !== undefined)
      ways.push(pairs(fc.constantFrom("a", "b", "8:0").chain((key) => near(map, depth + 1).map((value) => [key, value] as const))));
    if (object !== undefined) {
      const keys = Object.keys(object.fields);
      const known = fc
        .constantFrom(...keys)
        .chain((key) => near(object.fields[key] as YamlRule, depth + 1).map((value) => [key, value] as const));
      const missing = fc.constantFrom(...keys, "other", "x-other").map((key) => [key, "5"] as const);
      ways.push(pairs(fc.oneof({ weight: 9, arbitrary: known }, { weight: 1, arbitrary: missing })));
    }
  }
  return fc.oneof(...ways);
}

const pairs = (pair: fc.Arbitrary<readonly [string, string]>): fc.Arbitrary<string> =>
  fc
    .uniqueArray(pair, { maxLength: 3, selector: ([key]) => key })
    .map((list) => `{${list.map(([key, value]) => `"${key}": ${value}`).join(", ")}}`);
