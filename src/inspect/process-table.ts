// Processes as the table that `ps -ef` prints, for machines without ps(1). Pure but for the reader that it is given;
// which processes, and whether ps(1) is there, is known to src/cli/ps.ts.

import { TICKS_PER_SECOND } from "../host/process-stat.ts";
import { startTimeOf } from "../state/state.ts";
import { escapeControls } from "../tape/escape-controls.ts";
import { commandLine } from "./process-text.ts";

/** The text of a file below /proc or of /etc/passwd; undefined when there is none. */
export type ReadFile = (path: string) => string | undefined;

/** The heading and a line for each process that is still there. `now` decides how a start is written, as ps does it. */
export function processTable(pids: readonly number[], read: ReadFile, now: Date): string {
  const bootSeconds = Number(/^btime (\d+)$/m.exec(read("/proc/stat") ?? "")?.[1] ?? 0);
  const names = userNames(read("/etc/passwd") ?? "");
  const lines = [line("UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD")];
  for (const pid of pids) {
    const stat = read(`/proc/${pid}/stat`);
    const uid = /^Uid:\t(?:\d+\t)(\d+)/m.exec(read(`/proc/${pid}/status`) ?? "")?.[1];
    if (stat === undefined || uid === undefined) continue;
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const started = new Date((bootSeconds + startTimeOf(stat) / TICKS_PER_SECOND) * 1000);
    // Fields 14 and 15 of proc_pid_stat(5); the first one here is field 3.
    const usedSeconds = (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
    const livedSeconds = Math.max((now.getTime() - started.getTime()) / 1000, 1 / TICKS_PER_SECOND);
    const share = Math.min(Math.floor((usedSeconds * 100) / livedSeconds), 99);
    const name = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
    const command = escapeControls(commandLine(read(`/proc/${pid}/cmdline`) ?? "", name));
    const times = [startOf(started, now), terminalOf(Number(fields[4])), durationOf(Math.floor(usedSeconds))] as const;
    lines.push(line(names.get(uid) ?? uid, String(pid), fields[1] ?? "", String(share), ...times, command));
  }
  return lines.join("\n");
}

const line = (uid: string, pid: string, parent: string, share: string, start: string, terminal: string, time: string, command: string) =>
  `${uid.padEnd(8)} ${pid.padStart(7)} ${parent.padStart(7)} ${share.padStart(2)} ${start} ${terminal.padEnd(8)} ${time.padStart(8)} ${command}`;

/** By uid. A name that is longer than the column is left out, so that the number stands there. */
function userNames(passwd: string): Map<string, string> {
  const names = new Map<string, string>();
  for (const entry of passwd.split("\n")) {
    const [name = "", , uid = ""] = entry.split(":");
    if (name !== "" && name.length <= 8 && !names.has(uid)) names.set(uid, name);
  }
  return names;
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (value: number): string => String(value).padStart(2, "0");

/** `09:33` today, `Nov26` this year, ` 2025` before. */
function startOf(start: Date, now: Date): string {
  if (start.toDateString() === now.toDateString()) return `${two(start.getHours())}:${two(start.getMinutes())}`;
  if (start.getFullYear() === now.getFullYear()) return `${months[start.getMonth()]}${two(start.getDate())}`;
  return ` ${start.getFullYear()}`;
}

/** `00:00:00`, and the days in front once there are some: `2-03:04:05`. */
function durationOf(seconds: number): string {
  const days = Math.floor(seconds / 86_400);
  const clock = [Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(":");
  return days === 0 ? clock : `${days}-${clock}`;
}

/** Field 7, tty_nr: the minor number in bits 31 to 20 and 7 to 0, the major in 15 to 8 (Documentation/admin-guide/devices.txt). */
export function terminalOf(number: number): string {
  const major = (number >>> 8) & 0xff;
  const minor = ((number >>> 12) & 0xfff00) | (number & 0xff);
  if (major >= 136 && major <= 143) return `pts/${(major - 136) * 256 + minor}`;
  if (major === 4) return minor < 64 ? `tty${minor}` : `ttyS${minor - 64}`;
  return "?";
}
