import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { Ajv } from "ajv";
import fc from "fast-check";
import { parse } from "yaml";
import { schemaText } from "../../scripts/generate-yaml-schema.ts";
import { readYaml } from "../../src/config/yaml-read.ts";
import { boxYamlRule, type YamlRule } from "../../src/config/yaml-rules.ts";
import { yamlSchema } from "../../src/config/yaml-schema.ts";
import { BoxError } from "../../src/errors.ts";
import { readBlocks } from "../docs/blocks.ts";

const repository = new URL("../..", import.meta.url).pathname;
// Types in a union are how a number counts as its text.
const validate = new Ajv({ strict: true, allowUnionTypes: true }).compile(yamlSchema());

/** Whether an editor with the schema finds nothing wrong. */
const accepts = (text: string): boolean => validate(parse(text));

function boxAccepts(text: string): boolean {
  try {
    readYaml(text, "box.yaml", boxYamlRule);
    return true;
  } catch (error) {
    if (error instanceof BoxError) return false;
    throw error;
  }
}

test("the file is what the table makes: bun scripts/generate-yaml-schema.ts", () =>
  expect(readFileSync(`${repository}/docs/box.schema.json`, "utf8")).toBe(schemaText()));

describe("the documents' examples", () => {
  const documents = ["README.md", ...readdirSync(`${repository}/docs`).map((name) => `docs/${name}`)].filter((path) =>
    path.endsWith(".md"),
  );
  const files = documents.flatMap((path) =>
    readBlocks(readFileSync(`${repository}/${path}`, "utf8")).filter(({ text }) => /^# [\w./-]*\.yaml\n/.test(text)),
  );
  const isWrong = ({ text }: { text: string }): boolean => text.startsWith("# wrong/");

  test("are accepted", () => {
    const right = files.filter((file) => !isWrong(file));
    expect(right.length).toBeGreaterThan(3);
    expect(right.filter(({ text }) => !accepts(text))).toEqual([]);
  });
  test("are refused when they are there to be wrong", () => {
    expect(files.filter(isWrong).length).toBeGreaterThan(0);
    expect(files.filter(isWrong).filter(({ text }) => accepts(text))).toEqual([]);
  });
});

describe("refused", () => {
  const check = (text: string): void => test(text, () => expect([accepts(text), boxAccepts(text)]).toEqual([false, false]));

  check("command: sh");
  check("rootfs: host\nhostnam: a");
  check("rootfs: host\nworkdir: srv");
  check("rootfs: host\nmounts: [a]");
  check("rootfs: host\nmounts: [{source: /a}]");
  check("rootfs: host\nlimits: {memory: lots}");
  check("rootfs: host\nlimits: {pids: 1.5}");
  check("rootfs: host\nlimits: {memory: -1}");
  check("rootfs: host\nulimits: {nofiles: 5}");
  check("rootfs: host\ncapabilities: {add: [NET_ADMN]}");
  check("rootfs: host\nnetwork: bridge");
  check("rootfs: host\nseccomp: unconfine");
  check("rootfs: host\nhooks: {prestrat: [/a]}");
  check("rootfs: host\nread-only: yes please");
  check("rootfs: host\noci: [a]");
});

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
      const missing = fc.constantFrom(...keys, "other").map((key) => [key, "5"] as const);
      ways.push(pairs(fc.oneof({ weight: 9, arbitrary: known }, { weight: 1, arbitrary: missing })));
    }
  }
  return fc.oneof(...ways);
}

const pairs = (pair: fc.Arbitrary<readonly [string, string]>): fc.Arbitrary<string> =>
  fc
    .uniqueArray(pair, { maxLength: 3, selector: ([key]) => key })
    .map((list) => `{${list.map(([key, value]) => `"${key}": ${value}`).join(", ")}}`);

test("an editor and box agree, up to what only a text can tell", () => {
  const outcomes = { accepted: 0, refused: 0 };
  const keys = Object.keys(boxYamlRule.object?.fields ?? {}).filter((key) => key !== "rootfs");
  const file = fc
    .constantFrom(...keys)
    .chain((key) => near(boxYamlRule.object?.fields[key] as YamlRule).map((value) => `rootfs: host\n${key}: ${value}`));
  fc.assert(
    fc.property(file, (text) => {
      const ours = boxAccepts(text);
      outcomes[ours ? "accepted" : "refused"] += 1;
      expect({ text, accepts: accepts(text) }).toEqual({ text, accepts: ours });
    }),
    { numRuns: 1000 },
  );
  expect(outcomes.accepted).toBeGreaterThan(200);
  expect(outcomes.refused).toBeGreaterThan(200);
}, 60_000);
