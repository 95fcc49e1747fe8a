import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { parseStat } from "../../src/host/process-stat.ts";

const fields = "S 7 1 1 0 -1 4194560 0 0 0 0 11 12 0 0 20 0 3 0 4711 1 1";

test("the fields, whatever the process is called", () => {
  for (const name of ["sh", "a) S 1 (b", "\n\u001b[2J", "", "é"])
    expect(parseStat(`42 (${name}) ${fields}\n`)).toEqual({ name, state: "S", parent: 7, threads: 3, startTicks: 4711 });
});

test("a part of a file is none", () => {
  for (const text of ["", "42", "42 (sh", "42 (sh)", "42 (sh) S 7 1 1 0"]) expect([text, parseStat(text)]).toEqual([text, undefined]);
});

test("the kernel's own", () => {
  const stat = parseStat(readFileSync("/proc/self/stat", "utf8"));
  expect(stat).toMatchObject({ state: "R", parent: process.ppid });
  expect(stat?.name).toBe(readFileSync("/proc/self/comm", "utf8").slice(0, -1));
});
