import { expect, test } from "bun:test";
import { chromeTrace, traceTable } from "../../src/cli/report-trace.ts";
import type { Span } from "../../src/cli/trace-record.ts";

const spans: Span[] = [
  { actor: "program", name: "run", begin: 9000, end: 1_009_000 },
  { actor: "box", name: "mkdirat", begin: 2000, end: 2012.5, step: { number: 7, origin: "id", why: "make the \u001b[31mfolder" } },
  { actor: "box", name: "state", begin: 2000, end: 4000 },
  { actor: "init", name: "mounts", begin: 3500.25, end: 8000 },
];

test("a table in the order of time, a phase before its first step, and nothing that writes to the terminal", () =>
  expect(traceTable(spans).split("\n")).toEqual([
    "  begin ms    took ms",
    "     2.000      2.000  box: state",
    "     2.000      0.013       7  mkdirat: id: make the \\u{1b}[31mfolder",
    "     3.500      4.500  init: mounts",
    "     9.000   1000.000  program: run",
  ]));

test("as the trace format has it: complete events in microseconds, a thread for each actor", () => {
  const { traceEvents, displayTimeUnit } = chromeTrace(spans);
  expect(displayTimeUnit).toBe("ms");
  expect(traceEvents.slice(0, 5)).toEqual([
    { ph: "M", name: "process_name", pid: 1, args: { name: "box run" } },
    { ph: "M", name: "thread_name", pid: 1, tid: 1, args: { name: "box" } },
    { ph: "M", name: "thread_name", pid: 1, tid: 2, args: { name: "stage" } },
    { ph: "M", name: "thread_name", pid: 1, tid: 3, args: { name: "init" } },
    { ph: "M", name: "thread_name", pid: 1, tid: 4, args: { name: "program" } },
  ]);
  expect(traceEvents.slice(5)).toEqual([
    { ph: "X", name: "state", cat: "phase", pid: 1, tid: 1, ts: 2000, dur: 2000 },
    {
      ph: "X",
      name: "mkdirat",
      cat: "step",
      pid: 1,
      tid: 1,
      ts: 2000,
      dur: 12.5,
      args: { number: 7, origin: "id", why: "make the \u001b[31mfolder" },
    },
    { ph: "X", name: "mounts", cat: "phase", pid: 1, tid: 3, ts: 3500.25, dur: 4499.75 },
    { ph: "X", name: "run", cat: "phase", pid: 1, tid: 4, ts: 9000, dur: 1_000_000 },
  ]);
});
