// The rest of a trace: how long the program ran, and what its end took box.

import { monotonic } from "../execute/monotonic.ts";
import { reportTrace } from "./report-trace.ts";
import type { Span, TraceRecord } from "./trace-record.ts";

/** `text` is the record that the start left; what is returned is called when all is removed, and tells it. */
export function endTrace(text: string): () => void {
  const { began, spans, ...record } = JSON.parse(text) as TraceRecord;
  const ended = monotonic() - began;
  const started = Math.max(...spans.map(({ end }) => end));
  return () => {
    const program: Span = { actor: "program", name: "run", begin: started, end: ended };
    const removal: Span = { actor: "box", name: "remove what is left", begin: ended, end: monotonic() - began };
    reportTrace({ ...record, began, spans: [...spans, program, removal] });
  };
}
