import { expect, test } from "bun:test";
import { initLives } from "../../src/execute/init-lives.ts";
import type { State } from "../../src/state/state.ts";

const init = { pid: 42, box: { startTime: 1234 } as State["box"] };

/** As /proc/42/stat says it, with fields 3, 20 and 22. */
function lives(name: string, state: string, threads: number, startTime: number): boolean {
  const fields = [state, ...Array.from({ length: 16 }, (_, index) => index), threads, 0, startTime, 99, 98];
  const stat = `42 (${name}) ${fields.join(" ")}\n`;
  return initLives(init, (path) => (path === "/proc/42/stat" ? stat : -2));
}

test("init is the process that has its pid and its start time", () => {
  expect(lives("sh", "S", 1, 1234)).toBe(true);
  expect(lives("sh", "S", 1, 1235)).toBe(false);
  expect(lives("a) Z 1 (b", "S", 1, 1234)).toBe(true);
});

test("a zombie is its end, but not where only its first thread has ended", () => {
  expect(lives("sh", "Z", 1, 1234)).toBe(false);
  expect(lives("sh", "Z", 2, 1234)).toBe(true);
  expect(lives("sh", "Z", 0, 1234)).toBe(false);
});

test("there is none without a pid, or when nothing is to be read", () => {
  expect(initLives({ ...init, pid: 0 })).toBe(false);
  expect(initLives(init, () => -2)).toBe(false);
});
