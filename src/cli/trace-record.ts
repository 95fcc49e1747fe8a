// What a traced start has found out: spans of time, as they lie in the state folder until the container has ended.

export type Span = {
  readonly actor: "box" | "stage" | "init" | "program";
  readonly name: string;
  /** In microseconds since box had read its flags. */
  readonly begin: number;
  readonly end: number;
  /** For a step: its number in `box plan`, where it comes from and why. */
  readonly step?: { readonly number: number; readonly origin: string; readonly why: string };
};

export type TraceRecord = {
  /** Absolute path of the file for Chrome's trace viewer and Perfetto; without it a table is printed. */
  readonly file?: string;
  /** CLOCK_MONOTONIC when box had read its flags, in microseconds. */
  readonly began: number;
  readonly spans: readonly Span[];
};
