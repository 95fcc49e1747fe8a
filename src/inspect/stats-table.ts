// The table of box stats: which columns there is room for, and what stands in them. Pure.

import type { Sample } from "./container-sample.ts";
import { sparkline } from "./sparkline.ts";
import { type Cell, renderTable, type TableStyle } from "./table.ts";

/** Puts a number of bytes into words. */
export type BytesText = (bytes: number) => string;

type StatsColumn = {
  readonly title: string;
  /** So that the table does not move while it is watched. */
  readonly width: number;
  /** The least room for the whole table that it is shown in; a column without it always is. */
  readonly from?: number;
  /** Instead of it from there on. */
  readonly until?: number;
  readonly cell: (sample: Sample, bytes: BytesText) => Cell;
};

const NOTHING = "-";
/** Memory above this share of the limit is marked. */
const NEARLY_FULL = 0.9;

const shown = (value: number | undefined, text: (value: number) => string): string => (value === undefined ? NOTHING : text(value));
const sum = (one: number | undefined, other: number | undefined): number | undefined =>
  one === undefined || other === undefined ? undefined : one + other;
const bytesColumn = (title: string, from: number, of: (sample: Sample) => number | undefined, until?: number): StatsColumn => ({
  title,
  width: 8,
  from,
  ...(until === undefined ? {} : { until }),
  cell: (sample, bytes) => shown(of(sample), bytes),
});
const TREND_WIDTH = 8;
/** A trend of less than this looks like none. */
const TREND_LEAST_PERCENT = 10;

const columns: readonly StatsColumn[] = [
  { title: "CPU", width: 7, cell: cpuCell },
  { title: "TREND", width: TREND_WIDTH, from: 48, cell: ({ history }) => sparkline(history, TREND_WIDTH, TREND_LEAST_PERCENT) },
  { title: "MEMORY", width: 8, cell: memoryCell },
  bytesColumn("LIMIT", 58, ({ usage }) => usage?.memory?.limit),
  bytesColumn("PEAK", 130, ({ usage }) => usage?.memory?.peak),
  { title: "PIDS", width: 4, from: 36, cell: ({ usage }) => shown(usage?.pids?.count, String) },
  { title: "MAX", width: 6, from: 130, cell: ({ usage }) => shown(usage?.pids?.limit, String) },
  bytesColumn("IO/s", 68, ({ rates }) => sum(rates.read, rates.written), 110),
  bytesColumn("READ/s", 110, ({ rates }) => rates.read),
  bytesColumn("WRITE/s", 110, ({ rates }) => rates.written),
  bytesColumn("NET/s", 78, ({ rates }) => sum(rates.received, rates.sent), 110),
  bytesColumn("RECV/s", 110, ({ rates }) => rates.received),
  bytesColumn("SEND/s", 110, ({ rates }) => rates.sent),
];

/** Why there is no number, where there is none. */
function cpuCell({ status, rates }: Sample): Cell {
  if (status !== "running") return { text: status, mark: status === "paused" };
  return shown(rates.cpuPercent, (percent) => `${percent < 1000 ? percent.toFixed(1) : Math.round(percent)}%`);
}

function memoryCell({ usage }: Sample, bytes: BytesText): Cell {
  const { memory } = usage ?? {};
  if (memory === undefined) return NOTHING;
  return { text: bytes(memory.bytes), mark: memory.limit !== undefined && memory.bytes > memory.limit * NEARLY_FULL };
}

const LEAST_ID_WIDTH = 9;

/** As wide as `style` says at most; without a width, with every column. */
export function statsTable(samples: readonly Sample[], style: TableStyle, bytes: BytesText, trend: boolean): string {
  const room = style.width ?? Number.POSITIVE_INFINITY;
  const fitting = columns.filter(
    ({ title, from = 0, until }) => room >= from && (until === undefined || room < until) && (trend || title !== "TREND"),
  );
  const pad = (cell: Cell, width: number): Cell =>
    typeof cell === "string" ? cell.padStart(width) : { ...cell, text: cell.text.padStart(width) };
  return renderTable(
    [{ title: "CONTAINER", least: LEAST_ID_WIDTH }, ...fitting.map(({ title }) => ({ title, right: true as const }))],
    samples.map((sample) => [sample.id, ...fitting.map(({ cell, width }) => pad(cell(sample, bytes), width))]),
    style,
  );
}

export const sortKeys = ["id", "cpu", "memory", "pids", "io", "net"] as const;
export type SortKey = (typeof sortKeys)[number];

const measures: Readonly<Record<Exclude<SortKey, "id">, (sample: Sample) => number | undefined>> = {
  cpu: ({ rates }) => rates.cpuPercent,
  memory: ({ usage }) => usage?.memory?.bytes,
  pids: ({ usage }) => usage?.pids?.count,
  io: ({ rates }) => sum(rates.read, rates.written),
  net: ({ rates }) => sum(rates.received, rates.sent),
};

/** The largest first; ids in their own order. */
export function sortSamples(samples: readonly Sample[], key: SortKey): readonly Sample[] {
  if (key === "id") return samples;
  const measure = measures[key];
  return [...samples].sort((one, other) => (measure(other) ?? -1) - (measure(one) ?? -1));
}
