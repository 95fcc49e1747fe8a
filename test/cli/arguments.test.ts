import { expect, test } from "bun:test";
import { type FlagRow, parseFlags } from "../../src/cli/arguments.ts";
import { BoxError } from "../../src/errors.ts";

const rows: readonly FlagRow[] = [
  { name: "bundle", short: "b", value: "DIR", help: "" },
  { name: "env", short: "e", value: "NAME=VALUE", repeats: true, help: "" },
  { name: "rm", help: "" },
  { name: "force", short: "f", help: "" },
  { name: "tty", short: "t", help: "" },
  { name: "net", alias: "network", value: "NET", help: "" },
];

const cases: [argv: string, parsed: string][] = [
  ["", "| "],
  ["ID", "| ID"],
  ["--bundle /x ID", "bundle=/x | ID"],
  ["--bundle=/x=y ID", "bundle=/x=y | ID"],
  ["-b /x -b /y ID", "bundle=/y | ID"],
  ["-bundle /x", "bundle=/x | "],
  ["--b /x", "bundle=/x | "],
  ["-e A=1 --env=B=2 -e C", "env=[A=1,B=2,C] | "],
  ["--rm -f ID --rm x", "rm force | ID --rm x"],
  ["-ft ID", "force tty | ID"],
  ["--network none", "net=none | "],
  ["--bundle --rm", "bundle=--rm | "],
  ["--bundle= x", "bundle= | x"],
  ["- x", "| - x"],
  ["--rm -- -e --", "rm -- | -e --"],
  ["ID -- x", "| ID -- x"],
];
for (const [argv, expected] of cases)
  test(argv, () => {
    const { values, lists, switches, rest, separated } = parseFlags(argv === "" ? [] : argv.split(" "), rows, "run");
    const words = [
      ...Object.entries(values).map(([name, value]) => `${name}=${value}`),
      ...Object.entries(lists).map(([name, list]) => `${name}=[${list.join(",")}]`),
      ...switches.names,
      ...(separated ? ["--"] : []),
    ];
    expect(`${[...words, "|"].join(" ")} ${rest.join(" ")}`).toBe(expected);
  });

const anywhere: [argv: string, rest: string[], switches: string[]][] = [
  ["ID --rm", ["ID"], ["rm"]],
  ["-f ID --bundle /x other --rm", ["ID", "other"], ["force", "rm"]],
  ["ID - --rm", ["ID", "-"], ["rm"]],
  ["ID -- --rm", ["ID", "--rm"], []],
  ["ID --rm -- -f", ["ID", "-f"], ["rm"]],
];
for (const [argv, rest, switches] of anywhere)
  test(`flags behind other words: ${argv}`, () => {
    const parsed = parseFlags(argv.split(" "), rows, "delete", true);
    expect([parsed.rest, [...parsed.switches.names], parsed.separated]).toEqual([rest, switches, false]);
  });

test("a flag behind other words must be known too", () => {
  expect(() => parseFlags(["ID", "--nope"], rows, "delete", true)).toThrow(new BoxError({ what: "unknown flag --nope" }));
});

const refusals: [argv: string[], command: string, what: string, hint: string][] = [
  [["--nope"], "run", "unknown flag --nope", "box run --help lists the flags"],
  [["--nope=1"], "run", "unknown flag --nope", "box run --help lists the flags"],
  [["-x"], "", "unknown flag -x", "box --help lists the flags"],
  [["---rm"], "run", "unknown flag ---rm", "box run --help lists the flags"],
  [["--constructor"], "run", "unknown flag --constructor", "box run --help lists the flags"],
  [["--rm=1"], "run", "flag --rm takes no value", "box run --help lists the flags"],
  [["-b"], "run", "flag -b needs a value: DIR", "box run --help lists the flags"],
];
for (const [argv, command, what, hint] of refusals)
  test(`refused: ${argv.join(" ")}`, () => {
    let facts: unknown;
    try {
      parseFlags(argv, rows, command);
    } catch (error) {
      if (!(error instanceof BoxError)) throw error;
      facts = error.facts;
    }
    expect(facts).toEqual({ what, hint });
  });
