// A module that tells when something of it is used is otherwise what it was.

import { expect, test } from "bun:test";
import childProcess from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { type Use, watched } from "../../src/cli/watched-module.ts";

/** What `call` gives of a module, and whether it used any of it. */
function usedBy<Module, Given>(module: Module, call: (module: Module) => Given): [given: Given, used: boolean] {
  const use: Use = { used: false };
  const given = call(watched(module, use));
  return [given, use.used];
}

test("to look at it uses nothing", () => {
  expect(usedBy(fs, ({ existsSync, promises }) => [typeof existsSync, existsSync.name, typeof promises.readFile])).toEqual([
    ["function", "existsSync", "function"],
    false,
  ]);
  expect(usedBy(fs, ({ constants }) => structuredClone(constants))).toEqual([{ ...fs.constants }, false]);
});

test("what is called works, and is noted", async () => {
  expect(usedBy(fs, ({ existsSync }) => existsSync("/"))).toEqual([true, true]);
  expect(usedBy(fs, (all) => all.readFileSync("/proc/self/comm", "utf8").length > 0)).toEqual([true, true]);
  expect(usedBy(fs, ({ statSync }) => statSync.call(undefined, "/")?.isDirectory())).toEqual([true, true]);
  const [read, used] = usedBy(fs, ({ promises }) => promises.readFile("/proc/self/comm", "utf8"));
  expect([(await read).length > 0, used]).toEqual([true, true]);
  expect(usedBy(childProcess, ({ spawnSync }) => spawnSync("echo", ["a"], { encoding: "utf8" }).stdout)).toEqual(["a\n", true]);
  const [executed] = usedBy(childProcess, ({ execFile }) => promisify(execFile)("echo", ["b"]));
  expect((await executed).stdout).toBe("b\n");
});

test("so is what makes an object, and what changes the module", () => {
  expect(usedBy(fs, ({ ReadStream }) => new ReadStream("/dev/null" as never) instanceof fs.ReadStream)).toEqual([true, true]);
  const own = { a: 1, call: () => 1 };
  expect(usedBy(own, (module) => (module.a = 2))).toEqual([2, true]);
  expect(own.a).toBe(2);
});

test("a subclass has its own methods, and those that it is handed on", () => {
  const own = {
    Base: class {
      #hidden = 1;
      get seen(): number {
        return this.#hidden;
      }
      base(): string {
        return "base";
      }
    },
  };
  const [made, used] = usedBy(own, ({ Base }) => {
    class Mine extends Base {
      mine(): string {
        return `${this.base()} mine ${this.seen}`;
      }
    }
    return new Mine();
  });
  expect([made.mine(), made instanceof own.Base, used]).toEqual(["base mine 1", true, true]);
});

test("what is one stays one", () => {
  expect(usedBy(fs, (all) => new Set([all, all].map(({ promises }) => promises)).size)[0]).toBe(1);
});

test("what is taken out by another way counts as used", () => {
  expect(usedBy(fs, (all) => Object.getOwnPropertyDescriptor(all, "existsSync")?.value("/"))).toEqual([true, true]);
  const own: { a?: number; call: () => void } = { a: 1, call: () => {} };
  expect(usedBy(own, (all) => delete all.a)).toEqual([true, true]);
  expect(usedBy(own, (all) => Object.defineProperty(all, "b", { value: 1, configurable: true }) !== undefined)).toEqual([true, true]);
});

test("functions of paths use nothing, but for those that go by the current folder", () => {
  expect(usedBy(path, ({ join, dirname }) => join(dirname("/a/b"), "c"))).toEqual(["/a/c", false]);
  expect(usedBy(path, (all) => all.resolve("x"))).toEqual([path.resolve("x"), true]);
  expect(usedBy(path, (all) => all.posix.relative("/a", "/b"))).toEqual(["../b", true]);
});

test("an object that cannot be changed is given as it is, which counts as used", () => {
  const frozen = Object.freeze({ inner: { call: () => 1 }, word: "w" });
  expect(usedBy(frozen, ({ word }) => word)).toEqual(["w", false]);
  expect(usedBy(frozen, ({ inner }) => inner.call())).toEqual([1, true]);
});
