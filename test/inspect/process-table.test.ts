import { expect, test } from "bun:test";
import { processTable } from "../../src/inspect/process-table.ts";

const bootSeconds = 1_700_000_000;

type Fake = { pid: number; parent?: number; name?: string; uid?: number; tty?: number; ticks?: number; start?: number; cmdline?: string };

/** A /proc with these processes. `start` is in seconds after boot, `ticks` is used time. */
function proc(processes: readonly Fake[]): Record<string, string> {
  const files: Record<string, string> = {
    "/proc/stat": `cpu 1 2\nbtime ${bootSeconds}\nprocesses 7\n`,
    "/etc/passwd": "root:x:0:0::/:\nsomebodywithalongname:x:1000:1::/:\nnobody:x:65534:1::/:\n",
  };
  for (const { pid, parent = 1, name = "sh", uid = 0, tty = 0, ticks = 0, start = 0, cmdline = "" } of processes) {
    const fields = ["S", parent, 1, 1, tty, -1, 0, 0, 0, 0, 0, ticks, 0, 0, 0, 20, 0, 1, 0, start * 100, 0];
    files[`/proc/${pid}/stat`] = `${pid} (${name}) ${fields.join(" ")}\n`;
    files[`/proc/${pid}/status`] = `Name:\t${name}\nUid:\t5\t${uid}\t5\t5\n`;
    files[`/proc/${pid}/cmdline`] = cmdline;
  }
  return files;
}

/** The table some seconds after boot. */
function table(processes: readonly Fake[], seconds: number, pids = processes.map(({ pid }) => pid)): string[] {
  const files = proc(processes);
  const lines = processTable(pids, (path) => files[path], new Date((bootSeconds + seconds) * 1000)).split("\n");
  expect(lines[0]).toBe("UID          PID    PPID  C STIME TTY          TIME CMD");
  return lines.slice(1);
}

/** Hours and minutes here, wherever that is. */
const clock = (seconds: number): string => new Date((bootSeconds + seconds) * 1000).toTimeString().slice(0, 5);

test("one process", () => {
  expect(table([{ pid: 42, parent: 7, cmdline: "sleep\x001000\0" }], 10)).toEqual([
    `root          42       7  0 ${clock(0)} ?        00:00:00 sleep 1000`,
  ]);
});

test("users by name, or by number where there is none or it is too long", () => {
  const users = [65534, 1000, 4242].map((uid, index) => ({ pid: index + 1, uid, cmdline: "x\0" }));
  expect(table(users, 10).map((line) => line.slice(0, 8).trim())).toEqual(["nobody", "1000", "4242"]);
});

test("used time and its share", () => {
  const used = [
    { pid: 1, ticks: 50_000, cmdline: "x\0" },
    { pid: 2, ticks: 9_999_999, start: 900, cmdline: "x\0" },
  ];
  expect(table(used, 1000)).toEqual([
    `root           1       1 50 ${clock(0)} ?        00:08:20 x`,
    `root           2       1 99 ${clock(900)} ?        1-03:46:39 x`,
  ]);
});

test("terminals", () => {
  const devices = [0, 136 * 256 + 3, 137 * 256, 4 * 256 + 1, 4 * 256 + 65, 5 * 256].map((tty, index) => ({
    pid: index + 1,
    tty,
    cmdline: "x\0",
  }));
  expect(table(devices, 1).map((line) => line.slice(34, 43).trim())).toEqual(["?", "pts/3", "pts/256", "tty1", "ttyS1", "?"]);
});

test("starts of other days and years", () => {
  const days = (count: number): number => count * 86_400;
  const starts = table([{ pid: 1, cmdline: "x\0" }], days(20)).concat(table([{ pid: 1, cmdline: "x\0" }], days(400)));
  const day = new Date(bootSeconds * 1000).toDateString();
  expect(starts.map((line) => line.slice(28, 33))).toEqual([`${day.slice(4, 7)}${day.slice(8, 10)}`, " 2023"]);
});

test("a name in place of a command line, and nothing that could write to the terminal", () => {
  const odd = [
    { pid: 1, name: "a) (b" },
    { pid: 2, cmdline: "a\0\u001b[2J\0" },
    { pid: 3, name: "\u001b[2J" },
  ];
  expect(table(odd, 10).map((line) => line.slice(52))).toEqual(["[a) (b]", "a \\u{1b}[2J", "[\\u{1b}[2J]"]);
});

test("a process that has ended meanwhile is left out", () => {
  expect(table([{ pid: 1, cmdline: "x\0" }], 10, [1, 2])).toHaveLength(1);
});
