// A trace told: as a table on stderr, or as a file that Chrome's trace viewer and Perfetto open.

import { BoxError } from "../errors.ts";
import { makeFile } from "../execute/make-file.ts";
import { errnoName } from "../linux/errno-name.ts";
import { escapeControls } from "../tape/escape-controls.ts";
import { reportWarning } from "./report-error.ts";
import type { Span, TraceRecord } from "./trace-record.ts";

/** What cannot be written is a warning: the container has run. */
export function reportTrace({ file, spans }: TraceRecord): void {
  if (file === undefined) {
    console.error(traceTable(spans));
    return;
  }
  const written = makeFile(file, JSON.stringify(chromeTrace(spans)));
  if (written < 0) reportWarning(new BoxError({ origin: "--trace", what: "cannot write", object: file, errno: errnoName(-written) }));
}

/** In the order in which they begin, a step below the phase that it is in. */
export function traceTable(spans: readonly Span[]): string {
  const inMs = (time: number): string => (time / 1000).toFixed(3).padStart(10);
  const line = ({ actor, name, begin, end, step }: Span): string => {
    const what = step === undefined ? `${actor}: ${name}` : `${String(step.number).padStart(6)}  ${name}: ${step.origin}: ${step.why}`;
    return `${inMs(begin)} ${inMs(end - begin)}  ${escapeControls(what)}`;
  };
  return ["  begin ms    took ms", ...ordered(spans).map(line)].join("\n");
}

/** With the same beginning the phase comes before its first step. */
const ordered = (spans: readonly Span[]): Span[] =>
  spans.toSorted((one, other) => one.begin - other.begin || (one.step?.number ?? 0) - (other.step?.number ?? 0));

/** A thread for each actor; times in microseconds (the format's "complete events"). */
export function chromeTrace(spans: readonly Span[]): { readonly traceEvents: readonly object[]; readonly displayTimeUnit: "ms" } {
  const threads: readonly Span["actor"][] = ["box", "stage", "init", "program"];
  const names = threads.map((name, index) => ({ ph: "M", name: "thread_name", pid: 1, tid: index + 1, args: { name } }));
  const events = ordered(spans).map(({ actor, name, begin, end, step }) => ({
    ph: "X",
    name,
    cat: step === undefined ? "phase" : "step",
    pid: 1,
    tid: threads.indexOf(actor) + 1,
    ts: begin,
    dur: end - begin,
    ...(step === undefined ? {} : { args: step }),
  }));
  return {
    traceEvents: [{ ph: "M", name: "process_name", pid: 1, args: { name: "box run" } }, ...names, ...events],
    displayTimeUnit: "ms",
  };
}
