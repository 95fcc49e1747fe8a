import { expect, test } from "bun:test";
import { readControlFile } from "../../src/cgroup/control-files.ts";
import { exactJson } from "../../src/cgroup/statistics.ts";
import { type CgroupFiles, cgroupObjects, cgroupTable, durationText, newRates } from "../../src/inspect/cgroup-table.ts";

const bytes = (value: number): string => `${value} B`;
const style = { width: 60, colour: false };

const cgroup = (path: string, files: Readonly<Record<string, string>>): CgroupFiles => ({
  version: 2,
  path,
  files: Object.entries(files).map(([name, text]) => ({ name, entries: readControlFile(name, text) })),
});

test("files below their cgroup, values with units", () => {
  const cgroups = [
    cgroup("/sys/fs/cgroup/a", { "memory.current": "10\n", "cpu.stat": "usage_usec 1500\nnr_periods 2\n", "cpuset.cpus": "0-1\n" }),
    cgroup("/sys/fs/cgroup/\u001b[2J", { "cpu.pressure": "some avg10=0.22 total=42\n" }),
  ];
  expect(cgroupTable(cgroups, style, bytes).split("\n")).toEqual([
    "  FILE                     VALUE",
    "/sys/fs/cgroup/a",
    "  memory.current           10 B",
    "  cpu.stat usage_usec      1.5 ms",
    "  cpu.stat nr_periods      2",
    "  cpuset.cpus              0-1",
    "/sys/fs/cgroup/\\u{1b}[2J",
    "  cpu.pressure some avg10  0.22%",
    "  cpu.pressure some total  42 µs",
  ]);
});

test("no line is wider than the terminal", () => {
  const cgroups = [
    cgroup(`/sys/fs/cgroup/${"x".repeat(100)}`, { "cgroup.procs": `${Array.from({ length: 99 }, (_, at) => at).join("\n")}\n` }),
  ];
  for (const width of [20, 40, 80]) {
    const lines = cgroupTable(cgroups, { width, colour: false }, bytes).split("\n");
    expect(lines.filter((line) => Bun.stringWidth(line) > width)).toEqual([]);
    expect(lines.at(-1)).toEndWith("…");
  }
});

test("rates of what counts, from the second look on", () => {
  const at = (usage: number, io: number, peak: number): CgroupFiles[] => [
    cgroup("/c", { "cpu.stat": `usage_usec ${usage}\nnr_periods ${io}\n`, "io.stat": `8:0 rbytes=${io}\n`, "memory.peak": `${peak}\n` }),
  ];
  const rates = newRates();
  const [first, second] = [at(0, 0, 5), at(500_000, 30, 9)];
  const firstRates = rates.look(first, 1000);
  expect(cgroupTable(first, style, bytes, firstRates)).not.toContain("%");
  const secondRates = rates.look(second, 3000);
  expect(cgroupTable(second, style, bytes, secondRates).split("\n")).toEqual([
    "  FILE                 VALUE     RATE",
    "/c",
    "  cpu.stat usage_usec  500 ms   25.0%",
    "  cpu.stat nr_periods  30        15/s",
    "  io.stat 8:0 rbytes   30 B    15 B/s",
    "  memory.peak          9 B",
  ]);
  expect(exactJson(cgroupObjects(second, secondRates))).toBe(
    '[{"version":2,"path":"/c","files":[{"file":"cpu.stat","entries":[{"key":"usage_usec","value":500000,"unit":"us","perSecond":250000},' +
      '{"key":"nr_periods","value":30,"unit":"count","perSecond":15}]},{"file":"io.stat","entries":[{"key":"8:0 rbytes","value":30,"unit":"bytes","perSecond":15}]},' +
      '{"file":"memory.peak","entries":[{"value":9,"unit":"bytes"}]}]}]',
  );
});

test("durations have three digits", () => {
  const shown = [0, 999, 1000, 12_345, 999_499, 999_500, 1e6, 1.5e9, 99.94e9, 99.95e9, 3599e9, 3600e9, 90_000e9].map(durationText);
  expect(shown).toEqual([
    "0 ns",
    "999 ns",
    "1 µs",
    "12.3 µs",
    "999 µs",
    "1 ms",
    "1 ms",
    "1.5 s",
    "99.9 s",
    "1 min 39 s",
    "59 min 59 s",
    "1 h 0 min",
    "25 h 0 min",
  ]);
});
