// --preserve-fds: descriptors of the caller that the program gets, at their own numbers, and no others.

import { describe, expect } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { Bundle, linesOf, type RichSpec, testWith, until } from "./harness.ts";

const test = testWith();

/** Words in front of box: it has these files open as descriptors 3 and on. */
const opening = (...redirections: readonly string[]): string[] => ["sh", "-c", `exec "$@" ${redirections.join(" ")}`, "sh"];

const listing = (spec: RichSpec): void => {
  spec.process.args = ["sh", "-c", "ls /proc/$$/fd; cat <&3; echo written >&4"];
};
/** The shell that lists has the folder open that it lists: it is its own. */
const three = (bundle: Bundle): string[] => {
  writeFileSync(`${bundle.folder}/in`, "from outside\n");
  return opening(`3<${bundle.folder}/in`, `4>${bundle.folder}/out`, "5</dev/null", "6</dev/null");
};
const expected = ["0", "1", "2", "3", "4", "from outside"];

describe("two of four that are open", () => {
  test("run", async () => {
    using bundle = new Bundle(listing);
    const { stdout, stderr } = await bundle.box(["run", "--preserve-fds", "2", bundle.id], { before: three(bundle) });
    expect([linesOf(stdout), stderr, readFileSync(`${bundle.folder}/out`, "utf8")]).toEqual([expected, "", "written\n"]);
  });

  test("run, with hooks, which get none of them", async () => {
    using bundle = new Bundle(listing);
    const hook = {
      path: "/bin/sh",
      args: ["sh", "-c", `for fd in 3 4 5 6 7 8 9; do readlink /proc/$$/fd/$fd || true; done >${bundle.folder}/hook`],
    };
    bundle.change((spec) => (spec.hooks = { createRuntime: [hook] }));
    const { stdout, stderr } = await bundle.box(["run", "--preserve-fds", "2", bundle.id], { before: three(bundle) });
    expect([linesOf(stdout), stderr]).toEqual([expected, ""]);
    expect(readFileSync(`${bundle.folder}/hook`, "utf8")).toBe("");
  });

  test("create and start", async () => {
    using bundle = new Bundle(listing);
    using creating = bundle.start(["create", "--preserve-fds", "2", bundle.id], { before: three(bundle) });
    expect((await creating.outcome()).exitCode).toBe(0);
    expect((await bundle.box(["start", bundle.id])).exitCode).toBe(0);
    await until(() => creating.stdout.endsWith("from outside\n"), "the program's output");
    expect(linesOf(creating.stdout)).toEqual(expected);
  });

  test("exec", async () => {
    using bundle = new Bundle();
    using _running = await bundle.startSh("echo ready; exec sleep 1000");
    const { stdout, stderr } = await bundle.box(
      ["exec", "--preserve-fds", "2", bundle.id, "sh", "-c", "ls /proc/$$/fd; cat <&3; echo written >&4"],
      { before: three(bundle) },
    );
    expect([linesOf(stdout), stderr, readFileSync(`${bundle.folder}/out`, "utf8")]).toEqual([expected, "", "written\n"]);
  });
});

test("one alone, which lies where the stage looks for its tape", async () => {
  using bundle = new Bundle((spec) => (spec.process.args = ["cat", "/proc/self/fd/3"]));
  writeFileSync(`${bundle.folder}/in`, "three\n");
  const { stdout, stderr } = await bundle.box(["run", "--preserve-fds", "1", bundle.id], { before: opening(`3<${bundle.folder}/in`) });
  expect([stdout, stderr]).toEqual(["three\n", ""]);
});

test("many: each is what it was", async () => {
  using bundle = new Bundle((spec) => {
    spec.process.args = ["sh", "-c", "for fd in 3 4 5 6 7 8 9 10 11 12; do cat /proc/self/fd/$fd; done"];
  });
  const numbers = Array.from({ length: 10 }, (_, index) => index + 3);
  for (const number of numbers) writeFileSync(`${bundle.folder}/${number}`, `${number}\n`);
  // dash knows redirections of one digit only.
  const before = ["bash", "-c", `exec "$@" ${numbers.map((number) => `${number}<${bundle.folder}/${number}`).join(" ")}`, "bash"];
  const { stdout, stderr } = await bundle.box(["run", "--preserve-fds", "10", bundle.id], { before });
  expect([linesOf(stdout), stderr]).toEqual([numbers.map(String), ""]);
});

test("without the flag, none", async () => {
  using bundle = new Bundle((spec) => (spec.process.args = ["ls", "/proc/self/fd"]));
  // The folder that ls reads is its own.
  expect((await bundle.box(["run", bundle.id], { before: three(bundle) })).stdout).toBe("0\n1\n2\n3\n");
});

describe("refused", () => {
  const refusal = async (before: readonly string[], count: string): Promise<[number, string]> => {
    using bundle = new Bundle();
    const { exitCode, stderr } = await bundle.box(["run", "--preserve-fds", count, bundle.id], { before });
    return [exitCode, stderr];
  };
  test("a folder of the host, by which the container's root could be left", async () =>
    expect(await refusal(opening("3</dev/null", "4</"), "2")).toEqual([
      125,
      "box: --preserve-fds: descriptor 4 is a folder, and a container must get none of the host's\n",
    ]));
  test("one that is not open, before anything is made", async () =>
    expect(await refusal(opening("3<&-"), "1")).toEqual([125, "box: --preserve-fds: descriptor 3 of 1 to preserve is not open\n"]));
  test("no number", async () =>
    expect(await refusal([], "some")).toEqual([125, 'box: --preserve-fds: expected a number of descriptors, got "some"\n']));
});
