// The documents, held to what they say: every command and example is run as a reader would run it, top to bottom in one
// empty folder, and what is listed is compared with the tables it was written from.
//
// A block of `sh` is run; a block of `text` right below it is its whole output (blocks.ts says what `…` stands for), and
// without one it may write nothing to stderr. Blocks of `yaml` and `ts` become the files that their first lines name. Blocks of
// `console NAME` are typed at a terminal (terminals.ts).

import { describe, expect, test as plainTest } from "bun:test";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { newHooks } from "../../hooks/hooks.ts";
import packageJson from "../../package.json" with { type: "json" };
import cgroupLimits from "../../plugins/cgroup-limits.ts";
import network from "../../plugins/network.ts";
import { targets } from "../../scripts/build.ts";
import type { FlagRow } from "../../src/cli/arguments.ts";
import { commands, globalFlags } from "../../src/cli/commands.ts";
import { containerFlags } from "../../src/cli/container-flags.ts";
import { namesIn, refusedCalls } from "../../src/config/default-seccomp.ts";
import { usualCapabilities, usualMounts } from "../../src/config/embedded-spec.ts";
import { boxYamlRule, type YamlRule } from "../../src/config/yaml-rules.ts";
import { binary, descendants, execute, testWith, until } from "../integration/harness.ts";
import { type Block, codeIn, patternOf, proseOf, readBlocks, sectionOf, tableOf } from "./blocks.ts";
import { Examples, partsOf, Terminals } from "./terminals.ts";

const repository = new URL("../..", import.meta.url).pathname;
const read = (path: string): string => readFileSync(join(repository, path), "utf8");
const guides = [
  "README.md",
  ...readdirSync(join(repository, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];
const documents = [...guides, "ARCHITECTURE.md"];

/** A reader's folder, with box in PATH. */
class Reader implements Disposable {
  readonly folder = mkdtempSync(`${tmpdir()}/box-docs-`);
  readonly states = `${this.folder}/states`;
  readonly home = `${this.folder}/home`;
  readonly #bin = `${this.folder}/bin`;

  constructor() {
    for (const path of [this.states, this.home, this.#bin]) mkdirSync(path);
    // Users in a container get to the bundle's folder through these.
    for (const path of [this.folder, this.home]) chmodSync(path, 0o755);
    writeFileSync(`${this.#bin}/box`, `#!/bin/sh\nexec '${binary}' --root '${this.states}' "$@"\n`, { mode: 0o755 });
  }

  /** Of a shell that finds box. */
  get environment(): Readonly<Record<string, string>> {
    return { PATH: `${this.#bin}:${process.env.PATH}` };
  }

  /** Writes the file that the first line names. */
  write({ text, language }: Block, place: string): string {
    const [, name] = /^(?:#|\/\/) ([\w./-]+)\n/.exec(text) ?? [];
    if (name === undefined || name.includes(".."))
      throw new Error(`${place}: the first line does not name the file, as in "# web/box.yaml"`);
    if (!name.endsWith(`.${language}`)) throw new Error(`${place}: ${name} is no file of ${language}`);
    const path = `${this.home}/${name}`;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  async run({ text }: Block, expected: Block | undefined, place: string): Promise<void> {
    const script = expected === undefined ? text : `exec 2>&1\n${text}`;
    const { exitCode, stdout, stderr } = await execute(["sh", "-e", "-c", script], { cwd: this.home, env: this.environment });
    expect({ place, exitCode, stderr, ...(exitCode === 0 ? {} : { stdout }) }).toEqual({ place, exitCode: 0, stderr: "" });
    if (expected !== undefined) expect(stdout, place).toMatch(patternOf(expected.text));
    const background = [...text.matchAll(/^box run -b \S+ (\S+).* &$/gm)];
    for (const [line, id] of background) await until(() => this.#status(id ?? "") === "running", line);
  }

  #status(id: string): unknown {
    const path = `${this.states}/${id}/state.json`;
    return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as { status: unknown }).status : undefined;
  }

  [Symbol.dispose](): void {
    const ids = readdirSync(this.states).filter((name) => !name.startsWith("."));
    if (ids.length > 0) Bun.spawnSync([binary, "--root", this.states, "delete", "--force", ...ids], { timeout: 10_000 });
    rmSync(this.folder, { recursive: true });
  }
}

describe("what a page shows of a terminal", () => {
  const examples = new Examples();
  const compare = (expected: string, shown: string): boolean => {
    const match = new RegExp(`^${examples.pattern([expected])}$`).exec(`${shown}\n`);
    if (match !== null) examples.learn(match.groups);
    return match !== null;
  };

  plainTest("is typed where it follows a prompt", () => {
    expect(partsOf("one\n$ a b\n/ # c\n^C\ntwo\n")).toEqual([
      { expected: ["one"], typed: { prompt: "$ ", text: "a b" } },
      { expected: [], typed: { prompt: "/ # ", text: "c" } },
      { expected: [], typed: { prompt: "", text: "^C" } },
      { expected: ["two"], typed: undefined },
    ]);
  });
  plainTest("has numbers that are examples, each of one number", () => {
    expect(compare("  21734 sh  12345678", "7 sh 4026531836")).toBe(true);
    expect(compare("pid:[12345678] of 21734", "pid:[4026531836] of 7")).toBe(true);
    expect(compare("21734", "77")).toBe(false);
    expect(compare("12345678", "4026531837")).toBe(false);
    expect(compare("23456 23456", "8 9")).toBe(false);
    expect(() => compare("23456", "7")).toThrow("23456 and 21734 are both 7");
    expect(examples.fill("box ns 12345678 1000")).toBe("box ns 4026531836 1000");
  });
  plainTest("has times, and text, of any kind", () => {
    expect(compare("12:30:01 fork 01:05 0.004s … end", "09:00:59 fork 1:00:00 0.004s x end")).toBe(false);
    expect(compare("12:30:01 fork 01:05 0.004s … end", "09:00:59  fork 03:00 12.034s some text end")).toBe(true);
  });
});

const isNpm = ({ language, text }: Block): boolean =>
  language === "sh" && text.split("\n").every((line) => line === "" || line.startsWith("npm "));

describe("a reader can do what it says in", () => {
  const test = testWith();
  for (const path of guides)
    test(path, async () => {
      using reader = new Reader();
      using terminals = new Terminals(reader.home, reader.environment);
      const before = descendants(process.pid);
      const sources: string[] = [];
      const blocks = readBlocks(read(path));
      for (const [index, block] of blocks.entries()) {
        const place = `${path}:${block.line}`;
        const next = blocks[index + 1];
        const output = next?.follows === true && next.language === "text" ? next : undefined;
        if (block.language === "sh" && !isNpm(block)) await reader.run(block, output, place);
        else if (block.language === "console") await terminals.show(block.name, block.text, place);
        else if (block.language === "yaml" || block.language === "ts") sources.push(reader.write(block, place));
        else if (block.language === "text" && (!block.follows || blocks[index - 1]?.language !== "sh"))
          throw new Error(`${place}: the output of no command`);
        // Configurations of other programs: test/clients runs those programs.
        else if (!["sh", "text", "toml", "json"].includes(block.language))
          throw new Error(`${place}: a block of ${block.language || "nothing"}`);
      }
      await terminals.end();
      await checkTypes(
        sources.filter((source) => /\.ts$/.test(source) && readFileSync(source, "utf8").includes('from "./box.ts"')),
        reader.home,
      );
      // What ran in a terminal ends after it, and box removes it then.
      const states = (): string[] => readdirSync(reader.states).filter((name) => !name.startsWith("."));
      await until(() => states().length === 0, "the end of the page's containers");
      await until(() => descendants(process.pid).join() === before.join(), "the end of what was started");
    }, 60_000);
});

/** Plugins with types are held to them, by the compiler settings of the repository. */
async function checkTypes(sources: readonly string[], folder: string): Promise<void> {
  if (sources.length > 0 && !existsSync(`${folder}/box.ts`)) await execute([binary, "plugin", "new", "for-types"], { cwd: folder });
  for (const source of sources) {
    const config = `${source}.tsconfig.json`;
    const types = { typeRoots: [join(repository, "node_modules/@types")], types: ["bun"] };
    writeFileSync(
      config,
      JSON.stringify({ extends: join(repository, "tsconfig.json"), compilerOptions: types, files: [source], include: [] }),
    );
    const outcome = await execute([join(repository, "node_modules/.bin/tsc"), "--project", config], { limitMs: 50_000 });
    expect(outcome).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  }
}

const names = (rows: readonly FlagRow[]): string[] =>
  rows.flatMap(({ name, short }) => [`--${name}`, ...(short === undefined ? [] : [`-${short}`])]);

/** What is wrong with a command line in a sentence: `box run --help`. */
async function problemOf(words: readonly string[]): Promise<string | undefined> {
  const [name = ""] = words.filter((word) => !word.startsWith("-"));
  const command = commands[name];
  if (name !== "" && command === undefined) return `no command ${name}`;
  const known = [...names(globalFlags), ...names(command === undefined ? [] : (await command.load()).flags)];
  const end = words.indexOf("--");
  const unknown = words.slice(0, end < 0 ? words.length : end).find((word) => word.startsWith("-") && !known.includes(word));
  return unknown === undefined ? undefined : `no flag ${unknown}`;
}

describe("what the documents name exists:", () => {
  plainTest("npm's scripts", () => {
    const lines = documents.flatMap((path) => [
      ...readBlocks(read(path))
        .filter(isNpm)
        .flatMap(({ text }) => text.trim().split("\n")),
      ...codeIn(proseOf(read(path))).filter((code) => code.startsWith("npm ")),
    ]);
    const calls = lines.flatMap((line) => line.split(" && ")).filter((call) => !["npm install", "npm pack"].includes(call));
    const wrong = calls.filter((call) => {
      const [, script] = /^npm (?:run )?([\w:-]+)(?: -- .*)?$/.exec(call) ?? [];
      return script === undefined || !Object.hasOwn(packageJson.scripts, script);
    });
    expect(calls.length).toBeGreaterThan(3);
    expect(wrong).toEqual([]);
  });

  plainTest("commands and flags in sentences", async () => {
    const lines = documents.flatMap((path) => codeIn(proseOf(read(path))).filter((code) => code.startsWith("box ")));
    const wrong: string[] = [];
    for (const line of lines) {
      const problem = await problemOf(line.split(" ").slice(1));
      if (problem !== undefined) wrong.push(`${line}: ${problem}`);
    }
    expect(lines.length).toBeGreaterThan(10);
    expect(wrong).toEqual([]);
  });

  plainTest("files, and what is said to be in them", () => {
    const wrong = documents.flatMap((path) => {
      const prose = proseOf(read(path));
      const links = [...prose.matchAll(/\]\(([^)]+)\)/g)].map(([, link = ""]) => join(dirname(path), link));
      const places = codeIn(prose).filter((code) => /^(src|test|hooks|plugins|scripts|bench|docs)\/[\w./-]+(: .+)?$/.test(code));
      return [...links, ...places].flatMap((place) => {
        const [file = "", inside] = place.split(": ");
        if (!existsSync(join(repository, file))) return [`${path}: ${place}: there is no such file`];
        return inside === undefined || read(file).includes(inside) ? [] : [`${path}: ${place}: it is not in that file`];
      });
    });
    expect(wrong).toEqual([]);
  });
});

describe("README.md lists", () => {
  const readme = read("README.md");
  const prose = proseOf(readme);

  plainTest("the flags of run", () => {
    const listed = tableOf(readme, "Flags and exit codes").flatMap(([cell = ""]) => codeIn(cell));
    const rows = containerFlags.filter(({ name }) => name !== "help");
    const expected = rows.flatMap(({ name, short, value }) => [
      ...(short === undefined ? [] : [`-${short}`]),
      `--${name}${value === undefined ? "" : ` ${value}`}`,
    ]);
    expect(listed.sort()).toEqual(expected.sort());
  });

  plainTest("the commands that there are", () => {
    const listed = codeIn(sectionOf(readme, "Containers that run"));
    const visible = Object.entries(commands).filter(([, { hidden }]) => hidden !== true);
    expect(listed.sort()).toEqual(
      visible
        .map(([name]) => name)
        .filter((name) => name !== "plan" && name !== "plugin")
        .sort(),
    );
    expect(codeIn(prose)).toContain("box plan");
    expect(codeIn(prose)).toContain("box plugin new NAME");
  });

  plainTest("what cannot be asked for yet", () => {
    const listed = codeIn(sectionOf(readme, "What box does not do yet"));
    const source = read("src/config/unsupported.ts");
    const [table = ""] = /^const refusals.*?^};$/ms.exec(source) ?? [];
    expect([...table.matchAll(/(\w+): "/g)].map(([, key]) => key)).toEqual(["flags"]);
    expect(sectionOf(readme, "What box does not do yet")).toContain("flags of a personality");
    expect(listed).toEqual(["linux.resources", "linux", "npm run bench", "npm run test:vm"]);
  });

  plainTest("the targets of the build", () => {
    const listed = codeIn(prose).filter((code) => /^linux-/.test(code));
    const given = [...readme.matchAll(/--target ([\w-]+)/g)].map(([, name = ""]) => name);
    expect(new Set([...listed, ...given])).toEqual(new Set(Object.keys(targets)));
  });
});

for (const { name, options } of [cgroupLimits, network])
  plainTest(`docs/plugin-${name}.md lists its options`, () => {
    const listed = tableOf(read(`docs/plugin-${name}.md`), "Options").map(([cell = ""]) => cell.replaceAll("`", ""));
    expect(listed).toEqual(Object.keys(options?.properties ?? {}));
  });

plainTest("docs/plugins.md lists the hooks", () => {
  const listed = tableOf(read("docs/plugins.md"), "Hooks").map(([cell = ""]) => cell.replaceAll("`", ""));
  expect(listed).toEqual(Object.keys(newHooks()));
});

describe("docs/box-yaml.md lists", () => {
  const text = read("docs/box-yaml.md");
  const check = (heading: string, rule: YamlRule | undefined): void => {
    const listed = tableOf(text, heading).map(([key = "", ...rest]) => [key.replaceAll("`", ""), ...rest]);
    const fields = Object.entries(rule?.object?.fields ?? {});
    expect(listed).toEqual(fields.map(([key, { expected, means }]) => [key, expected, ...(means === undefined ? [] : [means])]));
  };
  const { mounts, namespaces, limits, hooks } = boxYamlRule.object?.fields ?? {};

  plainTest("the keys", () => check("Keys", boxYamlRule));
  plainTest("those of a mount", () => check("Mounts", mounts?.list));
  plainTest("those of namespaces", () => check("Namespaces", namespaces));
  plainTest("those of limits", () => check("Limits", limits));
  plainTest("those of a hook, and the points", () => {
    const points = hooks?.object?.fields ?? {};
    check("Hooks", points.poststop?.list);
    const listed = codeIn(sectionOf(text, "Hooks"));
    expect(Object.keys(points).filter((point) => !listed.includes(point))).toEqual([]);
  });
  plainTest("those of io", () => {
    const [, io = ""] = sectionOf(text, "Limits").split("`io` has keys of its own:");
    const listed = [...io.matchAll(/^\| `([\w-]+)`/gm)].map(([, key]) => key);
    expect(listed).toEqual(Object.keys(limits?.object?.fields.io?.object?.fields ?? {}));
  });
  plainTest("the usual capabilities", () => {
    const [first = ""] = sectionOf(text, "Capabilities").split("Names may begin");
    expect(codeIn(first).map((name) => `CAP_${name}`)).toEqual([...usualCapabilities].sort());
  });
  plainTest("the usual mounts", () => {
    const [, last = ""] = sectionOf(text, "Mounts").split("the usual ones: ");
    expect(codeIn(last).slice(0, -1)).toEqual(usualMounts().map(({ destination }) => destination));
  });
  plainTest("the calls that are refused, with their reasons", () => {
    const expected = refusedCalls.map(({ calls, why, needs = [] }) => [
      namesIn(calls),
      why,
      needs.map((name) => name.slice("CAP_".length)),
    ]);
    const listed = tableOf(text, "System calls").map(([calls = "", why, needs = ""]) => [codeIn(calls), why, codeIn(needs)]);
    expect(listed).toEqual(expected);
  });
  plainTest("what is required", () => {
    expect(boxYamlRule.object?.required).toEqual(["rootfs"]);
    expect(mounts?.list?.object?.required).toEqual(["destination"]);
  });
});

describe("ARCHITECTURE.md", () => {
  const text = read("ARCHITECTURE.md");

  plainTest("has every folder in its map, and no other", () => {
    const listed = tableOf(text, "Map of folders").map(([cell = ""]) => codeIn(cell)[0]);
    const inSrc = readdirSync(join(repository, "src"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const files = ["src/main.ts", "src/index.ts", "src/errors.ts", "src/log.ts"];
    expect(new Set(listed)).toEqual(
      new Set([...inSrc.map(({ name }) => `src/${name}`), ...files, "hooks", "plugins", "test", "scripts", "bench", "docs"]),
    );
  });

  plainTest("gives a reason for every dependency", () => {
    const listed = tableOf(text, "Dependencies").map(([cell = ""]) => codeIn(cell)[0]);
    expect(new Set(listed)).toEqual(new Set([...Object.keys(packageJson.dependencies), ...Object.keys(packageJson.devDependencies)]));
  });

  plainTest("says of every invariant what holds it", () => {
    const unheld = tableOf(text, "Invariants").filter(
      ([, holders = ""]) => !codeIn(holders).some((code) => /^(test\/|biome\.json)/.test(code)),
    );
    expect(unheld).toEqual([]);
  });
});
