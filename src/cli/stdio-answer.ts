// What a plugin's tap of `stdio` answered, held against the type: plugins may be JavaScript.

import type { Stdio } from "../config/stdio-choice.ts";
import { BoxError } from "../errors.ts";
import { logNames } from "../plan/log-layout.ts";
import { longestSocketPath } from "../plan/send-descriptor.ts";

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
const isPath = (value: unknown): value is string => typeof value === "string" && /^\/[^\0]*[^/\0]$/.test(value);
const isCount = (value: unknown, least: number, most: number): boolean =>
  Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;

/** Each file's renaming is a step of the plan. */
const FILES_MAX = 100;
/** limits.h */
const NAME_MAX = 255;
/** A field of the journal (systemd.journal-fields(7)) whose value is one line. */
const isField = ([name, value]: [string, unknown]): boolean =>
  /^[A-Z][A-Z0-9_]{0,63}$/.test(name) && typeof value === "string" && !/[\n\0]/.test(value);

/** Throws a BoxError for what is no Stdio. */
export function checkStdioAnswer(answer: unknown): Stdio {
  const problem = problemOf(answer);
  if (problem !== undefined) throw new BoxError({ what: `that is no choice for stdio: ${problem}` });
  return answer as Stdio;
}

function problemOf(answer: unknown): string | undefined {
  if (!isRecord(answer)) return "it is no object";
  const { kind, driver } = answer;
  if (kind === "inherit") return undefined;
  if (kind === "file") return problemOfFile(answer);
  if (kind !== "supervised") return "kind is none of inherit, file, supervised";
  if (driver === "local") return problemOfLog(answer);
  return driver === "journald" ? problemOfJournal(answer) : "driver is none of local, journald";
}

function problemOfFile({ path, stderrPath }: Record<string, unknown>): string | undefined {
  if (!isPath(path)) return "path is no absolute path of a file";
  return stderrPath === undefined || isPath(stderrPath) ? undefined : "stderrPath is no absolute path of a file";
}

function problemOfLog({ path, maxBytes, files }: Record<string, unknown>): string | undefined {
  if (path !== undefined && !isPath(path)) return "path is no absolute path of a file";
  if (!isCount(maxBytes, 1, Number.MAX_SAFE_INTEGER)) return "maxBytes is no number of bytes";
  if (!isCount(files, 1, FILES_MAX)) return `files is no number from 1 to ${FILES_MAX}`;
  // A name that is too long could not be moved on to, and the log would grow for ever.
  const oldest = path === undefined ? "" : (logNames(path.slice(path.lastIndexOf("/") + 1), files as number).at(-1) ?? "");
  return new TextEncoder().encode(oldest).length > NAME_MAX ? `the name ${oldest} is longer than ${NAME_MAX} bytes` : undefined;
}

function problemOfJournal({ socket, fields }: Record<string, unknown>): string | undefined {
  if (!isPath(socket) || new TextEncoder().encode(socket).length > longestSocketPath) return "socket is no path of a socket";
  return isRecord(fields) && Object.entries(fields).every(isField) ? undefined : "fields has a name or a value that the journal refuses";
}
