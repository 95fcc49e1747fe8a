// Who gets what a container writes to stdout and stderr: the answer of the hook `stdio`, as data that the plan turns into
// steps. Kept in the state as it is, so that box logs and box attach know where to look.

/** A log that the supervisor writes: entries with time and stream (src/plan/log-layout.ts), in files that take turns. */
export type LogFiles = {
  readonly kind: "supervised";
  readonly driver: "local";
  /** Absolute path of the newest file; without it a file in the state folder, which goes with the container. */
  readonly path?: string;
  /** A file of so many bytes is full; the next one is begun. */
  readonly maxBytes: number;
  /** How many files there are at most, the newest included. */
  readonly files: number;
};

/** The system's journal, in its native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL). */
export type Journal = {
  readonly kind: "supervised";
  readonly driver: "journald";
  /** Absolute path of its datagram socket. */
  readonly socket: string;
  /** Of every entry, beside MESSAGE and PRIORITY: CONTAINER_ID and the like. */
  readonly fields: Readonly<Record<string, string>>;
};

export type Stdio =
  /** As box got them. */
  | { readonly kind: "inherit" }
  /** Files that are added to, by the container itself; without `stderrPath` one for both. */
  | { readonly kind: "file"; readonly path: string; readonly stderrPath?: string }
  /** Pipes, or with a terminal its master, that box's supervisor reads. */
  | LogFiles
  | Journal;

export const inherited: Stdio = { kind: "inherit" };

export const isSupervised = (stdio: Stdio): stdio is LogFiles | Journal => stdio.kind === "supervised";
