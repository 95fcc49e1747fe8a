import { expect, test } from "bun:test";
import type { ProcessEvent } from "../../src/inspect/process-event.ts";
import type { Seen, Traced } from "../../src/inspect/process-tracker.ts";
import { lostRow, type TraceLook, traceHeading, traceObject, traceRows } from "../../src/inspect/trace-lines.ts";

const plain: TraceLook = { width: undefined, coloured: false, extra: false, short: false, epochNs: 0, users: new Map([[1000, "user"]]) };
/** The beginning of 1970 in the time zone of the tests. */
const clock = new Date(5000).toTimeString().slice(0, 8);

const traced = (more: Partial<Traced> = {}): Traced => ({
  pid: 70,
  container: "web",
  command: "/bin/sh -c true",
  was: undefined,
  startNs: 4_000_000_000,
  followed: false,
  startsFor: undefined,
  owner: undefined,
  ...more,
});
const seen = (event: Partial<ProcessEvent>, more: Partial<Seen> = {}): Seen => ({
  event: { kind: "exec", timeNs: 5_000_000_000, pid: 70, tid: 70, ...event },
  process: traced(),
  child: undefined,
  before: undefined,
  ...more,
});
const rows = (one: Seen, look: Partial<TraceLook> = {}): string[] =>
  traceRows(one, { ...plain, ...look }).map((row) => row.replace(`${clock} `, ""));

test("columns as forkstat has them, with the container", () =>
  expect(traceHeading(plain)).toBe("TIME     EVENT      PID CONTAINER    INFO         DURATION PROCESS"));

test("a fork has a row for each of the two", () => {
  const child = traced({ pid: 71 });
  expect(rows(seen({ kind: "fork", child: 71 }, { process: traced({ container: undefined }), child }))).toEqual([
    "fork        70 -            parent                /bin/sh -c true",
    "fork        71 web          child                 /bin/sh -c true",
  ]);
});

const cases: readonly [Partial<ProcessEvent>, string, Partial<Seen>?][] = [
  [{ kind: "exec" }, "exec        70 web                                /bin/sh -c true"],
  [{ kind: "exec" }, "exec        70 web                                ?", { process: traced({ command: undefined }) }],
  [
    { kind: "exec" },
    "exec        70 web                                (/bin/sh -c x)",
    { process: traced({ command: undefined, was: "/bin/sh -c x" }) },
  ],
  [{ kind: "exit", status: 0x300 }, "exit        70 web          exit 3         1.000s /bin/sh -c true"],
  [{ kind: "exit", status: 0x8b }, "exit        70 web          SIGSEGV core   1.000s /bin/sh -c true"],
  [
    { kind: "exit", status: undefined },
    "exit        70 web          ended                 /bin/sh -c true",
    { process: traced({ startNs: undefined }) },
  ],
  [{ kind: "clone", child: 72 }, "clone       72 web          thread                /bin/sh -c true"],
  [{ kind: "comm", comm: "a\u001b[2J" }, "comm        70 web                                sh -> a\\u{1b}[2J", { before: "sh" }],
  [{ kind: "ptrace", tracer: 9 }, "ptrace      70 web          by 9                  /bin/sh -c true"],
  [{ kind: "ptrace", tracer: 0 }, "ptrace      70 web          detached              /bin/sh -c true"],
  [{ kind: "uid", ids: { real: 0, effective: 1000 } }, "uid         70 web          user                  /bin/sh -c true"],
  [{ kind: "uid", ids: { real: 0, effective: 7 } }, "uid         70 web          7                     /bin/sh -c true"],
  [{ kind: "gid", ids: { real: 0, effective: 1000 } }, "gid         70 web          1000                  /bin/sh -c true"],
  [{ kind: "sid" }, "sid         70 web          70                    /bin/sh -c true"],
  [{ kind: "core" }, "core        70 web                                /bin/sh -c true"],
];
for (const [event, row, more] of cases) test(row, () => expect(rows(seen(event, more))).toEqual([row]));

test("how long it lived", () => {
  const lives = [0, 0.004, 999.9994, 1000, 86_399, 90_000, 86_400 * 400];
  const shown = lives.map((seconds) =>
    rows(seen({ kind: "exit", status: 0, timeNs: 5e9 }, { process: traced({ startNs: 5e9 - seconds * 1e9 }) }))[0]
      ?.slice(36, 50)
      .trim(),
  );
  expect(shown).toEqual(["0.000s", "0.004s", "999.999s", "0h16m", "23h59m", "1d01h", "400d00h"]);
});

test("a terminal's lines are as wide as it is, at most", () => {
  const one = seen({ kind: "exec" }, { process: traced({ command: "x".repeat(200), container: "c".repeat(30) }) });
  for (const width of [40, 80, 100, 150]) {
    const [row = ""] = traceRows(one, { ...plain, width });
    expect([width, [...row].length, row.at(-1)]).toEqual([width, width, "…"]);
  }
  expect(traceRows(one, { ...plain, width: 80 })[0]).toContain(` ${"c".repeat(11)}… `);
  expect(traceRows(one, { ...plain, width: 150 })[0]).toContain(` ${"c".repeat(23)}… `);
});

test("colours are for terminals", () => {
  const [row = ""] = traceRows(seen({ kind: "exec" }), { ...plain, width: 80, coloured: true });
  expect(row).toContain("\u001b[36mexec  \u001b[0m");
  expect(Bun.stripANSI(row)).toBe(traceRows(seen({ kind: "exec" }), { ...plain, width: 80 })[0] ?? "");
});

test("short names and owners", () => {
  expect(rows(seen({}), { short: true })).toEqual(["exec        70 web                                sh"]);
  const owned = seen({}, { process: traced({ owner: { uid: 1000, euid: 0, terminal: "pts/3" } }) });
  expect(rows(owned, { extra: true })).toEqual(["exec        70 1000   0      pts/3  web                                /bin/sh -c true"]);
});

test("what is missing", () => {
  expect([1, 2].map((count) => lostRow(count, 5000, plain))).toEqual([`${clock} lost   1 event`, `${clock} lost   2 events`]);
});

test("objects for JSON", () => {
  const objects = [
    seen({ kind: "fork", child: 71 }, { process: traced({ container: undefined }), child: traced({ pid: 71 }) }),
    seen({ kind: "exec", tid: 72 }, { before: "sh", process: traced({ command: undefined }) }),
    seen({ kind: "exit", status: 0x300 }),
    seen({ kind: "exit", status: 9 }, { process: traced({ startNs: undefined }) }),
    seen({ kind: "exit" }, { process: traced({ startNs: undefined }) }),
    seen({ kind: "ptrace", tracer: 0 }),
    seen({ kind: "uid", ids: { real: 1, effective: 2 } }),
  ].map((one) => JSON.stringify(traceObject(one, 0)).replace('{"time":"1970-01-01T00:00:05.000Z","event":', ""));
  expect(objects).toEqual([
    '"fork","pid":70,"container":"web","command":"/bin/sh -c true","child":71}',
    '"exec","pid":70,"tid":72,"container":"web","command":null,"before":"sh"}',
    '"exit","pid":70,"container":"web","command":"/bin/sh -c true","code":3,"durationMs":1000}',
    '"exit","pid":70,"container":"web","command":"/bin/sh -c true","signal":"SIGKILL","core":false}',
    '"exit","pid":70,"container":"web","command":"/bin/sh -c true","code":null}',
    '"ptrace","pid":70,"container":"web","command":"/bin/sh -c true","tracer":null}',
    '"uid","pid":70,"container":"web","command":"/bin/sh -c true","real":1,"effective":2}',
  ]);
});
