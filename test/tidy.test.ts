// The rules of this repository that neither the compiler nor biome.json can state. A rule names what to do instead.
// Here too: who may import whom, and what the way from `box run` to the container may not load.

import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const root = new URL("..", import.meta.url).pathname;
const self = "test/tidy.test.ts";

/** Every file that belongs to the repository, by its path from the top. */
const files = readdirSync(root, { withFileTypes: true }).flatMap((entry): string[] => {
  if (entry.isFile()) return entry.name.endsWith(".bun-build") ? [] : [entry.name];
  if (!entry.isDirectory() || [".git", "dist", "node_modules"].includes(entry.name)) return [];
  const inside = new Bun.Glob("**").scanSync({ cwd: join(root, entry.name), dot: true });
  return [...inside].map((path) => `${entry.name}/${path}`).filter((path) => path !== "bench/latest.json");
});
const textOf = new Map(files.map((path) => [path, readFileSync(join(root, path), "utf8")]));
const programs = files.filter((path) => path.endsWith(".ts"));

const isIn =
  (...folders: readonly string[]) =>
  (path: string): boolean =>
    path.endsWith(".ts") && folders.some((folder) => path.startsWith(`${folder}/`));

type Ban = {
  readonly what: RegExp;
  readonly where: (path: string) => boolean;
  readonly instead: string;
  /** Comments may speak of it. */
  readonly inCommentsToo?: true;
};

const bans: Readonly<Record<string, Ban>> = {
  "bun:ffi": {
    what: /"bun:ffi"|\.FFI\b/,
    where: (path) => isIn("src", "hooks", "plugins")(path) && path !== "src/execute/libc.ts",
    instead: "make it a tape, or give src/execute/libc.ts what is missing",
  },
  "process.exit": {
    what: /\bprocess\.(exit\b|exitCode\b|abort\b|reallyExit\b)/,
    where: (path) => isIn("src", "hooks", "plugins")(path) && path !== "src/main.ts",
    instead: "return the exit code, or throw a BoxError; src/main.ts exits",
  },
  "process.stdout and process.stderr": {
    what: /\bprocess\.(stdout|stderr)\b/,
    where: isIn("src"),
    instead: "use writeLine, or a write by the descriptor: touching these streams costs a start 9 ms",
  },
  "console.log": {
    what: /\bconsole\.(log|info|debug|table)\b/,
    where: isIn("src"),
    instead: "use writeLine: it says when a disk is full",
  },
  "as any": { what: /\bas any\b|<any>/, where: () => true, instead: "name the type, or narrow an unknown" },
  "@ts-ignore": {
    what: /@ts-(ignore|nocheck)/,
    where: () => true,
    instead: "make it compile; a test that something does not compile uses @ts-expect-error",
    inCommentsToo: true,
  },
  "notes for later": {
    what: /\b(TODO|FIXME|XXX)\b/,
    where: () => true,
    instead: "do it now, or file an issue",
    inCommentsToo: true,
  },
  "this or that machine": {
    what: /(?<![\w.$}])\/work\/|\bregistry\.(?!npmjs\.org\b)[a-z0-9-]+\.[a-z]|\b[\w-]*(npm|registry|mirror)[\w.-]*\.(internal|local|lan|corp)\b/,
    where: () => true,
    instead: "name nothing that exists on one machine only; packages come from registry.npmjs.org",
    inCommentsToo: true,
  },
};

const isComment = (line: string): boolean => /^\s*(\/\/|\/\*|\*)/.test(line);

function breaches({ what, where, instead, inCommentsToo }: Ban): string[] {
  const found: string[] = [];
  for (const [path, text] of textOf) {
    if (path === self || !where(path)) continue;
    for (const [index, line] of text.split("\n").entries())
      if (what.test(line) && (inCommentsToo || !isComment(line)))
        found.push(`${path}:${index + 1}: ${line.trim().slice(0, 100)}: ${instead}`);
  }
  return found;
}

describe("banned", () => {
  for (const [name, ban] of Object.entries(bans)) test(name, () => expect(breaches(ban)).toEqual([]));

  test("packages from anywhere but registry.npmjs.org", () => {
    const resolved = [...(textOf.get("package-lock.json") ?? "").matchAll(/"resolved": "([^"]+)"/g)].map(([, url = ""]) => url);
    expect(resolved.filter((url) => !url.startsWith("https://registry.npmjs.org/"))).toEqual([]);
  });
});

type Import = {
  readonly from: string;
  readonly line: number;
  /** A path from the top of the repository, or the name of a package or built-in module. */
  readonly to: string;
  /** `type`: gone when compiled. `late`: loaded when import() runs. `macro`: run by the build. */
  readonly kind: "value" | "type" | "late" | "macro";
};

const importStatement =
  /^(?:import|export(?=\s+(?:type\s+)?[{*]))(?<head>[^;"()=]*)"(?<name>[^"]+)"(?<rest>[^;\n]*)|\bimport\("(?<late>[^"]+)"\)/gm;

function importsOf(from: string): Import[] {
  const text = textOf.get(from) ?? "";
  const statements = text.matchAll(importStatement);
  return [...statements].map((match): Import => {
    const { head = "", name, rest = "", late } = match.groups ?? {};
    const given = name ?? late ?? "";
    const to = given.startsWith(".") ? join(dirname(from), given) : given;
    const kind = late !== undefined ? "late" : /^\s*type\s/.test(head) ? "type" : rest.includes('type: "macro"') ? "macro" : "value";
    return { from, to, kind, line: text.slice(0, match.index).split("\n").length };
  });
}

const imports = programs.filter((path) => path !== self).flatMap(importsOf);
const importsBy = Map.groupBy(imports, ({ from }) => from);
const say = ({ from, line, to }: Import, instead: string): string => `${from}:${line}: imports ${to}: ${instead}`;
const isPath = (to: string): boolean => textOf.has(to);

/** Who may import whom: a folder imports itself and what stands before it. */
const order = [
  "src/errors.ts",
  "src/log.ts",
  "src/linux",
  "src/tape",
  "src/stage",
  // Names that the front shares with later folders; they import nothing.
  "src/host/host-config.ts",
  "src/plan/state-files.ts",
  "src/front",
  "src/config",
  "src/host",
  "src/cgroup",
  "src/seccomp",
  "src/plan",
  "src/state",
  "hooks",
  "src/execute",
  "src/supervise",
  "src/bundle",
  "src/inspect",
  "src/cli",
  "src/main.ts",
  "src/index.ts",
];
const rank = (path: string): number => order.findIndex((place) => path === place || path.startsWith(`${place}/`));

describe("imports", () => {
  test("name files that exist", () => {
    const relative = imports.filter(({ to }) => /^[\w.]+\//.test(to) && /\.(ts|json)$/.test(to));
    expect(relative.length).toBeGreaterThan(100);
    expect(relative.filter(({ to }) => !isPath(to)).map((one) => say(one, "name a file, with its .ts"))).toEqual([]);
  });

  test("every file of src has its place in the order", () => {
    expect(programs.filter((path) => isIn("src")(path) && rank(path) < 0)).toEqual([]);
  });

  test("go to the same folder or an earlier one", () => {
    const wrong = imports.filter(({ from, to }) => rank(from) >= 0 && rank(to) > rank(from));
    expect(wrong.map((one) => say(one, "move what both need to the earlier folder, or hand it in as an argument"))).toEqual([]);
  });

  test("of plan never reach execute", () => {
    const reached = [...reachable(programs.filter(isIn("src/plan")), ["value", "type", "late"])];
    expect(reached.filter(isIn("src/execute"))).toEqual([]);
  });

  test("of hooks are types of config and state, and tapable", () => {
    const allowed = ({ to, kind }: Import): boolean =>
      to === "tapable" || isIn("hooks")(to) || (kind === "type" && (to === "src/errors.ts" || isIn("src/config", "src/state")(to)));
    const wrong = imports.filter((one) => isIn("hooks")(one.from) && !allowed(one));
    expect(wrong.map((one) => say(one, "hooks/ is what plugin authors read: types of src/config and src/state only"))).toEqual([]);
  });

  test("of plugins are hooks, their own files and node's modules", () => {
    const wrong = imports.filter(({ from, to }) => isIn("plugins")(from) && !isIn("hooks", "plugins")(to) && !to.startsWith("node:"));
    expect(wrong.map((one) => say(one, "a plugin is written against hooks/ alone: add there what it lacks"))).toEqual([]);
  });

  test("of box are no scripts and no tests, which are no part of the executable", () => {
    const wrong = imports.filter(({ from, to }) => isIn("src", "hooks", "plugins")(from) && isIn("scripts", "test")(to));
    expect(wrong.map((one) => say(one, "move what both need to src"))).toEqual([]);
  });

  test("of plugins by box are late", () => {
    const wrong = imports.filter(({ from, to, kind }) => isIn("src", "hooks")(from) && isIn("plugins")(to) && kind === "value");
    expect(wrong.map((one) => say(one, "await import() it where it is asked for"))).toEqual([]);
  });

  test("are no circle", () => {
    const circles = programs.filter((path) => {
      const next = (importsBy.get(path) ?? []).flatMap(({ to, kind }) => (kind === "value" ? [to] : []));
      return reachable(next, ["value"]).has(path);
    });
    expect(circles).toEqual([]);
  });
});

/** Everything loaded with `roots`, over imports of these kinds; packages and built-in modules too. */
function reachable(roots: readonly string[], kinds: readonly Import["kind"][]): Set<string> {
  const found = new Set(roots);
  for (const path of found) for (const { to, kind } of importsBy.get(path) ?? []) if (kinds.includes(kind)) found.add(to);
  return found;
}

test("what a start loads has no slow module in it", () => {
  // These are the late imports of every `box run`, and what clients call most; the others are for flags, help and errors.
  const start = [
    "src/main.ts",
    "src/cli/run.ts",
    "src/cli/state.ts",
    "src/cli/kill.ts",
    "src/cli/create.ts",
    "src/cli/start.ts",
    "src/cli/exec.ts",
    "src/cli/delete.ts",
    "src/cli/pause.ts",
    "src/cli/resume.ts",
    "src/config/check-spec.ts",
    "src/config/unsupported.ts",
    "src/config/embedded-spec.ts",
  ];
  expect(start.filter((path) => !isPath(path))).toEqual([]);
  const loaded = reachable(start, ["value"]);
  const slow = imports.filter(({ from, to, kind }) => loaded.has(from) && kind === "value" && !isPath(to));
  expect(
    slow.map((one) => say(one, "use src/execute/files.ts, or await import() it where it is needed (node:fs alone costs 1 ms)")),
  ).toEqual([]);
});

test("what a container with plugins loads besides is tapable alone", () => {
  const loaded = reachable(["src/cli/plugin-hooks.ts", "src/cli/host-plugins.ts"], ["value"]);
  expect([...loaded].filter((path) => !isPath(path))).toEqual(["tapable"]);
});

test("files open with a comment that says what they are", () => {
  const silent = programs.filter(
    (path) => isIn("src", "hooks", "plugins", "scripts")(path) && !/^(#!.*\n)?(\/\/ |\/\*\*)/.test(textOf.get(path) ?? ""),
  );
  expect(silent).toEqual([]);
});

test("test files mirror what they test", () => {
  const free = /^test\/(integration|clients|docs|scripts)\/|^test\/tidy\.test\.ts$/;
  // Last: a helper of the tests that is worth a test itself stands beside it.
  const tested = (path: string): string[] => {
    const place = path.replace(/^test\//, "").replace(/\.test\.ts$/, ".ts");
    return [/^(hooks|plugins)\//.test(place) ? place : `src/${place}`, `test/${place}`];
  };
  const lost = programs.filter((path) => path.endsWith(".test.ts") && !free.test(path) && !tested(path).some(isPath));
  expect(lost.map((path) => `${path}: name it after the file that it tests, ${tested(path)[0]}`)).toEqual([]);
});
