// Every field of config.json by itself: has a note, a test that shows it, and a value that is refused with exactly these words.

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { fieldNotes } from "../../scripts/config-fields/all.ts";
import { everyField } from "../../scripts/config-fields/every-field.ts";
import { type Note, testFile } from "../../scripts/config-fields/note.ts";
import { configTable, ruledFields } from "../../scripts/generate-config-table.ts";
import { checkSpec } from "../../src/config/check-spec.ts";
import { checkSupported } from "../../src/config/unsupported.ts";
import { placeIn } from "../config/place-in.ts";
import { faultLines } from "../config/print-faults.ts";

const repository = new URL("../..", import.meta.url).pathname;
const notes = Object.entries<Note>(fieldNotes);

test("the notes are on the fields that the checker has", () =>
  expect(notes.map(([path]) => path).sort()).toEqual(
    ruledFields()
      .map(({ path }) => path)
      .sort(),
  ));

test("docs/config.md is what they make: npm run docs:config", () =>
  expect(readFileSync(`${repository}/docs/config.md`, "utf8")).toBe(configTable()));

test("what box does is told in sentences", () =>
  expect(notes.filter(([, { does }]) => !/^.+\.$/.test(does) || /[|\n]/.test(does)).map(([path]) => path)).toEqual([]));

describe("what shows a field", () => {
  /** The fixed parts of the template that begins at `at`. What stands in `${…}` may have braces and templates itself. */
  const partsAt = (program: string, at: number): string[] => {
    const parts = [""];
    for (let depth = 0, place = at; place < program.length; place++) {
      const letter = program.charAt(place);
      if (depth === 0 && letter === "`") break;
      if (depth > 0) depth += letter === "{" ? 1 : letter === "}" ? -1 : 0;
      else if (letter === "$" && program.charAt(place + 1) === "{") {
        depth = 1;
        place++;
        parts.push("");
      } else parts[parts.length - 1] += letter;
    }
    return parts;
  };
  /** Titles that a loop makes, as patterns. One without a fixed part would fit everything, and says nothing. */
  const patternsIn = (program: string): RegExp[] =>
    [...program.matchAll(/\(`/g)].flatMap(({ index }) => {
      const parts = partsAt(program, index + 2);
      return parts.join("") === "" ? [] : [new RegExp(`^${parts.map((part) => RegExp.escape(part)).join(".*")}$`)];
    });
  const missing = (file: string, title: string): string | undefined => {
    const path = testFile(file);
    if (!existsSync(`${repository}/${path}`)) return `there is no ${path}`;
    const program = readFileSync(`${repository}/${path}`, "utf8");
    const isThere = program.includes(JSON.stringify(title)) || patternsIn(program).some((pattern) => pattern.test(title));
    return isThere ? undefined : `${path} has no test or group ${JSON.stringify(title)}`;
  };

  test("is there", () =>
    expect(
      notes.flatMap(
        ([
          path,
          {
            shown: [file, title],
          },
        ]) => {
          const problem = missing(file, title);
          return problem === undefined ? [] : [`${path}: ${problem}`];
        },
      ),
    ).toEqual([]));
  test("would be missed", () => {
    expect(missing("integration/nowhere", "x")).toBe("there is no test/integration/nowhere.test.ts");
    expect(missing("vm/nowhere.vm.ts", "x")).toBe("there is no test/vm/nowhere.vm.ts");
    expect(missing("integration/user", "no such title")).toBe('test/integration/user.test.ts has no test or group "no such title"');
  });
});

/** The faults of a configuration that is right but for one field. */
function faultsWith(path: string, value: unknown): { words: string; lines: string[] } {
  const spec = everyField();
  const { holder, key, words } = placeIn(spec, path);
  if (value === undefined) delete holder[key];
  else holder[key] = value;
  return { words, lines: faultLines(() => checkSpec(spec)) };
}

describe("a configuration with every field", () => {
  test("is right", () => expect(faultLines(() => checkSpec(everyField()))).toEqual([]));
  test("has them all", () => {
    const lacks = notes.filter(([path]) => {
      const { holder, key } = placeIn(everyField(), path);
      return holder[key] === undefined;
    });
    // It is for Windows, and no field of a Spec.
    expect(lacks.map(([path]) => path)).toEqual(["process.user.username"]);
  });
});

test("what is said to be refused so far is what this version refuses, and nothing else", () => {
  const refused = faultLines(() => checkSupported(checkSpec(everyField()))).map((line) => line.split(":")[0] ?? "");
  const said = notes.filter(([, { does }]) => does.startsWith("Refused so far.")).map(([path]) => path);
  const parts = said.filter((path) => !said.some((other) => path !== other && path.startsWith(`${other}.`)));
  expect(parts.sort()).toEqual(refused.sort());
});

describe("refused, and nothing else with it:", () => {
  for (const [path, { wrong }] of notes)
    test(`${path} ${wrong[1].slice(0, 100)}`, () => {
      const { words, lines } = faultsWith(path, wrong[0]);
      expect(lines).toEqual([words + wrong[1]]);
    });
});

describe("a value of any other type is refused where it is:", () => {
  const values = { text: "\u0001", number: 0.5, boolean: true, list: [[]], object: { "\u0001": null } };
  const own: Readonly<Record<string, keyof typeof values>> = {
    ...{ text: "text", name: "text", key: "text", integer: "number", boolean: "boolean", list: "list", object: "object", map: "object" },
  };
  for (const { path, rule } of ruledFields())
    test(path, () => {
      for (const [type, value] of Object.entries(values)) {
        if (type === own[rule.is]) continue;
        const { words, lines } = faultsWith(path, value);
        const shown = { text: '"\\u0001"', number: "0.5", boolean: "true", list: "an array", object: "an object" }[type];
        expect(lines[0]).toBe(`${words}: expected ${rule.expected}, got ${shown}`);
      }
    });
});
