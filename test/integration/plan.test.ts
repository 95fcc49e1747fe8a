// box plan beyond the whole list: two configurations compared, one step in full, and what plugins have put into it.

import { expect } from "bun:test";
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import type { PlanDiff } from "../../src/plan/diff-plans.ts";
import type { PlannedStep } from "../../src/plan/print-plan.ts";
import { Bundle, linesOf, machine, testWith } from "./harness.ts";

const test = testWith();

/** A second bundle beside the first, with the same root, whose box.yaml adds these lines. */
function yamlPair(bundle: Bundle, ...texts: readonly [string, string]): [string, string] {
  rmSync(`${bundle.folder}/config.json`);
  const folders = ["one", "two"].map((name, index) => {
    mkdirSync(`${bundle.folder}/${name}`);
    writeFileSync(`${bundle.folder}/${name}/box.yaml`, `rootfs: ${bundle.rootfs}\nhostname: web\n${texts[index]}`);
    return `${bundle.folder}/${name}`;
  });
  return folders as [string, string];
}

const withoutNumbers = (text: string): string[] => linesOf(text).map((line) => line.replace(/^([-+]) *\d+ /, "$1 "));

test("the same configuration twice differs in nothing, and says so as diff does", async () => {
  using bundle = new Bundle();
  const before = machine(bundle);
  const folders = yamlPair(bundle, "user: '1000'\n", "user: '1000'\n");
  expect(await bundle.box(["plan", "--diff", ...folders])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  expect(machine(bundle)).toEqual(before);
});

test("two configurations differ in the steps that they ask for", async () => {
  using bundle = new Bundle();
  const [one, two] = yamlPair(bundle, "user: '1000'\n", "user: '1001'\nmounts:\n  - { type: tmpfs, destination: /tmp }\n");
  const { exitCode, stdout, stderr } = await bundle.box(["plan", "--diff", one, `${two}/box.yaml`]);
  const lines = withoutNumbers(stdout);
  expect([exitCode, stderr, lines.slice(0, 2)]).toEqual([1, "", [`--- ${one}`, `+++ ${two}/box.yaml`]]);
  const calls = lines.filter((line) => /^[-+] {2}\w/.test(line) && !/^. {2}(fs|open|move|close)/.test(line));
  const environment = (home: string) => `["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=${home}"]`;
  expect(calls).toEqual([
    "-  setgroups(2, 8 bytes)",
    "-  setresgid(1001, 1001, 1001)",
    "-  setresuid(1000, 1000, 1000)",
    "+  setgroups(1, 4 bytes)",
    "+  setresgid(0, 0, 0)",
    "+  setresuid(1001, 1001, 1001)",
    `-  execve(the program's name, ["sh"], ${environment("/home/user")})`,
    `+  execve(the program's name, ["sh"], ${environment("/")})`,
  ]);
  expect(lines).toContain('+  fsopen("tmpfs", FSOPEN_CLOEXEC) → mount context');
  expect(lines.filter((line) => line.startsWith("init: "))).toEqual(["init: mounts", "init: process", "init: program"]);
});

test("a bundle and its copy with a flag for both, as data", async () => {
  using bundle = new Bundle();
  const copy = `${bundle.folder}/copy`;
  mkdirSync(copy);
  bundle.change((spec) => (spec.root.path = bundle.rootfs));
  cpSync(`${bundle.folder}/config.json`, `${copy}/config.json`);
  bundle.change((spec) => (spec.hostname = "other"));
  const { exitCode, stdout } = await bundle.box(["plan", "--json", "--net", "host", "--diff", bundle.folder, `${copy}/config.json`]);
  const { notes, changes } = JSON.parse(stdout) as PlanDiff;
  expect([exitCode, notes, changes.map(({ change, step }) => `${change} ${step.text}`)]).toEqual([
    1,
    { removed: [], added: [] },
    [
      'removed sethostname("other", 5)',
      `added sethostname("${(JSON.parse(await Bun.file(`${copy}/config.json`).text()) as { hostname: string }).hostname}", 4)`,
    ],
  ]);
});

const wrong: [args: string[], line: string][] = [
  [["--diff"], "box: --diff: expected two configurations\nhint: box plan --diff A B\n"],
  [["--diff", "."], "box: --diff: expected two configurations\nhint: box plan --diff A B\n"],
  [["--diff", ".", ".", "."], "box: --diff: expected two configurations\nhint: box plan --diff A B\n"],
  [["--diff", ".", "/nowhere"], "box: --diff: cannot read /nowhere: ENOENT (no such file or directory)\n"],
  [
    ["--diff", "rootfs/etc/passwd", "."],
    'box: --diff: expected a bundle\'s folder, a config.json or a YAML file, got "rootfs/etc/passwd"\n',
  ],
  [["--explain", "0"], 'box: --explain: expected the number of a step, 1 to STEPS, got "0"\n'],
  [["--explain", "many"], 'box: --explain: expected the number of a step, 1 to STEPS, got "many"\n'],
];
for (const [args, line] of wrong)
  test(`refused: ${args.join(" ")}`, async () => {
    using bundle = new Bundle();
    const { exitCode, stdout, stderr } = await bundle.box(["plan", ...args]);
    expect([exitCode, stdout, stderr.replace(/1 to \d+/, "1 to STEPS")]).toEqual([125, "", line]);
  });

async function stepsOf(bundle: Bundle, ...flags: string[]): Promise<PlannedStep[]> {
  const { stdout, stderr } = await bundle.box(["plan", "--json", ...flags, bundle.id]);
  expect(stderr).toBe("");
  return (JSON.parse(stdout) as { steps: PlannedStep[] }).steps;
}

test("one step in full, with what the configuration has and where", async () => {
  using bundle = new Bundle();
  rmSync(`${bundle.folder}/config.json`);
  writeFileSync(`${bundle.folder}/box.yaml`, "rootfs: rootfs\nhostname: web\n");
  const number = (await stepsOf(bundle)).find(({ call }) => call === "sethostname")?.number;
  const { exitCode, stdout, stderr } = await bundle.box(["plan", "--explain", String(number), bundle.id]);
  expect([exitCode, stderr]).toEqual([0, ""]);
  expect(stdout.replace(/of \d+,/, "of STEPS,")).toBe(`step ${number} of STEPS, init: identity

  sethostname("web", 3)

call          sets the host name of the uts namespace
              man 2 gethostname
name          "web"
size          3
result        only whether it succeeds counts
on error      any errno: the tape stops, all that was made is undone, and box says "cannot set the host name to web", the call and the errno
origin        box.yaml:2:11: hostname
                "web"
why           set the host name to web
undo          needs none: what it changes ends with the container's processes and namespaces
`);
});

test("one step in full as data", async () => {
  using bundle = new Bundle();
  const { number } = (await stepsOf(bundle)).find(({ call, origin }) => call === "fsopen" && origin === "mounts[1]") as PlannedStep;
  const { stdout } = await bundle.box(["plan", "--explain", String(number), "--json", bundle.id]);
  const told = JSON.parse(stdout) as Record<string, unknown>;
  expect([told.page, told.value, (told.step as PlannedStep).number]).toEqual(["fsopen(2)", bundle.spec.mounts?.[1], number]);
});

test("what a plugin adds has its name, and what it moves keeps its own", async () => {
  using bundle = new Bundle();
  writeFileSync(
    `${bundle.folder}/own.js`,
    'export default { name: "own", apply: (hooks) => hooks.config.tap("own", (spec) => void spec.mounts.unshift({ destination: "/data", type: "tmpfs", source: "tmpfs" })) };',
  );
  const { stdout } = await bundle.box(["plan", "--plugin", "./own.js", bundle.id]);
  expect(stdout).toContain("--plugin ./own.js: mounts[0]: mount tmpfs on /data\n");
  const steps = await stepsOf(bundle, "--plugin", "./own.js");
  expect(new Set(steps.filter(({ plugin }) => plugin !== undefined).map(({ origin }) => origin))).toEqual(new Set(["mounts[0]"]));
  expect(new Set(steps.map(({ plugin }) => plugin))).toEqual(new Set([undefined, "--plugin ./own.js"]));
});

test("what fails in a plugin's part of the plan is told by its name", async () => {
  using bundle = new Bundle();
  writeFileSync(
    `${bundle.folder}/own.js`,
    'export default { name: "own", apply: (hooks) => hooks.config.tap("own", (spec) => void spec.mounts.push({ destination: "/data", type: "bind", source: "/nowhere", options: ["bind"] })) };',
  );
  const { exitCode, stderr } = await bundle.box(["run", "--plugin", "./own.js", bundle.id]);
  expect([exitCode, linesOf(stderr)[0]]).toEqual([
    125,
    expect.stringMatching(/^box: --plugin \.\/own\.js: mounts\[\d+\]: cannot bind \/nowhere to \/data: open_tree\(/),
  ]);
});
