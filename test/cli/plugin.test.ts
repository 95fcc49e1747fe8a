// box plugin, as its users have it: the compiled binary, in folders of their own. What it says of the host's plugins is in
// test/integration/host-plugins.test.ts.

import { describe, expect } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binary, execute, type Outcome, testWith } from "../integration/harness.ts";

const test = testWith();
const repository = new URL("../..", import.meta.url).pathname;

class Folder implements Disposable {
  readonly path = mkdtempSync(`${tmpdir()}/box-plugin-`);
  async box(...args: string[]): Promise<Outcome> {
    return await execute([binary, "--root", `${this.path}/states`, "plugin", ...args], { cwd: this.path });
  }
  write(name: string, text: string): void {
    writeFileSync(`${this.path}/${name}`, text);
  }
  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

describe("new", () => {
  test("writes a plugin that compiles, whose test passes, and that works", async () => {
    using folder = new Folder();
    const written = await folder.box("new", "greet", "own");
    expect([written.exitCode, written.stderr, written.stdout.split("\n")[0]]).toEqual([0, "", "wrote greet.ts, greet.test.ts, box.ts"]);
    const types = { typeRoots: [join(repository, "node_modules/@types")], types: ["bun"], strict: true, noEmit: true };
    const how = { module: "nodenext", target: "esnext", allowImportingTsExtensions: true, erasableSyntaxOnly: true, skipLibCheck: true };
    folder.write("own/tsconfig.json", JSON.stringify({ compilerOptions: { ...types, ...how } }));
    expect(await execute([join(repository, "node_modules/.bin/tsc"), "-p", `${folder.path}/own`], { limitMs: 50_000 })).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "",
    });
    const tested = await execute([process.execPath, "test", "./greet.test.ts"], { cwd: `${folder.path}/own` });
    expect([tested.exitCode, tested.stderr]).toEqual([0, expect.stringContaining(" 1 pass")]);
    const ran = await execute([binary, "run", "--plugin", `${folder.path}/own/greet.ts:greeting=ho`, "--", "sh", "-c", "echo $GREETING"]);
    expect(ran).toEqual({ exitCode: 0, stdout: "ho\n", stderr: expect.stringMatching(/^box-\S+ ended with 0\n$/) });
  }, 60_000);

  test("replaces nothing but the types", async () => {
    using folder = new Folder();
    expect((await folder.box("new", "one")).exitCode).toBe(0);
    const types = readFileSync(`${folder.path}/box.ts`, "utf8");
    folder.write("box.ts", `${types.split("\n")[0]}\n// of an older box\n`);
    expect((await folder.box("new", "two")).exitCode).toBe(0);
    expect(readFileSync(`${folder.path}/box.ts`, "utf8")).toBe(types);
    const there = (file: string): Outcome => ({
      exitCode: 1,
      stdout: "",
      stderr: `box: ${folder.path}/${file} exists already\nhint: choose another name or folder\n`,
    });
    expect(await folder.box("new", "two")).toEqual(there("two.ts"));
    folder.write("box.ts", "export const mine = 1;\n");
    expect(await folder.box("new", "three")).toEqual(there("box.ts"));
  });

  test("needs a name that a file and a message can have", async () => {
    using folder = new Folder();
    for (const name of ["Greet", "../x", "a b", "a--b", "1"])
      expect(await folder.box("new", name)).toEqual({
        exitCode: 1,
        stdout: "",
        stderr: `box: ${JSON.stringify(name)} is no name for a plugin\nhint: small letters and digits, with - between words\n`,
      });
  });
});

describe("check", () => {
  const plugin = `export default {
    name: "own",
    description: "does this",
    options: { type: "object", properties: { file: { type: "string", description: "goes there" }, count: { type: "integer", minimum: 1, default: 2 } }, required: ["file"] },
    apply(hooks: any, { file, count }: any) {
      hooks.config.tap("own", (spec: any) => { spec.annotations = { file }; spec.mounts.push({ destination: "/own", type: "tmpfs", source: "tmpfs" }); });
      hooks.plan.tap("own", () => { if (count > 5) throw new Error("too many"); });
      hooks.prestart.tap("own", () => { throw new Error("nothing is run"); });
    },
  };`;

  test("says what a plugin is and does", async () => {
    using folder = new Folder();
    folder.write("own.ts", plugin);
    const { exitCode, stdout, stderr } = await folder.box("check", "./own.ts:file=/x");
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(stdout.replace(/\d+ steps/, "… steps")).toBe(
      [
        "plugin    own: does this",
        `from      ${folder.path}/own.ts`,
        "taps      config, plan, prestart",
        "options   file: a string, required (goes there)",
        "          count: an integer of at least 1, 2 when left out",
        "changes   mounts[7], annotations",
        "the plan  is made, with … steps\n",
      ].join("\n"),
    );
    const { stdout: json } = await folder.box("check", "--json", "./own.ts:file=/x");
    expect(JSON.parse(json)).toMatchObject({ name: "own", hooks: ["config", "plan", "prestart"], changes: ["mounts[7]", "annotations"] });
  });

  test("says what is wrong", async () => {
    using folder = new Folder();
    folder.write("own.ts", plugin);
    const say = async (text: string): Promise<string> => {
      const { exitCode, stdout, stderr } = await folder.box("check", text);
      expect([exitCode, stdout]).toEqual([1, ""]);
      return stderr.replace(/after \d+ ms/, "after … ms");
    };
    expect(await say("./own.ts")).toBe("box: ./own.ts: file: missing, expected a string\n");
    expect(await say("./own.ts:file=x,count=6")).toBe("box: ./own.ts: plan: too many (after … ms)\n");
    expect(await say("./gone.ts")).toBe(`box: ./gone.ts: cannot read ${folder.path}/gone.ts: ENOENT (no such file or directory)\n`);
    folder.write(
      "odd.ts",
      'export default { name: "odd", apply(hooks: any) { hooks.config.tap("odd", (spec: any) => { spec.linux.seccomp = { defaultAction: "NO" }; }); } };',
    );
    expect(await say("./odd.ts")).toStartWith("box: ./odd.ts: config: linux.seccomp.defaultAction: expected ");
  });

  test("takes built-in ones", async () => {
    using folder = new Folder();
    expect((await folder.box("check", "notify:events=exec")).stdout).toContain("taps      onExec\n");
  });
});

test("list has every built-in plugin, with its hooks and what for", async () => {
  using folder = new Folder();
  const { exitCode, stdout } = await folder.box("list", "--json");
  const rows = JSON.parse(stdout) as { name: string; from: string; hooks: string[]; description: string }[];
  expect(exitCode).toBe(0);
  expect(rows.filter(({ from }) => from === "built-in").map(({ name, hooks }) => [name, hooks])).toContainEqual([
    "notify",
    ["poststart", "onExec", "poststop"],
  ]);
  expect(rows.filter(({ from, description, hooks }) => from === "built-in" && (description === "" || hooks.length === 0))).toEqual([]);
});

test("anything else", async () => {
  using folder = new Folder();
  mkdirSync(`${folder.path}/states`);
  const refused = (problem: string): Outcome => ({
    exitCode: 1,
    stdout: "",
    stderr: `box: ${problem}\nhint: box plugin list | new NAME [DIR] | check FILE[:OPTIONS]\n`,
  });
  expect(await folder.box()).toEqual(refused("an action is missing"));
  expect(await folder.box("remove", "x")).toEqual(refused("cannot remove x"));
  expect(await folder.box("list", "x")).toEqual(refused("cannot list x"));
});
