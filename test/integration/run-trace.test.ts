// box run --trace: the times of a start and of a run, as a table and as a file.

import { expect } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { PlannedStep } from "../../src/plan/print-plan.ts";
import { Bundle, ended, linesOf, machine, type Outcome, testWith } from "./harness.ts";

const test = testWith();

type Line = { readonly begin: number; readonly took: number; readonly what: string };
/** The lines of a table below its heading. */
function tableIn(stderr: string): Line[] {
  const [heading, ...lines] = linesOf(stderr);
  expect(heading).toBe("  begin ms    took ms");
  return lines.map((line) => {
    const match = /^ *(\d+\.\d{3}) +(\d+\.\d{3}) {2}(.*)$/.exec(line);
    if (match === null) throw new Error(`no line of a table: ${line}`);
    return { begin: Number(match[1]), took: Number(match[2]), what: match[3] as string };
  });
}

const run = (bundle: Bundle, script: string, ...flags: string[]): Promise<Outcome> =>
  bundle.box(["run", ...flags, bundle.id, "sh", "-c", script]);

test("a table of phases, the numbers of whose steps are the plan's", async () => {
  using bundle = new Bundle();
  const before = machine(bundle);
  const { exitCode, stdout, stderr } = await run(bundle, "echo ran; exit 3", "--trace");
  expect([exitCode, stdout]).toEqual([3, "ran\n"]);
  const lines = tableIn(stderr);
  expect(lines.map(({ begin }) => begin)).toEqual(lines.map(({ begin }) => begin).toSorted((one, other) => one - other));
  const phases = lines.flatMap(({ what }) => (/^ *\d+ {2}/.test(what) ? [] : [what]));
  expect(lines[0]?.begin).toBe(0);
  expect(phases.slice(0, 4)).toEqual([
    "box: read and check the configuration",
    "box: plan",
    "box: compile",
    "box: state, cgroups and the child",
  ]);
  expect(phases).toContain("init: mounts");
  expect(phases).toContain("box: let it run");
  expect(phases.slice(-2)).toEqual(["program: run", "box: remove what is left"]);
  const { stdout: json } = await bundle.box(["plan", "--json", bundle.id, "sh", "-c", "echo ran; exit 3"]);
  const { steps } = JSON.parse(json) as { steps: PlannedStep[] };
  const traced = lines.flatMap(({ what }) => (/^ *\d+ {2}/.test(what) ? [what.trim()] : []));
  const planned = steps.map(({ number, call, origin, why }) => `${number}  ${call}: ${origin}: ${why}`);
  expect(traced.filter((one) => !planned.includes(one))).toEqual([]);
  // The whole of box's tape up to the program is there, in order.
  const sections = ["state, cgroups and the child", "init in /proc", "terminal and state", "let it run"];
  const own = steps.filter(({ actor, section, of }) => actor === "box" && of === undefined && sections.includes(section));
  expect(traced).toEqual(own.map(({ number, call, origin, why }) => `${number}  ${call}: ${origin}: ${why}`));
  expect(machine(bundle)).toEqual(before);
});

test("a run that outlasts box's patience, and what it took", async () => {
  using bundle = new Bundle();
  const { stderr } = await run(bundle, "sleep 0.3", "--trace");
  const program = tableIn(stderr).find(({ what }) => what === "program: run");
  expect(program?.took).toBeGreaterThanOrEqual(300);
});

test("a file for Perfetto, and nothing on stderr", async () => {
  using bundle = new Bundle();
  const before = machine(bundle);
  expect(await run(bundle, "exit 4", "--trace=times.json")).toEqual({ exitCode: 4, stdout: "", stderr: "" });
  const { traceEvents } = JSON.parse(readFileSync(`${bundle.folder}/times.json`, "utf8")) as {
    traceEvents: { ph: string; name: string; tid: number; ts: number; dur: number; args?: { number: number } }[];
  };
  const complete = traceEvents.filter(({ ph }) => ph === "X");
  expect(complete.every(({ ts, dur }) => ts >= 0 && dur >= 0)).toBe(true);
  expect(complete.some(({ name, args }) => name === "clone3" && args !== undefined)).toBe(true);
  const mounts = complete.find(({ name }) => name === "mounts");
  const clone = complete.find(({ name }) => name === "clone3");
  // The child works after the clone that made it has begun, in a thread of its own.
  expect([mounts?.tid, clone?.tid, (mounts?.ts ?? 0) > (clone?.ts ?? Infinity)]).toEqual([3, 1, true]);
  expect(machine(bundle)).toEqual(before);
});

test("hooks of plugins are phases", async () => {
  using bundle = new Bundle();
  writeFileSync(
    `${bundle.folder}/own.js`,
    'export default { name: "own", apply: (hooks) => hooks.prestart.tap("own", () => Bun.sleepSync(20)) };',
  );
  const { stderr } = await run(bundle, "true", "--trace", "--plugin", "./own.js");
  expect(tableIn(stderr).find(({ what }) => what === "box: hook prestart")?.took).toBeGreaterThanOrEqual(20);
});

test("detached, the start alone, at once", async () => {
  using bundle = new Bundle();
  const { exitCode, stderr } = await run(bundle, "exec sleep 1000", "--trace", "--detach");
  const phases = tableIn(stderr).map(({ what }) => what);
  expect([exitCode, phases.includes("init: program"), phases.includes("program: run")]).toEqual([0, true, false]);
  process.kill(bundle.initPid, "SIGKILL");
  await ended(bundle.initPid);
});

test("refused: a file that cannot be written, before anything is made", async () => {
  using bundle = new Bundle();
  const before = machine(bundle);
  expect(await run(bundle, "true", "--trace=/nowhere/times.json")).toEqual({
    exitCode: 125,
    stdout: "",
    stderr: "box: --trace: cannot write /nowhere/times.json: ENOENT (no such file or directory)\n",
  });
  expect(machine(bundle)).toEqual(before);
});

test("a start that fails says so, and leaves a file without events", async () => {
  using bundle = new Bundle();
  const { exitCode, stderr } = await bundle.box(["run", "--trace=times.json", bundle.id, "nosuch"]);
  expect([exitCode, stderr]).toEqual([127, "box: process.args[0]: cannot execute nosuch: executable file not found in $PATH\n"]);
  expect(readFileSync(`${bundle.folder}/times.json`, "utf8")).toBe('{"traceEvents":[]}');
  expect(existsSync(`${bundle.states}/${bundle.id}`)).toBe(false);
});
