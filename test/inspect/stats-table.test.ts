import { expect, test } from "bun:test";
import { type Reading, type Sample, sampleOf } from "../../src/inspect/container-sample.ts";
import { sortSamples, statsTable } from "../../src/inspect/stats-table.ts";

const GIGABYTE = 1024 ** 3;
const bytes = (value: number): string => (value >= GIGABYTE ? `${value / GIGABYTE} GiB` : `${Math.round(value)} B`);

function sample(id: string, { cpuPercent = 0, memory = 5, status = "running", pids = 1 } = {}): Sample {
  const usage = {
    cpuNs: 0,
    memory: { bytes: memory, limit: GIGABYTE, peak: memory },
    pids: { count: pids, limit: 64 },
    io: { read: 0, written: 0 },
    pressure: {},
  };
  const reading: Reading = { id, status, pid: 5, atMs: 0, usage, network: { received: 0, sent: 0 } };
  const later = {
    ...reading,
    atMs: 1000,
    usage: { ...usage, cpuNs: cpuPercent * 1e7, io: { read: 10, written: 20 } },
    network: { received: 1, sent: 2 },
  };
  return sampleOf(later, sampleOf(reading, undefined));
}

const style = (width: number | undefined, colour = false) => ({ width, colour });

test("what fits 80 columns", () => {
  const table = statsTable([sample("web", { cpuPercent: 12.34 }), sample("db", { status: "paused" })], style(80), bytes, true);
  expect(table.split("\n")).toEqual([
    "CONTAINER      CPU     TREND    MEMORY     LIMIT  PIDS      IO/s     NET/s",
    "web          12.3%         █       5 B     1 GiB     1      30 B       3 B",
    "db          paused         ▁       5 B     1 GiB     1      30 B       3 B",
  ]);
});

test("columns come and go with the width, and no line is wider than the terminal", () => {
  const samples = [sample("a-container-with-a-long-name-that-is-cut-first"), sample("b")];
  const headings = [20, 34, 36, 48, 58, 68, 78, 110, 130, 200, undefined].map((width) => {
    const lines = statsTable(samples, style(width), bytes, true).split("\n");
    if (width !== undefined) expect(lines.filter((line) => Bun.stringWidth(line) > width)).toEqual([]);
    return (lines[0] ?? "").split(/\s+/).slice(1).join(" ");
  });
  expect(headings).toEqual([
    "CPU",
    "CPU MEMORY",
    "CPU MEMORY PIDS",
    "CPU TREND MEMORY PIDS",
    "CPU TREND MEMORY LIMIT PIDS",
    "CPU TREND MEMORY LIMIT PIDS IO/s",
    "CPU TREND MEMORY LIMIT PIDS IO/s NET/s",
    "CPU TREND MEMORY LIMIT PIDS READ/s WRITE/s RECV/s SEND/s",
    "CPU TREND MEMORY LIMIT PEAK PIDS MAX READ/s WRITE/s RECV/s SEND/s",
    "CPU TREND MEMORY LIMIT PEAK PIDS MAX READ/s WRITE/s RECV/s SEND/s",
    "CPU TREND MEMORY LIMIT PEAK PIDS MAX READ/s WRITE/s RECV/s SEND/s",
  ]);
  expect(statsTable(samples, style(200), bytes, false)).not.toContain("TREND");
});

test("colours mark what is paused, and memory near its limit", () => {
  const coloured = statsTable(
    [sample("a", { status: "paused" }), sample("b", { memory: GIGABYTE * 0.95 }), sample("c")],
    style(80, true),
    bytes,
    false,
  ).split("\n");
  expect(coloured.slice(1).map((line) => line.split("\u001b[31m").length - 1)).toEqual([1, 1, 0]);
  expect(statsTable([sample("a", { status: "paused" })], style(80), bytes, false)).not.toContain("\u001b");
});

test("nothing to say is a dash", () => {
  const stopped = sampleOf({ id: "x", status: "stopped", pid: 0, atMs: 0, usage: undefined, network: undefined }, undefined);
  expect(statsTable([stopped], style(80), bytes, false).split("\n")[1]?.split(/\s+/)).toEqual(["x", "stopped", "-", "-", "-", "-", "-"]);
});

test("order: the largest first", () => {
  const samples = [sample("a", { cpuPercent: 1, memory: 9, pids: 2 }), sample("b", { cpuPercent: 5, memory: 3, pids: 7 })];
  const order = (["id", "cpu", "memory", "pids", "io", "net"] as const).map((key) =>
    sortSamples(samples, key)
      .map(({ id }) => id)
      .join(""),
  );
  expect(order).toEqual(["ab", "ba", "ab", "ba", "ab", "ab"]);
});
