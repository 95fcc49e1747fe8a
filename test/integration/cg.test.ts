// box cg: control files of containers and processes, in every layout of cgroups.

import { expect } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import type { State } from "../../src/state/state.ts";
import { asUser, Bundle, type CgroupLayout, inLayout, linesOf, testWith, until } from "./harness.ts";
import { Terminal } from "./terminal.ts";

const test = testWith();
const testAsUser = testWith("setpriv");

type Cgroup = {
  readonly version: number;
  readonly path: string;
  readonly files: readonly {
    readonly file: string;
    readonly entries: readonly { key?: string; value: unknown; unit: string; perSecond?: number }[];
  }[];
};
const filesIn = (text: string) => (JSON.parse(text) as Cgroup[]).flatMap(({ files }) => files);

for (const layout of ["as is", "v1", "v2"] satisfies CgroupLayout[]) {
  const before = inLayout(layout);
  test(`${layout}: all files of a container, or of its process`, async () => {
    using bundle = new Bundle();
    using _running = await bundle.startSh("echo ready; sleep 1000", { before });
    const state = JSON.parse(readFileSync(`${bundle.states}/${bundle.id}/state.json`, "utf8")) as State;
    const { exitCode, stdout, stderr } = await bundle.box(["cg", "--json", bundle.id], { before });
    expect([exitCode, stderr]).toEqual([0, ""]);
    const cgroups = JSON.parse(stdout) as Cgroup[];
    expect(cgroups.map(({ path }) => path)).toEqual(state.box.cgroups.map(({ path }) => path));
    const procs = cgroups.flatMap(({ files }) => files).find(({ file }) => file === "cgroup.procs");
    expect(procs?.entries.map(({ value }) => value)).toEqual([bundle.initPid]);
    const byPid = await bundle.box(["cg", "--json", String(bundle.initPid)], { before });
    expect((JSON.parse(byPid.stdout) as Cgroup[]).map(({ path }) => path).sort()).toEqual(cgroups.map(({ path }) => path).sort());
    // Its cgroups are where they are in this layout alone.
    expect((await bundle.box(["delete", "--force", bundle.id], { before })).exitCode).toBe(0);
  });
}

test("some files, by name and by pattern", async () => {
  using bundle = new Bundle((spec) => (spec.linux.resources = { ...spec.linux.resources, pids: { limit: 20 } }));
  using _running = await bundle.startSh("echo ready; sleep 1000");
  const { stdout } = await bundle.box(["cg", bundle.id, "pids.max", "pids.cur*"]);
  expect(linesOf(stdout)).toEqual([
    "  FILE          VALUE",
    expect.stringMatching(/^\/sys\/fs\/cgroup\/.*$/),
    "  pids.current  1",
    "  pids.max      20",
  ]);
  const whole = await bundle.box(["cg", bundle.id]);
  expect(linesOf(whole.stdout).filter((line) => line.length > 80 || line.includes("\u001b"))).toEqual([]);
});

test("with --watch, rates; it ends with the container", async () => {
  using bundle = new Bundle();
  using running = await bundle.startSh("echo ready; until test -e /go; do :; done");
  using watching = bundle.start(["cg", "--watch", "--json", "--interval", "100ms", bundle.id, "cpu.stat"]);
  await until(() => linesOf(watching.stdout).length > 2, "three lines");
  writeFileSync(`${bundle.rootfs}/go`, "");
  expect((await running.outcome()).exitCode).toBe(0);
  expect(await watching.outcome()).toMatchObject({ exitCode: 0, stderr: "" });
  const lines = linesOf(watching.stdout).map(filesIn);
  const rates = lines.flatMap((files) =>
    files.flatMap(({ entries }) => entries.flatMap(({ key, perSecond }) => (key === "usage_usec" ? (perSecond ?? []) : []))),
  );
  // On a host with v1 alone there is no such counter in that file.
  if (filesIn(linesOf(watching.stdout)[0] ?? "").some(({ entries }) => entries.some(({ key }) => key === "usage_usec")))
    expect(Math.max(...rates)).toBeWithin(1, 1_100_000);
});

test("on a terminal --watch draws in place", async () => {
  using bundle = new Bundle();
  using _running = await bundle.startSh("echo ready; sleep 1000");
  using terminal = new Terminal(bundle, `exec $BOX cg -w -i 50ms ${bundle.id} pids.current`);
  await terminal.says("RATE");
  await until(() => terminal.output.split("\u001b[H").length > 6, "some frames");
  process.kill(terminal.child.pid, "SIGINT");
  const { exitCode, output } = await terminal.end();
  expect([exitCode, output.includes("\u001b[?25h\u001b[?1049l")]).toEqual([0, true]);
});

testAsUser("without root, a process of one's own", async () => {
  using bundle = new Bundle();
  bundle.giveTo(65534);
  const { exitCode, stdout, stderr } = await bundle.box(["cg", "--json", "1"], { before: asUser });
  expect([exitCode, stderr]).toEqual([0, ""]);
  expect(filesIn(stdout).length).toBeGreaterThan(0);
});

for (const [args, problem] of [
  [[], "a container id or a process id is missing\nhint: box cg [flags] ID|PID [FILE…]"],
  [["nobody"], "id: the container nobody does not exist"],
  [["4194304"], "there is neither a container nor a process 4194304"],
  [["1", "cgroup.proc"], '1: no cgroup of it has a file "cgroup.proc"\nhint: did you mean cgroup.procs?'],
  [["1", "../x"], '1: no cgroup of it has a file "../x"'],
  [["--interval", "0s", "1"], "--interval: the interval must be greater than 0"],
  [["--interval", "999999999999h", "1"], '--interval: expected at most 24h, got "999999999999h"'],
] as const)
  test(`refused: cg ${args.join(" ")}`, async () => {
    using bundle = new Bundle();
    expect(await bundle.box(["cg", ...args])).toEqual({ exitCode: 1, stdout: "", stderr: `box: ${problem}\n` });
  });
