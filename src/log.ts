// Where box's messages go besides stderr: what --log, --log-format and --log-level say. Kept for whoever has something
// to tell (src/execute/tell.ts); no file is opened before there is, since most starts have nothing to say.

export type Log = {
  /** --log; undefined: stderr alone. */
  readonly file: string | undefined;
  readonly format: "text" | "json";
  /** What is told: errors alone, warnings too, or the system calls before an error as well. */
  readonly level: "error" | "warning" | "debug";
};

let current: Log = { file: undefined, format: "text", level: "warning" };

export function setLog(log: Log): void {
  current = log;
}

export const currentLog = (): Log => current;
