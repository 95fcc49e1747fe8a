// Control files as people read them: values with their units, what counts with its rate, below the cgroup they are in. Pure.

import type { Entry, Unit } from "../cgroup/control-files.ts";
import { escapeControls } from "../tape/escape-controls.ts";
import type { BytesText } from "./stats-table.ts";
import { cut, renderTable, type TableStyle } from "./table.ts";

export type ControlFile = { readonly name: string; readonly entries: readonly Entry[] };
export type CgroupFiles = { readonly version: 1 | 2; readonly path: string; readonly files: readonly ControlFile[] };

/** How much a number has grown each second since the look before; undefined for one that does not count, or is new. */
export type RateOf = (path: string, file: string, entry: Entry) => number | undefined;

/** Compares each look with the one before it. */
export function newRates(): { readonly look: (cgroups: readonly CgroupFiles[], atMs: number) => RateOf } {
  const keyOf = (path: string, file: string, entry: Entry): string => `${path}/${file} ${entry.key}`;
  let before = new Map<string, bigint>();
  let beforeMs = 0;
  return {
    look(cgroups, atMs) {
      const [then, seconds] = [before, (atMs - beforeMs) / 1000];
      const now = new Map<string, bigint>();
      for (const { path, files } of cgroups)
        for (const { name, entries } of files)
          for (const entry of entries) if (entry.counts && typeof entry.value === "bigint") now.set(keyOf(path, name, entry), entry.value);
      before = now;
      beforeMs = atMs;
      return (path, file, entry) => {
        const old = then.get(keyOf(path, file, entry));
        return old === undefined || typeof entry.value !== "bigint" || seconds <= 0 ? undefined : Number(entry.value - old) / seconds;
      };
    },
  };
}

/** `rateOf` is left out where there was one look. */
export function cgroupTable(cgroups: readonly CgroupFiles[], style: TableStyle, bytes: BytesText, rateOf?: RateOf): string {
  const rowsOf = ({ path, files }: CgroupFiles): string[][] =>
    files.flatMap(({ name, entries }) =>
      entries.map((entry) => {
        const rate = rateOf?.(path, name, entry);
        const rates = rateOf === undefined ? [] : [rate === undefined ? "" : rateText(rate, entry.unit, bytes)];
        return [`  ${name}${entry.key === "" ? "" : ` ${entry.key}`}`, valueText(entry, bytes), ...rates];
      }),
    );
  const rates = rateOf === undefined ? [] : [{ title: "RATE", right: true as const }];
  const columns = [{ title: "  FILE" }, { title: "VALUE", least: 12 }, ...rates];
  const [heading = "", ...lines] = renderTable(columns, cgroups.flatMap(rowsOf), style).split("\n");
  const out = [heading];
  for (const one of cgroups) {
    const path = escapeControls(one.path);
    out.push(style.width === undefined ? path : cut(path, style.width), ...lines.splice(0, rowsOf(one).length));
  }
  return out.join("\n");
}

/** Nanoseconds of one. */
const times: Readonly<Partial<Record<Unit, number>>> = { ns: 1, us: 1000, ticks: 10_000_000 };

function valueText({ value, unit }: Entry, bytes: BytesText): string {
  if (typeof value === "string") return value;
  const time = times[unit];
  if (time !== undefined && value >= 0) return durationText(Number(value) * time);
  if (unit === "bytes" && value >= 0) return bytes(Number(value));
  return unit === "percent" ? `${value}%` : String(value);
}

/** Of a time, the share of each second that it grows by: 100% is one CPU, or one task that waits. */
function rateText(rate: number, unit: Unit, bytes: BytesText): string {
  const time = times[unit];
  if (time !== undefined) return `${((rate * time) / 1e7).toFixed(1)}%`;
  return unit === "bytes" ? `${bytes(rate)}/s` : `${Number(rate.toFixed(1))}/s`;
}

/** With three digits, as bytes have: `12 µs`, `3.45 ms`, `67.8 s`, `2 h 3 min`. */
export function durationText(nanoseconds: number): string {
  const three = (value: number): string => String(Number(value.toPrecision(3)));
  if (nanoseconds < 1e3) return `${nanoseconds} ns`;
  if (nanoseconds < 999.5e3) return `${three(nanoseconds / 1e3)} µs`;
  if (nanoseconds < 999.5e6) return `${three(nanoseconds / 1e6)} ms`;
  if (nanoseconds < 99.95e9) return `${three(nanoseconds / 1e9)} s`;
  const minutes = Math.floor(nanoseconds / 60e9);
  return minutes < 60 ? `${minutes} min ${Math.floor((nanoseconds / 1e9) % 60)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** As JSON. */
export const cgroupObjects = (cgroups: readonly CgroupFiles[], rateOf?: RateOf): readonly object[] =>
  cgroups.map(({ version, path, files }) => ({
    version,
    path,
    files: files.map(({ name, entries }) => ({
      file: name,
      entries: entries.map((entry) => {
        const { key, value, unit } = entry;
        const perSecond = rateOf?.(path, name, entry);
        return { ...(key === "" ? {} : { key }), value, unit, ...(perSecond === undefined ? {} : { perSecond }) };
      }),
    })),
  }));
