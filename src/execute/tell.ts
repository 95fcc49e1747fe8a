// Errors and warnings to stderr and to the log. The clients read the log, in runc's shapes: Docker and containerd take
// its last error, podman the whole file, which has to be one JSON value. So a message is one record, however many lines
// a person sees. Loaded when there is something to tell.

import type { Errno } from "../linux/errno.ts";
import { errnoName } from "../linux/errno-name.ts";
import { errnoText } from "../linux/errno-text.ts";
import { currentLog } from "../log.ts";
import { appendText } from "./write-text.ts";

/** `lines`: as a person is to read them, each with its `box: ` or `hint: ` in front. */
export function tell(level: "error" | "warning", lines: readonly string[]): void {
  const { file, format, level: wanted } = currentLog();
  if (level === "warning" && wanted === "error") return;
  const message = lines.map((line) => line.replace(/^box: (warning: )?/, "")).join("; ");
  const record = format === "json" ? jsonRecord(level, message) : textRecord(level, message);
  if (file === undefined && format === "json") return console.error(record);
  for (const line of lines) console.error(line);
  const failed = file === undefined ? 0 : appendText(file, `${record}\n`);
  if (failed === 0) return;
  const errno = errnoName(-failed);
  console.error(`box: --log: cannot write to ${file}: ${errno} (${errnoText(errno as Errno)})`);
}

/** RFC 3339, in whole seconds. */
const now = (): string => `${new Date().toISOString().slice(0, 19)}Z`;

const jsonRecord = (level: string, msg: string): string => JSON.stringify({ level, msg, time: now() });

const textRecord = (level: string, message: string): string => `time="${now()}" level=${level} msg=${JSON.stringify(message)}`;
