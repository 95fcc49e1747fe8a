import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { newHooks, type Spec } from "../../hooks/hooks.ts";
import hooksD from "../../plugins/hooks-d.ts";
import { defaultSpec } from "../../src/config/default-spec.ts";
import { hostWith } from "./host-with.ts";

class Folders implements Disposable {
  readonly path = mkdtempSync(`${tmpdir()}/box-hooks-d-`);
  write(file: string, value: unknown): void {
    mkdirSync(`${this.path}/${file}`.replace(/\/[^/]*$/, ""), { recursive: true });
    writeFileSync(`${this.path}/${file}`, typeof value === "string" ? value : JSON.stringify(value));
  }
  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

/** The hooks that a Spec gets from these folders. */
async function hooksFrom(folders: readonly string[], change: (spec: Spec) => void = () => {}): Promise<Spec["hooks"]> {
  const hooks = newHooks();
  await hooksD.apply(hooks, { folders: [...folders] }, hostWith({}));
  const spec = defaultSpec();
  change(spec);
  return (await hooks.config.promise(spec, { id: "one", bundle: "/b" }))?.hooks;
}

const definition = (path: string, when: unknown = { always: true }, stages: readonly string[] = ["prestart"]): unknown => ({
  version: "1.0.0",
  hook: { path },
  when,
  stages,
});

test("in the order of their names in small letters, and the later folder wins", async () => {
  using folders = new Folders();
  folders.write("a/02.json", definition("/two"));
  folders.write("a/01-b.json", definition("/masked"));
  folders.write("a/readme", "no hook");
  folders.write("b/01-b.json", definition("/one-b"));
  folders.write("b/01-A.json", definition("/one-a", { always: true }, ["prestart", "poststop"]));
  expect(await hooksFrom([`${folders.path}/a`, `${folders.path}/b`])).toEqual({
    prestart: [{ path: "/one-a" }, { path: "/one-b" }, { path: "/two" }],
    poststop: [{ path: "/one-a" }],
  });
});

test("what a hook says, behind those that are there", async () => {
  using folders = new Folders();
  const hook = { path: "/h", args: ["h", "x"], env: ["A=b"], timeout: 3 };
  folders.write("h.json", { version: "1.0.0", hook, when: { always: true }, stages: ["poststart"] });
  expect(await hooksFrom([folders.path], (spec) => (spec.hooks = { poststart: [{ path: "/before" }] }))).toEqual({
    poststart: [{ path: "/before" }, hook],
  });
});

const bind = { destination: "/data", source: "/srv", type: "none", options: ["rbind"] };
const conditions: readonly [title: string, when: unknown, change: (spec: Spec) => void, wanted: boolean][] = [
  ["always", { always: true }, () => {}, true],
  ["never", { always: false }, () => {}, false],
  ["a command", { commands: ["^/usr/bin/", ".*/init$"] }, (spec) => spec.process?.args.splice(0, 1, "/sbin/init"), true],
  ["another command", { commands: [".*/init$"] }, (spec) => spec.process?.args.splice(0, 1, "/bin/sh"), false],
  ["an annotation", { annotations: { "^a\\.b$": "^x" } }, (spec) => (spec.annotations = { "a.b": "xy" }), true],
  ["its key alone", { annotations: { "^a\\.b$": "^x" } }, (spec) => (spec.annotations = { "a.b": "y", c: "x" }), false],
  ["all annotations", { annotations: { a: "x", b: "y" } }, (spec) => (spec.annotations = { a: "x", b: "y" }), true],
  ["one of two", { annotations: { a: "x", b: "y" } }, (spec) => (spec.annotations = { a: "x" }), false],
  ["bind mounts", { hasBindMounts: true }, (spec) => spec.mounts?.push(bind), true],
  ["none", { hasBindMounts: true }, () => {}, false],
  ["only those of an engine", { hasBindMounts: true }, (spec) => spec.mounts?.push({ ...bind, destination: "/etc/hosts" }), false],
  ["all conditions", { always: true, commands: ["nothing"] }, () => {}, false],
  ["a condition that is false beside one that holds", { hasBindMounts: false, commands: ["^sh$"] }, () => {}, true],
];
for (const [title, when, change, wanted] of conditions)
  test(`when: ${title}`, async () => {
    using folders = new Folders();
    folders.write("h.json", definition("/h", when));
    expect(await hooksFrom([folders.path], change)).toEqual(wanted ? { prestart: [{ path: "/h" }] } : undefined);
  });

const faults: readonly [file: unknown, problem: string][] = [
  ["{", "JSON Parse error: Expected '}'"],
  [{ version: "0.1.0" }, 'version: expected "1.0.0", got "0.1.0"'],
  [{ version: "1.0.0", hook: {} }, "hook.path: expected the path of a program"],
  [definition("/h", {}), "when: expected at least one condition"],
  [definition("/h", { allways: true }), "when.allways: there is no such condition"],
  [definition("/h", { always: true }, []), "stages: expected at least one stage"],
  [
    definition("/h", { always: true }, ["precreate"]),
    'stages: expected prestart, createRuntime, createContainer, startContainer, poststart, poststop, got "precreate"',
  ],
  [definition("/h", { commands: ["("] }), "when: Invalid regular expression: missing )"],
];
for (const [file, problem] of faults)
  test(`refused: ${problem}`, async () => {
    using folders = new Folders();
    folders.write("h.json", file);
    expect(hooksFrom([folders.path])).rejects.toThrow(new Error(`${folders.path}/h.json: ${problem}`));
  });

test("a folder that is named has to be there", async () => expect(hooksFrom(["/gone/hooks.d"])).rejects.toThrow("ENOENT"));

test("the usual ones need not", async () => {
  const hooks = newHooks();
  await hooksD.apply(hooks, {}, hostWith({}));
  expect(await hooks.config.promise(defaultSpec(), { id: "one", bundle: "/b" })).toBeDefined();
});
