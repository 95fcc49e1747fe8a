// Which files of plugins may run in a process that goes on from a kept start, and what they are there.

import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { isatty } from "node:tty";
import { moduleOf, scriptOf } from "../../src/cli/plugin-code.ts";

const plugin = (apply: string): string => `export default { name: "p", apply(hooks, options) { ${apply} } };`;
const isTaken = (text: string, path = "/p.ts"): boolean => scriptOf(path, text) !== undefined;

/** What the default export of a file is when it runs so. */
function exported(text: string): unknown {
  const script = scriptOf("/p.ts", text);
  return script === undefined ? "for the engine" : moduleOf(script)?.().default;
}

describe("a script", () => {
  test("has no types", () => expect(exported("type A = number; const a: A = 1 as A; export default a satisfies A;")).toBe(1));
  test("exports what a name is by then", () => {
    const script = scriptOf(
      "/p.ts",
      "let own = 1; export const more = (own = 2); export { own as default };".replace("export const", "const"),
    );
    const set = scriptOf("/p.ts", "let own = { set() { own = 3; } }; export { own as default };");
    const load = set && moduleOf(set);
    const module = load?.();
    (module?.default as { set(): void } | undefined)?.set();
    expect([script && moduleOf(script)?.().default, module?.default]).toEqual([2, 3]);
  });
  test("uses what is in a module", () =>
    expect(exported('import p from "path"; export default [p.join("a"), p.posix.sep == p.sep];')).toEqual(["a", true]));
  test("exports by another form", () => expect(exported("const a = 1; export { a as default };")).toBe(1));
  test("is strict", () => expect(exported("export default (function () { return this === undefined; })();")).toBe(true));
  test("imports types alone", () => expect(exported('import type { A } from "./a.ts"; const a: A = 2; export default a;')).toBe(2));

  test("imports what it needs of node", () =>
    expect(
      exported(`import { existsSync, readFileSync as read } from "node:fs";
        import path from "path";
        export default [existsSync("/"), typeof read, path.join("a", "b")];`),
    ).toEqual([true, "function", "a/b"]));
  test("exports a name that is given its value later", () => expect(exported("export { a as default }; let a; a = 1; a = 2;")).toBe(2));
  test("has names of its own that others use", () =>
    expect(exported("function imports() { return 1; } export default imports();")).toBe(1));
  test("awaits where it may", () => expect(exported("export default typeof (async () => await 1);")).toBe("function"));
  test("has text that looks like an import", () =>
    expect(exported(`const n = 1; export default \`begin\nimportant from "fs";\n\${n}\`;`)).toBe('begin\nimportant from "fs";\n1'));

  test("resolves by the folder that it is in", () => {
    const before = process.cwd();
    const folder = realpathSync(mkdtempSync(`${tmpdir()}/box-test-`));
    try {
      writeFileSync(`${folder}/there`, "");
      process.chdir(folder);
      expect(
        exported('import { existsSync } from "fs"; import { resolve } from "path"; export default [existsSync("there"), resolve("x")];'),
      ).toEqual([true, `${folder}/x`]);
    } finally {
      process.chdir(before);
      rmSync(folder, { recursive: true });
    }
  });

  test("runs anew each time", () => {
    const script = scriptOf("/p.ts", "export default { count: 0 };");
    if (script === undefined) throw new Error("it was not taken");
    const load = moduleOf(script);
    expect(load?.().default).not.toBe(load?.().default);
  });
});

describe("is taken, since it asks for nothing that is settled", () => {
  for (const apply of [
    "hooks.config.tap('p', (spec) => { spec.process.args.push('x'); return { ...spec, process: spec.process }; })",
    "if (process.env.HOME === '/' && process.env.A_1 !== process.env.B) throw new Error('no: ' + process.pid)",
    "const env = { ...process.env, MORE: '1' }",
    "setTimeout(() => queueMicrotask(() => {}), Date.now())",
    "return crypto.randomUUID() + process.cwd() + process.getuid()",
    "return '/proc/self/fd'",
    "return hooks.fetch?.navigator.Bun",
    "console.log('%s', options, 1); console.error(); console.warn(hooks)",
  ])
    test(apply, () => expect(isTaken(plugin(apply))).toBe(true));
});

describe("is left to the engine", () => {
  for (const apply of [
    ...[
      "Math.random()",
      "fetch('x')",
      "Bun.env.A",
      "console.table([])",
      "const { log } = console",
      "performance.now()",
      "new Worker('x')",
      "globalThis.a",
      "eval('1')",
    ],
    ...["process.argv", "process.env", "process.env.A = 1", "process.env.A ??= 1", "process.env['a']", "process.uptime()", "process?.pid"],
    ...[
      "const { process } = options",
      "[...fetch]",
      "return options ? fetch : 1",
      "return 4 /self",
      `return \`\${fetch}\``,
      "switch (1) { case fetch: }",
      "process.on('exit')",
    ],
    ...[
      "(1).toLocaleString()",
      "'a'.localeCompare('b')",
      "new Intl.Collator()",
      "import('./a.ts')",
      "return import.meta.url",
      "require('fs')",
    ],
    ...[
      "return process.env.NODE_ENV",
      "process.stdout",
      "new Function('return 1')",
      "Atomics.wait()",
      "return WebAssembly",
      "__dirname",
      "structuredClone(self)",
      "return new Error().stack",
      "try { hooks.a() } catch (error) { console.error(error) }",
      "console.error(new TypeError('no'))",
      "hooks.a().catch((error) => console.warn(error))",
      "hooks.a().then(() => {}, (reason) => console.warn(reason))",
      "hooks.a((err) => console.warn(err))",
      "console.log(hooks.a().error)",
      "return [/a/.exec('a'), RegExp.$1]",
      "try { hooks.a() } catch (e) { return e.line }",
      'return `begin\\nimport fs from "fs";\\nend`',
    ],
  ])
    test(apply, () => expect(isTaken(plugin(apply))).toBe(false));

  for (const [title, text] of [
    ["another file of its own", 'import { a } from "./a.ts"; export default a;'],
    ["types among other files' exports", 'import { type A } from "./a.ts"; export default 1 as A;'],
    ["a package", 'import a from "a"; export default a;'],
    ["another module of node's", 'import { homedir } from "node:os"; export default homedir;'],
    ["something that the module has not", 'import { nothing } from "node:fs"; export default nothing;'],
    ["a module as a whole", 'import * as fs from "node:fs"; export default fs;'],
    ["a line of text that is an import", `const n = 1; export default \`\nimport fs from "fs";\n\${n}\`;`],
    ["new.target", "export default new.target;"],
    ["an import for what it does", 'import "node:fs"; export default 1;'],
    ["no default export", "export const a = 1;"],
    ["a second export", "export const a = 1; export default a;"],
    ["a function", "export default function a() {}"],
    ["a class", "export default class A {}"],
    ["the module's this", "// Look at this.\nexport default this;"],
    ["a fault", "export default {"],
    ["bytes that are no UTF-8", 'export default "\uFFFD";'],
    ["a module that it changes", 'import fs from "fs"; fs.existsSync = () => true; export default 1;'],
    ["a module that it hands on", 'import fs from "fs"; export default Object.assign(fs, {});'],
    ["a module of the other kind", "module.exports = 1;"],
  ] as const)
    test(title, () => expect(isTaken(text)).toBe(false));

  for (const text of ["await 1;", "await (async () => 7)();", "let a; try { a = await [1]; } catch {}", "return;"])
    test(text, () => {
      const script = scriptOf("/p.ts", `${text} export default 1;`);
      expect(script === undefined ? undefined : moduleOf(script)).toBe(undefined);
    });
  test("a file of another kind", () =>
    expect(["/p.cjs", "/p.cts", "/p.tsx"].map((path) => isTaken(plugin(""), path))).toEqual([false, false, false]));
});

describe("what it gives depends on what it is given alone", () => {
  const isPure = (apply: string): boolean | undefined => scriptOf("/p.ts", plugin(apply))?.pure;

  for (const apply of [
    "hooks.config.tap('p', (spec) => ({ ...spec, process: { ...spec.process, env: ['A=1'] } }))",
    "return [new Map([[1, options.process.Date]]), JSON.stringify(options), structuredClone(options)]",
    "hooks.config.tapPromise('p', async (spec) => await Promise.resolve(spec))",
  ])
    test(apply, () => expect(isPure(apply)).toBe(true));

  for (const apply of [
    "return Date.now()",
    "return new Date()",
    "return process.env.A",
    "return process.cwd()",
    "return crypto.randomUUID()",
  ])
    test(`not: ${apply}`, () => expect(isPure(apply)).toBe(false));
  for (const apply of ["setTimeout(() => {})", "return Buffer.alloc(1)", "return [].at.constructor('return 1')()"])
    test(`not: ${apply}`, () => expect(isPure(apply)).toBe(false));

  test("as long as it uses nothing that it imports, and writes nothing", () => {
    const use = (apply: string): boolean => {
      const imports = 'import { existsSync } from "node:fs"; import { join } from "path";';
      const script = scriptOf("/p.ts", `${imports} export default { apply() { ${apply} } };`);
      const used = { used: false };
      const load = script === undefined ? undefined : moduleOf(script, used);
      if (load === undefined) throw new Error("it was not taken");
      (load().default as { apply(): void }).apply();
      return used.used;
    };
    expect([use("return () => existsSync('/')"), use("return join('a', 'b')"), use("existsSync('/')")]).toEqual([false, false, true]);
    expect([use("return () => console.log(1)"), use("console.debug()")]).toEqual([false, true]);
  });
});

describe("to a terminal", () => {
  test("nothing is written by a script that might have to give it colors", () => {
    const script = scriptOf("/p.ts", plugin("console.log({})"));
    if (script === undefined) throw new Error("it was not taken");
    const before = process.env.FORCE_COLOR;
    delete process.env.FORCE_COLOR;
    const without = moduleOf(script);
    process.env.FORCE_COLOR = "1";
    const forced = moduleOf(script);
    if (before === undefined) delete process.env.FORCE_COLOR;
    else process.env.FORCE_COLOR = before;
    expect([typeof without, forced]).toEqual([isatty(1) || isatty(2) ? "undefined" : "function", undefined]);
  });
});

describe("the local time", () => {
  const { TZ } = process.env;
  afterEach(() => {
    if (TZ === undefined) delete process.env.TZ;
    else process.env.TZ = TZ;
  });

  test("is the engine's to tell where a variable says which", () => {
    const script = scriptOf("/p.ts", "export default 1;");
    if (script === undefined) throw new Error("it was not taken");
    delete process.env.TZ;
    expect(moduleOf(script)?.().default).toBe(1);
    process.env.TZ = "Asia/Tokyo";
    expect(moduleOf(script)).toBe(undefined);
  });
});
