// What box trace counts for --stats: events by kind for each command of each container, the busiest first. Pure.

import { type EventKind, eventKinds } from "./process-event.ts";
import type { Seen } from "./process-tracker.ts";
import type { Column } from "./table.ts";
import { shownCommand } from "./trace-lines.ts";

export type CommandCount = {
  readonly container: string | null;
  readonly command: string;
  readonly events: Readonly<Record<EventKind, number>>;
  readonly total: number;
};

export type TraceStatistics = { readonly add: (seen: Seen) => void; readonly counts: () => CommandCount[] };

export function newTraceStatistics(): TraceStatistics {
  type Row = { container: string | null; command: string; events: Record<EventKind, number> };
  const rows = new Map<string, Row>();
  return {
    add({ event, process, child }) {
      const { container = null } = child ?? process;
      const command = shownCommand(process, true);
      const key = `${container ?? ""}\0${command}`;
      const row = rows.get(key) ?? { container, command, events: noEvents() };
      rows.set(key, row);
      row.events[event.kind] += 1;
    },
    counts: () =>
      [...rows.values()]
        .map((row) => ({ ...row, total: Object.values(row.events).reduce((sum, one) => sum + one, 0) }))
        .sort((one, other) => other.total - one.total || (one.command < other.command ? -1 : 1)),
  };
}

const noEvents = (): Record<EventKind, number> => Object.fromEntries(eventKinds.map((kind) => [kind, 0])) as Record<EventKind, number>;

/** Columns as forkstat -S has them, those with a number, and the container. */
export function statisticsTable(counts: readonly CommandCount[]): {
  readonly columns: readonly Column[];
  readonly rows: readonly string[][];
} {
  const shown = eventKinds.filter((kind) => counts.some(({ events }) => events[kind] > 0));
  return {
    columns: [
      ...[...shown, "total"].map((kind) => ({ title: kind.toUpperCase(), right: true as const })),
      { title: "CONTAINER", least: 9 },
      { title: "PROCESS", least: 8 },
    ],
    rows: counts.map(({ events, total, container, command }) => [
      ...[...shown.map((kind) => events[kind]), total].map(String),
      container ?? "-",
      command,
    ]),
  };
}
