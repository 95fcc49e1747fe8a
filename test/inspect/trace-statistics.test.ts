import { expect, test } from "bun:test";
import type { EventKind } from "../../src/inspect/process-event.ts";
import type { Traced } from "../../src/inspect/process-tracker.ts";
import { renderTable } from "../../src/inspect/table.ts";
import { newTraceStatistics, statisticsTable } from "../../src/inspect/trace-statistics.ts";

function counted(
  ...events: readonly (readonly [EventKind, command: string | undefined, container?: string | undefined, child?: string])[]
) {
  const statistics = newTraceStatistics();
  for (const [kind, command, container, child] of events) {
    const of = (id: string | undefined): Traced => ({
      pid: 1,
      container: id,
      command,
      startNs: 0,
      followed: false,
      was: undefined,
      startsFor: undefined,
      owner: undefined,
    });
    statistics.add({
      event: { kind, timeNs: 0, pid: 1, tid: 1 },
      process: of(container),
      child: child === undefined ? undefined : of(child),
      before: undefined,
    });
  }
  return statistics.counts();
}

test("by command and container, the busiest first, and no column without a number", () => {
  const counts = counted(
    ["exec", "/bin/ls -l"],
    ["fork", "sh -c x", "web"],
    ["exit", "sh -c y", "web"],
    ["exit", "sh", "web"],
    ["fork", "box run", undefined, "web"],
    ["exec", undefined],
  );
  const { columns, rows } = statisticsTable(counts);
  expect(renderTable(columns, rows, { width: 80, colour: false }).split("\n")).toEqual([
    "FORK  EXEC  EXIT  TOTAL  CONTAINER  PROCESS",
    "   1     0     2      3  web        sh",
    "   0     1     0      1  -          ?",
    "   1     0     0      1  web        box",
    "   0     1     0      1  -          ls",
  ]);
});

test("nothing happened", () => {
  const { columns, rows } = statisticsTable(counted());
  expect([columns.map(({ title }) => title), rows]).toEqual([["TOTAL", "CONTAINER", "PROCESS"], []]);
});
