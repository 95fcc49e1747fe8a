// box run --trace: what took how long. Collects the times of box's own phases and of the steps of its tape, and the child's
// as it noted them in the page that it shares with box. Loaded only when it is asked for.

import { BoxError } from "../errors.ts";
import * as libc from "../execute/libc.ts";
import { makeFile } from "../execute/make-file.ts";
import { monotonic, timeIn } from "../execute/monotonic.ts";
import type { Between, Started } from "../execute/run-container.ts";
import { errnoName } from "../linux/errno-name.ts";
import type { Plan } from "../plan/plan.ts";
import { listSteps } from "../plan/print-plan.ts";
import { traceFile } from "../plan/state-files.ts";
import { type Clock, type TracedPlan, traceSteps } from "../plan/trace-steps.ts";
import { STATUS_ADDRESS } from "../tape/layout.ts";
import type { Step } from "../tape/step.ts";
import { absolute } from "./invocation.ts";
import { reportTrace } from "./report-trace.ts";
import type { Span, TraceRecord } from "./trace-record.ts";

export type Tracer = {
  /** The plan with clocks in it. */
  readonly plan: (plan: Plan) => Plan;
  /** What has just been done took the time since the last call. */
  readonly mark: (done: string) => void;
  /** The hooks of plugins, with their time taken. */
  readonly between: (between: Between) => Between;
  /** The container runs. `later`: the rest is told at its end, by whoever finishes it. */
  readonly started: (started: Started, folder: string, later: boolean) => Promise<void>;
};

/** `file`: as given; without it the trace is printed. */
export function newTracer(file: string | undefined): Tracer {
  // The process is older, by an amount that nobody keeps: Bun's own clock may have begun in another one (become-kept.ts).
  const began = monotonic();
  const spans: Span[] = [];
  const path = file === undefined ? undefined : absolute(file);
  // What cannot be written is known before the container is made.
  if (path !== undefined) writeOrThrow(path, '{"traceEvents":[]}');
  let traced: TracedPlan | undefined;
  let bare: Plan | undefined;
  let last = began;
  return {
    plan(plan) {
      bare = plan;
      traced = traceSteps(plan);
      return traced.plan;
    },
    mark(done) {
      const now = monotonic();
      spans.push({ actor: "box", name: done, begin: last - began, end: now - began });
      last = now;
    },
    between({ prestart, poststart, ...rest }) {
      const timed =
        (name: string, call: NonNullable<Between["prestart"]>): NonNullable<Between["prestart"]> =>
        async (state) => {
          const begin = monotonic();
          await call(state);
          spans.push({ actor: "box", name, begin: begin - began, end: monotonic() - began });
        };
      return {
        ...rest,
        ...(prestart === undefined ? {} : { prestart: timed("hook prestart", prestart) }),
        ...(poststart === undefined ? {} : { poststart: timed("hook poststart", poststart) }),
      };
    },
    async started({ run }, folder, later) {
      const runs = monotonic();
      if (traced === undefined || bare === undefined) return;
      const { box, child } = await run.program.explain();
      const steps = new Map<Step, Span["step"]>();
      for (const { shown, step } of listSteps(bare)) steps.set(step, { number: shown.number, origin: shown.origin, why: shown.why });
      spans.push(...ownSpans(traced, (clock) => timeIn(libc.bytesAt(box.addressOf(clock.time), 16)) - began, steps));
      const page = run.page ?? new Uint32Array(0);
      const at = (clock: Clock): number =>
        timeIn(new Uint8Array(page.buffer, page.byteOffset + child.addressOf(clock.time) - STATUS_ADDRESS, 16));
      const executed = spans.findLast(({ name }) => name === releaseTitle)?.end ?? runs - began;
      spans.push(...childSpans(traced, (clock) => at(clock) - began, executed));
      const record: TraceRecord = { ...(path === undefined ? {} : { file: path }), began, spans };
      if (later) writeOrThrow(`${folder}/${traceFile}`, JSON.stringify(record));
      else reportTrace(record);
    },
  };
}

const releaseTitle = "let it run";

function writeOrThrow(path: string, text: string): void {
  const written = makeFile(path, text);
  if (written < 0) throw new BoxError({ origin: "--trace", what: "cannot write", object: path, errno: errnoName(-written) });
}

/** Each section, and each of its steps. A clock that was not read belongs to what was not run. */
function ownSpans({ box }: TracedPlan, at: (clock: Clock) => number, steps: ReadonlyMap<Step, Span["step"]>): Span[] {
  const spans: Span[] = [];
  for (const clocks of box) {
    const times = clocks.map((clock) => ({ clock, time: at(clock) })).filter(({ time }) => time > 0);
    const [first, last] = [times[0], times.at(-1)];
    if (first === undefined || last === undefined) continue;
    spans.push({ actor: "box", name: first.clock.section, begin: first.time, end: last.time });
    for (const [index, { clock, time }] of times.entries()) {
      const next = times[index + 1];
      const numbered = clock.step === undefined ? undefined : steps.get(clock.step);
      if (clock.step === undefined || numbered === undefined || next === undefined) continue;
      spans.push({ actor: "box", name: clock.step.call, begin: time, end: next.time, step: numbered });
    }
  }
  return spans;
}

/** Each part of the child's lasts until the next begins, and the last one until box saw the execve. */
function childSpans({ child }: TracedPlan, at: (clock: Clock) => number, executed: number): Span[] {
  const times = child.map((clock) => ({ clock, time: at(clock) })).filter(({ time }) => time > 0 && time <= executed);
  return times.map(({ clock, time }, index): Span => {
    return { actor: clock.actor, name: clock.section, begin: time, end: times[index + 1]?.time ?? executed };
  });
}
