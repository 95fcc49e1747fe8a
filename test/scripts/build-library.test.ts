// The package as somebody installs it for tests: packed, unpacked below a node_modules, compiled against with strict
// settings of their own, and run by Node.js and by Bun.

import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dir, "../..");

/** A project with the packed library among its packages, as TypeScript and compiled. */
class Project implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "box-library-"));

  constructor(source: string) {
    this.#run(["npm", "pack", "--silent", "--pack-destination", this.path], root);
    const [archive = ""] = readdirSync(this.path);
    const modules = join(this.path, "node_modules");
    mkdirSync(join(modules, "box"), { recursive: true });
    this.#run(["tar", "--extract", "--file", archive, "--directory", join(modules, "box"), "--strip-components=1"]);
    for (const name of ["tapable", "yaml"]) symlinkSync(join(root, "node_modules", name), join(modules, name));
    this.write("package.json", '{ "type": "module" }');
    const compilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      module: "nodenext",
      target: "es2024",
      types: [],
      outDir: "out",
    };
    this.write("tsconfig.json", JSON.stringify({ compilerOptions }));
    this.write("test.ts", source);
    this.#run([join(root, "node_modules/.bin/tsc"), "--project", this.path]);
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.path, name), text);
  }

  #run(argv: readonly string[], cwd = this.path): string {
    const { exitCode, stdout, stderr } = Bun.spawnSync([...argv], { cwd, timeout: 60_000 });
    if (exitCode !== 0) throw new Error(`${argv.join(" ")}: ${stdout}${stderr}`);
    return stdout.toString();
  }

  node = (): string => this.#run(["node", "out/test.js"]);
  bun = (): string => this.#run([process.execPath, "test.ts"]);

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

const source = `
import { BoxError, checkSpec, defaultSpec, expandYaml, listSteps, plainHost, plan, printPlan, type Spec } from "box";
import type { Plugin } from "box/plugin";

const plugin: Plugin<{ name: string }> = { name: "own", apply(hooks, { name }) { hooks.config.tap("own", (spec) => { spec.hostname = name; return spec; }); } };
const spec: Spec = checkSpec(JSON.parse(JSON.stringify(defaultSpec())));
const first: readonly string[] = listSteps(plan(spec, { id: "web" })).map(({ call }) => call);
const yaml = expandYaml("rootfs: /srv/root\\ncommand: [sh, -c, date]\\nuser: bob\\n", { passwd: "bob:x:7:8::/:/bin/sh\\n" });
const text = printPlan(plan(yaml.spec, { host: { ...plainHost, machine: "arm64" } }));
let refused = "";
try { expandYaml("rootfs: host\\ncomand: sh"); } catch (error) { if (error instanceof BoxError) refused = error.facts.faults?.[0]?.path ?? ""; }
// @ts-expect-error: it is typed
export const wrong = () => plan(5);
console.log(JSON.stringify({ name: plugin.name, pivots: first.includes("pivot_root"), user: yaml.spec.process?.user.uid, execve: text.includes('"date"'), refused }));
`;

test("the packed library is typed, and runs in Node.js and Bun", () => {
  using project = new Project(source);
  const expected = `${JSON.stringify({ name: "own", pivots: true, user: 7, execve: true, refused: "box.yaml:2:1: comand" })}\n`;
  expect(project.node()).toBe(expected);
  expect(project.bun()).toBe(expected);
}, 120_000);

describe("importing it", () => {
  test("reaches nothing that touches the machine", () => {
    const seen = new Set([join(root, "src/index.ts")]);
    const scanner = new Bun.Transpiler({ loader: "ts" });
    for (const path of seen)
      for (const { path: to } of scanner.scanImports(readFileSync(path, "utf8")))
        if (to.startsWith(".") && !to.endsWith("-macro.ts")) seen.add(join(path, "..", to));
        else if (!to.startsWith(".")) expect([path, to]).toEqual([path, "yaml"]);
    const touching = [...seen].filter((path) => /\/src\/(execute|inspect|stage)\//.test(path));
    expect([seen.size > 50, touching]).toEqual([true, []]);
  });
});
