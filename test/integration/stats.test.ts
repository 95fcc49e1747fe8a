// box stats: numbers of containers that run, are paused, come and go; on a terminal, in a pipe, for programs; and what it costs.

import { expect } from "bun:test";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { State } from "../../src/state/state.ts";
import { parseExposition } from "../inspect/parse-exposition.ts";
import { asUser, Bundle, binary, type CgroupLayout, inLayout, linesOf, testWith, until } from "./harness.ts";
import { Terminal } from "./terminal.ts";

const test = testWith();
const testAsUser = testWith("setpriv");

type Sample = {
  readonly id: string;
  readonly status: string;
  readonly pid: number | null;
  readonly cpu: { readonly usageNs: number; readonly percent: number | null } | null;
  readonly memory: { readonly bytes: number; readonly limit: number | null } | null;
  readonly pids: { readonly count: number } | null;
  readonly io: object | null;
  readonly network: object | null;
};
const samplesIn = (text: string): Sample[] => JSON.parse(text) as Sample[];
const busy = "echo ready; while :; do :; done";

for (const layout of ["as is", "v1", "v2"] satisfies CgroupLayout[]) {
  const before = inLayout(layout);
  test(`${layout}: what a busy container uses`, async () => {
    using bundle = new Bundle();
    using _running = await bundle.startSh(busy, { before });
    const { exitCode, stdout, stderr } = await bundle.box(["stats", "--json", "--interval", "300ms", bundle.id], { before });
    expect([exitCode, stderr]).toEqual([0, ""]);
    const [sample, ...more] = samplesIn(stdout);
    expect(more).toEqual([]);
    expect(sample).toMatchObject({ id: bundle.id, status: "running", pid: bundle.initPid });
    // How much depends on whatever else runs.
    expect(sample?.cpu?.percent).toBeGreaterThan(0);
    expect(sample?.cpu?.percent).toBeLessThan(110);
    expect(sample?.cpu?.usageNs).toBeGreaterThan(1e6);
    if (layout === "as is")
      expect(sample).toMatchObject({ memory: { bytes: expect.any(Number) }, pids: { count: 1 }, network: { receivedBytes: 0 } });
    // Its cgroups are where they are in this layout alone.
    expect((await bundle.box(["delete", "--force", bundle.id], { before })).exitCode).toBe(0);
  });
}

test("limits, and a paused container; one that has ended is shown when it is named", async () => {
  using bundle = new Bundle(
    (spec) => (spec.linux.resources = { ...spec.linux.resources, memory: { limit: 64 * 1024 * 1024 }, pids: { limit: 20 } }),
  );
  using running = await bundle.startSh("echo ready; sleep 1000");
  await bundle.box(["pause", bundle.id]);
  const { stdout } = await bundle.box(["stats", "--interval", "10ms"]);
  expect(linesOf(stdout)).toEqual([
    expect.stringMatching(/^CONTAINER +CPU +MEMORY +LIMIT +PIDS +IO\/s +NET\/s$/),
    expect.stringMatching(new RegExp(`^${bundle.id} +paused +[\\d.]+ .?i?B +64 MiB +1 +0 B +0 B$`)),
  ]);
  expect(linesOf(stdout).filter((line) => line.length > 80 || line.includes("\u001b"))).toEqual([]);
  await bundle.box(["resume", bundle.id]);
  running.child.kill("SIGKILL");
  await running.child.exited;
  process.kill(bundle.initPid, "SIGKILL");
  await until(() => !isAlive(bundle.initPid), "the container's end");
  const outcome = await bundle.box(["stats", "--json", "--interval", "10ms", bundle.id]);
  expect(samplesIn(outcome.stdout)).toMatchObject([{ id: bundle.id, status: "stopped", pid: null, cpu: null, memory: null }]);
  expect((await bundle.box(["stats", "--json", "--interval", "10ms"])).stdout).toBe("[]\n");
});

function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}

test("for Prometheus", async () => {
  using bundle = new Bundle();
  using _running = await bundle.startSh(busy);
  const { exitCode, stdout, stderr } = await bundle.box(["stats", "--prom"]);
  expect([exitCode, stderr]).toEqual([0, ""]);
  const metrics = parseExposition(stdout);
  expect(metrics.get("box_container_status")?.values).toEqual([{ labels: { id: bundle.id, status: "running" }, value: 1 }]);
  expect(metrics.get("box_container_cpu_seconds_total")?.values[0]?.value).toBeGreaterThan(0);
  expect(metrics.get("box_container_memory_bytes")?.values[0]?.value).toBeGreaterThan(0);
});

test("in a pipe it goes on with --watch, until nobody reads or its containers are gone", async () => {
  using bundle = new Bundle();
  using _running = await bundle.startSh("echo ready; until test -e /go; do sleep 0.01; done");
  using watching = bundle.start(["stats", "--watch", "--json", "--interval", "20ms", bundle.id]);
  await until(() => linesOf(watching.stdout).length > 2, "three lines");
  const command = `'${binary}' --root '${bundle.states}' stats --watch --interval 20ms | head -n1`;
  const piped = Bun.spawnSync(["sh", "-c", command], { timeout: 10_000 });
  expect([piped.exitCode, piped.stdout.toString()]).toEqual([0, expect.stringMatching(/^CONTAINER/)]);
  writeFileSync(`${bundle.rootfs}/go`, "");
  expect(await watching.outcome()).toMatchObject({ exitCode: 0, stderr: "" });
});

const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";
/** What stands on the screen after the last whole frame, line by line. */
function screenOf(output: string): string[] {
  const frame = output.split("\u001b[H").findLast((part) => part.endsWith("\u001b[J")) ?? "";
  return Bun.stripANSI(frame.replaceAll("\r", "")).split("\n");
}

test("on a terminal it is drawn in place, follows containers and the size, and leaves the screen as it was", async () => {
  using bundle = new Bundle((spec) => (spec.process.args = ["sleep", "1000"]));
  await bundle.box(["run", "--detach", bundle.id]);
  using terminal = new Terminal(bundle, "exec $BOX stats --interval 50ms");
  await terminal.says(ENTER);
  await until(() => screenOf(terminal.output).some((line) => line.includes("▁▁▁")), "a trend");
  expect(screenOf(terminal.output)).toEqual([
    expect.stringMatching(/^CONTAINER +CPU +TREND +MEMORY +LIMIT +PIDS +IO\/s +NET\/s$/),
    expect.stringMatching(new RegExp(`^${bundle.id} +0\\.\\d% `)),
  ]);
  const second = `${bundle.id}-b`;
  await bundle.box(["run", "--detach", second]);
  await until(() => screenOf(terminal.output).some((line) => line.startsWith(second)), "the second container");
  await bundle.box(["delete", "--force", second]);
  await until(() => !screenOf(terminal.output).some((line) => line.startsWith(second)), "its end");
  terminal.resize(40, 1);
  await until(() => screenOf(terminal.output).join() === "… 2 more", "a screen of one line");
  terminal.resize(40, 10);
  await until(() => screenOf(terminal.output)[0]?.endsWith("PIDS") === true, "a narrow table");
  expect(screenOf(terminal.output).filter((line) => Bun.stringWidth(line) > 40)).toEqual([]);
  process.kill(terminal.child.pid, "SIGINT");
  const { exitCode, output } = await terminal.end();
  expect(exitCode).toBe(0);
  expect(output.split(ENTER).length).toBe(2);
  const [, after = ""] = output.split(LEAVE);
  // The last table stays, as text.
  expect(after).toMatch(new RegExp(`^.*CONTAINER(.*\n)+${bundle.id} +0\\.\\d%.*\n$`));
});

test.each(["SIGTERM", "SIGHUP"] as const)("%s ends it, and the cursor is back", async (signal) => {
  using bundle = new Bundle();
  mkdirSync(bundle.states, { mode: 0o700 });
  using terminal = new Terminal(bundle, "exec $BOX stats --interval 50ms");
  await terminal.says("CONTAINER");
  process.kill(terminal.child.pid, signal);
  const { exitCode, output } = await terminal.end();
  expect([exitCode, output.includes(LEAVE)]).toEqual([0, true]);
});

test("while it is stopped the terminal is as it was", async () => {
  using bundle = new Bundle();
  mkdirSync(bundle.states, { mode: 0o700 });
  using terminal = new Terminal(bundle, "exec $BOX stats --interval 50ms");
  await terminal.says("CONTAINER");
  process.kill(terminal.child.pid, "SIGTSTP");
  await until(() => readFileSync(`/proc/${terminal.child.pid}/stat`, "utf8").includes(") T "), "the stop");
  await terminal.says(LEAVE);
  process.kill(terminal.child.pid, "SIGCONT");
  await until(() => terminal.output.split(ENTER).length === 3, "the screen again");
  process.kill(terminal.child.pid, "SIGTERM");
  expect((await terminal.end()).exitCode).toBe(0);
});

test("no colours with NO_COLOR", async () => {
  using bundle = new Bundle();
  mkdirSync(bundle.states, { mode: 0o700 });
  using terminal = new Terminal(bundle, "NO_COLOR=1 exec $BOX stats --interval 50ms");
  await terminal.says("CONTAINER");
  process.kill(terminal.child.pid, "SIGTERM");
  // Of the escape sequences those that colour end with an m.
  expect((await terminal.end()).output.split("\u001b[").filter((part) => /^[\d;]*m/.test(part))).toEqual([]);
});

testAsUser("without root", async () => {
  using bundle = new Bundle();
  using _running = await bundle.startSh("echo ready; sleep 1000");
  const { exitCode, stderr } = await bundle.box(["stats", "--json"], { before: asUser });
  expect([exitCode, stderr]).toEqual([1, `box: --root: cannot list ${bundle.states}: EACCES (permission denied)\n`]);
  const named = await bundle.box(["--root", `${bundle.folder}/none`, "stats", "--json"], { before: asUser });
  expect(named).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: `box: --root: cannot list ${bundle.folder}/none: ENOENT (no such file or directory)\n`,
  });
});

const CONTAINERS = 200;

test("two hundred containers, each second, take less than a tenth of a CPU", async () => {
  using bundle = new Bundle((spec) => (spec.process.args = ["sleep", "1000"]));
  await bundle.box(["run", "--detach", bundle.id]);
  const state = JSON.parse(readFileSync(`${bundle.states}/${bundle.id}/state.json`, "utf8")) as State;
  // As costly to watch as two hundred, and quicker made: each has files and a process of its own to be read, though they are the same.
  const others = Array.from({ length: CONTAINERS - 1 }, (_, at) => `${bundle.id}-${at}`);
  for (const id of others) {
    mkdirSync(`${bundle.states}/${id}`, { mode: 0o711 });
    writeFileSync(`${bundle.states}/${id}/state.json`, JSON.stringify({ ...state, id }));
  }
  try {
    using terminal = new Terminal(bundle, "exec $BOX stats");
    const frames = (): number => terminal.output.split("\u001b[J").length - 1;
    await until(() => frames() >= 2, "the first frames");
    const [ticks, drawn, start] = [ticksOf(terminal.child.pid), frames(), performance.now()];
    await until(() => frames() >= drawn + 5, "five frames more");
    const seconds = (performance.now() - start) / 1000;
    expect(seconds).toBeWithin(3.5, 6.5);
    // A tick is a hundredth of a second, so ticks each second are percents.
    expect((ticksOf(terminal.child.pid) - ticks) / seconds).toBeWithin(0, 10);
    expect(screenOf(terminal.output).at(-1)).toBe(`… ${CONTAINERS - 28} more`);
    process.kill(terminal.child.pid, "SIGTERM");
    expect((await terminal.end()).exitCode).toBe(0);
  } finally {
    for (const id of others) rmSync(`${bundle.states}/${id}`, { recursive: true });
  }
}, 30_000);

/** User and system time of a process, in ticks. */
function ticksOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

for (const [args, problem] of [
  [["nobody"], "id: the container nobody does not exist"],
  [["--once", "--watch"], "--once: does not go together with --watch"],
  [["--prom", "--json"], "--prom: does not go together with --json"],
  [["--prom", "--watch"], "--prom: does not go together with --watch"],
  [["--interval", "0s"], "--interval: the interval must be greater than 0"],
  [["--interval", "25h"], '--interval: expected at most 24h, got "25h"'],
  [["--sort", "size"], '--sort: expected id, cpu, memory, pids, io, net, got "size"'],
] as const)
  test(`refused: stats ${args.join(" ")}`, async () => {
    using bundle = new Bundle();
    expect(await bundle.box(["stats", ...args])).toEqual({ exitCode: 1, stdout: "", stderr: `box: ${problem}\n` });
  });
