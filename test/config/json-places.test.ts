import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { joinPath } from "../../src/config/faults.ts";
import { faultyPlace, jsonPlaces, type Place } from "../../src/config/json-places.ts";

const at = (line: number, column: number): Place => ({ line, column });

const text = `{
  "process": { "cwd": "/", "args": ["a", "b]}\\"", {"x": 1}] },
  "linux": {
    "sysctl": {"net.core.\\u0073omaxconn":"5"}
  },
\t"last" : -1.5e3
}
`;

describe("a part of a document", () => {
  const check = (path: string, key: Place, value: Place): void =>
    test(path, () => {
      const places = jsonPlaces(text, [path]);
      expect([places.of(path, "key"), places.of(path, "value")]).toEqual([key, value]);
    });
  check("", at(1, 1), at(1, 1));
  check("process", at(2, 3), at(2, 14));
  check("process.cwd", at(2, 16), at(2, 23));
  check("process.args[1]", at(2, 42), at(2, 42));
  check("process.args[2].x", at(2, 52), at(2, 57));
  check('linux.sysctl["net.core.somaxconn"]', at(4, 16), at(4, 42));
  check("last", at(6, 2), at(6, 11));
});

describe("what is missing is where it would be", () => {
  const check = (path: string, place: Place): void => test(path, () => expect(jsonPlaces(text, [path]).of(path, "key")).toEqual(place));
  check("hostname", at(1, 1));
  check("process.user", at(2, 14));
  check("process.user.uid", at(2, 14));
  check("process.args[3]", at(2, 36));
  check("last.of.all", at(6, 11));
});

test("of a key that stands there twice the last counts, with what is in it", () => {
  const twice = '{"a": {"b": 1},\n "a": {"c": 2}}';
  const places = jsonPlaces(twice, ["a", "a.b", "a.c"]);
  expect(["a", "a.b", "a.c"].map((path) => places.of(path, "key"))).toEqual([at(2, 2), at(2, 7), at(2, 8)]);
});

test("deeper than the stack", () => {
  const deep = `{"deep": ${"[".repeat(300_000)}${"]".repeat(300_000)},\n"next": 1}`;
  expect(jsonPlaces(deep, ["next"]).of("next", "key")).toEqual(at(2, 1));
});

/** Paths to all parts of a value, in the words of faults. */
function pathsIn(value: unknown, path = ""): [path: string, value: unknown][] {
  if (typeof value !== "object" || value === null) return [[path, value]];
  const parts = Array.isArray(value)
    ? value.map((part, index) => [joinPath(path, index), part] as const)
    : Object.entries(value).map(([key, part]) => [joinPath(path, key), part] as const);
  return [[path, value] as [string, unknown], ...parts.flatMap(([below, part]) => pathsIn(part, below))];
}

test("every part of every document is where its text begins", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(undefined, 1), (drawn, indent) => {
      const value: unknown = JSON.parse(JSON.stringify(drawn));
      const document = JSON.stringify(value, undefined, indent);
      const lines = document.split("\n");
      const all = pathsIn(value);
      const places = jsonPlaces(
        document,
        all.map(([path]) => path),
      );
      for (const [path, part] of all) {
        const { line, column } = places.of(path, "value");
        const rest = [lines[line - 1]?.slice(column - 1), ...lines.slice(line)].join("\n");
        const begins = typeof part !== "object" || part === null || indent === undefined ? JSON.stringify(part) : JSON.stringify(part)[0];
        expect(rest.startsWith(begins ?? "")).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
}, 60_000);

describe("where a text stops being JSON", () => {
  const check = (given: string, place: Place): void => test(JSON.stringify(given), () => expect(faultyPlace(given)).toEqual(place));
  check("", at(1, 1));
  check("  ", at(1, 3));
  check("{", at(1, 2));
  check('{"a" 1}', at(1, 6));
  check('{"a": }', at(1, 7));
  check('{"a": 1,}', at(1, 9));
  check("[1,\n 2,\n]", at(3, 1));
  check("[1 2]", at(1, 4));
  check("[1}", at(1, 3));
  check("{a: 1}", at(1, 2));
  check("[01]", at(1, 3));
  check("[1.]", at(1, 3));
  check("[tru]", at(1, 2));
  check('"ab\ncd"', at(1, 4));
  check('"a\\q"', at(1, 4));
  check('"a\\u12"', at(1, 4));
  check('["ab', at(1, 5));
  check("{} {}", at(1, 4));
  check("[1, // two\n]", at(1, 5));
});

test("what JSON.parse takes it takes to the end, and nothing that JSON.parse refuses", () => {
  const pieces = fc.constantFrom(
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"a"',
    '"\\n"',
    '"\\x"',
    "1",
    "-0.5e+7",
    "-",
    "01",
    "true",
    "nul",
    " ",
    "\n",
    "é",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.json(),
        fc.array(pieces, { maxLength: 12 }).map((list) => list.join("")),
      ),
      (given) => {
        const isJson = ((): boolean => {
          try {
            JSON.parse(given);
            return true;
          } catch {
            return false;
          }
        })();
        const { line, column } = faultyPlace(given);
        const lines = given.split("\n");
        const isEnd = line === lines.length && column === (lines.at(-1) ?? "").length + 1;
        if (isJson) expect(isEnd).toBe(true);
        // Up to there it could still have become JSON: the same with the rest cut off stops at the same place or at its end.
        else
          expect(faultyPlace([...lines.slice(0, line - 1), (lines[line - 1] ?? "").slice(0, column - 1)].join("\n"))).toEqual(
            at(line, column),
          );
      },
    ),
    { numRuns: 2000 },
  );
}, 60_000);
