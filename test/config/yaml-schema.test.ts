import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { Ajv } from "ajv";
import fc from "fast-check";
import { parse } from "yaml";
import { schemaText } from "../../scripts/generate-yaml-schema.ts";
import { readYaml } from "../../src/config/yaml-read.ts";
import { boxYamlRule } from "../../src/config/yaml-rules.ts";
import { yamlSchema } from "../../src/config/yaml-schema.ts";
import { BoxError } from "../../src/errors.ts";
import { readBlocks } from "../docs/blocks.ts";
import { nearYaml, yamlKeys } from "./arbitrary-yaml.ts";

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
  // What stands in etc/ is the host's, and no container.
  const files = documents.flatMap((path) =>
    readBlocks(readFileSync(`${repository}/${path}`, "utf8")).filter(({ text }) => /^# (?!etc\/)[\w./-]*\.yaml\n/.test(text)),
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

test("an editor and box agree, up to what only a text can tell", () => {
  const outcomes = { accepted: 0, refused: 0 };
  const file = fc.constantFrom(...yamlKeys).chain((key) => nearYaml(key).map((value) => `rootfs: host\n${key}: ${value}`));
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
