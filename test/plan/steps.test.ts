import { expect, test } from "bun:test";
import { components } from "../../src/linux/components.ts";
import { newChildVariables } from "../../src/plan/builder.ts";
import { branches } from "../../src/plan/print-plan.ts";
import { ensureInRoot, type Kind } from "../../src/plan/steps.ts";
import { printStep } from "../../src/tape/print.ts";
import { newSlot, type Step } from "../../src/tape/step.ts";

function parts(path: string, ...expected: string[]): void {
  test(`components of ${JSON.stringify(path)}`, () => expect(components(path)).toEqual(expected));
}
parts("/");
parts("", ...[]);
parts("/a/b", "a", "b");
parts("//a/./b//", "a", "b");
parts("/a/../../b", "b");
parts("/a/..");
parts("/...", "...");

function ensures(title: string, path: string, kind: Exclude<Kind, "any">, expected: string): void {
  test(title, () => {
    const child = newChildVariables();
    const slot = (name: string) => newSlot(child.variables, "fd", name);
    const one = ensureInRoot(child, slot("root"), path, kind, "test", slot("out"));
    const short = (text: string): string => text.replaceAll(/O_PATH\|(?=O_DIRECTORY)|\|O_CLOEXEC|RESOLVE_|, 24/g, "");
    const lines = [one, ...branches(one).flatMap(({ steps }) => steps)].map((step) => short(printStep(step)));
    expect(lines.join("\n")).toBe(expected.trim().replace(/^ +/gm, ""));
  });
}
ensures("the root itself", "/a/..", "folder", 'openat2(root, ".", {flags: O_DIRECTORY, resolve: IN_ROOT|NO_MAGICLINKS}) → out');
ensures(
  "a folder: looked for along its path in the root, made below descriptors",
  "/a/b",
  "folder",
  `openat2(root, "a/b", {flags: O_DIRECTORY, resolve: IN_ROOT|NO_MAGICLINKS}) → out
   mkdirat(root, "a", 0755)
   openat2(root, "a", {flags: O_DIRECTORY, resolve: IN_ROOT|NO_MAGICLINKS}) → /a
   mkdirat(/a, "b", 0755)
   openat2(root, "a/b", {flags: O_DIRECTORY, resolve: IN_ROOT|NO_MAGICLINKS}) → out`,
);
ensures(
  "a file: an empty one",
  "/a/f",
  "file",
  `openat2(root, "a/f", {flags: O_PATH, resolve: IN_ROOT|NO_MAGICLINKS}) → out
   mkdirat(root, "a", 0755)
   openat2(root, "a", {flags: O_DIRECTORY, resolve: IN_ROOT|NO_MAGICLINKS}) → /a
   mknodat(/a, "f", 0100644, makedev(0, 0))
   openat2(root, "a/f", {flags: O_PATH, resolve: IN_ROOT|NO_MAGICLINKS}) → out`,
);
test("behind a link that is known to lead nowhere: what it leads to, once the link is met, and then by the link", () => {
  const child = newChildVariables({ danglingLinks: { "var/run": "run/x", "etc/other": "o" } });
  const slot = (name: string) => newSlot(child.variables, "fd", name);
  const one = ensureInRoot(child, slot("root"), "/var/run/f", "file", "test", slot("out"));
  const lines = (steps: readonly Step[], depth = 0): string[] =>
    steps.flatMap((step) => {
      const shown = `${step.call} ${step.args
        .slice(0, 2)
        .map((arg) => (typeof arg === "object" && arg !== null && "slot" in arg ? arg.slot : arg))
        .join(" ")}`;
      return [" ".repeat(depth) + shown, ...branches(step).flatMap(({ steps: more }) => lines(more, depth + 1))];
    });
  expect(lines([one])).toEqual([
    "openat2 root var/run/f",
    " mkdirat root var",
    " openat2 root var",
    " mkdirat /var run",
    " openat2 root var/run",
    "  openat2 root run/x",
    "   mkdirat root run",
    "   openat2 root run",
    "   mkdirat /run x",
    "   openat2 root run/x",
    "  close /run/x, where /var/run leads",
    "  openat2 root var/run",
    " mknodat /var/run f",
    " openat2 root var/run/f",
  ]);
});
test("a name that every object of JavaScript has is no such link", () => {
  for (const name of ["constructor", "toString", "__proto__"]) {
    const child = newChildVariables({ danglingLinks: { link: "run" } });
    const slot = (text: string) => newSlot(child.variables, "fd", text);
    const one = ensureInRoot(child, slot("root"), `/${name}`, "folder", "test", slot("out"));
    expect(branches(one).flatMap(({ steps }) => steps.map(({ call }) => call))).toEqual(["mkdirat", "openat2"]);
  }
});
ensures(
  "a plain folder: no link on the way",
  "/proc",
  "plain folder",
  `openat2(root, "proc", {flags: O_DIRECTORY, resolve: BENEATH|NO_SYMLINKS}) → out
   mkdirat(root, "proc", 0755)
   openat2(root, "proc", {flags: O_DIRECTORY, resolve: BENEATH|NO_SYMLINKS}) → out`,
);
