// box pause and box resume, on each layout of cgroups, and what ends a paused container.

import { expect } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { type State, startTimeOf } from "../../src/state/state.ts";
import { Bundle, type CgroupLayout, descendants, inLayout, machine, testWith, until } from "./harness.ts";

const test = testWith();
const done = { exitCode: 0, stdout: "", stderr: "" };

/** Where a frozen process sleeps in the kernel: with v1, and with v2 (its own function there, or inlined into its caller). */
const frozenIn = ["__refrigerator", "do_freezer_trap", "get_signal"];
const isFrozen = (bundle: Bundle): boolean => frozenIn.includes(readFileSync(`/proc/${bundle.initPid}/wchan`, "utf8"));

const waitForGo = "echo ready; until test -e /go; do :; done; echo went";

for (const layout of ["as is", "v1", "v2"] satisfies CgroupLayout[]) {
  const options = { before: inLayout(layout) };

  test(`${layout}: pause holds every process, resume lets it go on`, async () => {
    using bundle = new Bundle();
    using running = await bundle.startSh(waitForGo, options);
    expect(isFrozen(bundle)).toBe(false);
    expect(await bundle.box(["pause", bundle.id], options)).toEqual(done);
    expect(isFrozen(bundle)).toBe(true);
    writeFileSync(`${bundle.rootfs}/go`, "");
    expect(await bundle.box(["resume", bundle.id], options)).toEqual(done);
    await running.says("went");
    expect((await running.outcome()).exitCode).toBe(0);
  });

  test(`${layout}: what is paused cannot be paused, and what runs not resumed`, async () => {
    using bundle = new Bundle();
    using running = await bundle.startSh("echo ready; sleep 1000", options);
    const refused = async (command: string, problem: string) =>
      expect(await bundle.box([command, bundle.id], options)).toEqual({ exitCode: 1, stdout: "", stderr: `box: ${problem}\n` });
    await refused("resume", `container not paused: ${bundle.id} is running`);
    expect(await bundle.box(["pause", bundle.id], options)).toEqual(done);
    await refused("pause", `container not running: ${bundle.id} is paused`);
    expect(await bundle.box(["resume", bundle.id], options)).toEqual(done);
    await refused("resume", `container not paused: ${bundle.id} is running`);
    // From here, since the layout's cgroups are nowhere else.
    expect(await bundle.box(["delete", "--force", bundle.id], options)).toEqual(done);
    expect((await running.outcome()).exitCode).toBe(137);
  });

  test(`${layout}: delete --force ends a paused container`, async () => {
    using bundle = new Bundle();
    const before = machine(bundle);
    using running = await bundle.startSh("sleep 1000 & echo ready; wait", options);
    expect(await bundle.box(["pause", bundle.id], options)).toEqual(done);
    expect(await bundle.box(["delete", "--force", bundle.id], options)).toEqual(done);
    expect((await running.outcome()).exitCode).toBe(137);
    await until(() => descendants(process.pid).length === before.processes.length, "the end of all processes");
    expect(machine(bundle)).toEqual(before);
  });

  test(`${layout}: a paused container whose box was killed is removed`, async () => {
    using bundle = new Bundle((spec) => (spec.linux.namespaces = spec.linux.namespaces.filter(({ type }) => type !== "pid")));
    const before = machine(bundle);
    using running = await bundle.startSh("sleep 1000 & echo ready; wait", options);
    expect(await bundle.box(["pause", bundle.id], options)).toEqual(done);
    running.child.kill("SIGKILL");
    await running.child.exited;
    expect(await bundle.box(["delete", "--force", bundle.id], options)).toEqual(done);
    await until(() => descendants(process.pid).length === before.processes.length, "the end of all processes");
    expect(machine(bundle)).toEqual(before);
  });
}

test("two at once: one pauses, the other finds it paused", async () => {
  using bundle = new Bundle();
  using _running = await bundle.startSh("echo ready; sleep 1000");
  const both = await Promise.all([bundle.box(["pause", bundle.id]), bundle.box(["pause", bundle.id])]);
  expect(both.sort((a, b) => a.exitCode - b.exitCode)).toEqual([
    done,
    { exitCode: 1, stdout: "", stderr: `box: container not running: ${bundle.id} is paused\n` },
  ]);
});

test("processes that fork all the time are paused too", async () => {
  using bundle = new Bundle();
  using _running = await bundle.startSh("for i in 1 2 3 4; do while :; do true & wait $!; done & done; echo ready; wait");
  expect(await bundle.box(["pause", bundle.id])).toEqual(done);
  expect(isFrozen(bundle)).toBe(true);
});

/** The freezer's cgroup of the container; undefined where its hierarchy is v2's. */
const freezerOf = (bundle: Bundle): string | undefined => {
  const state = JSON.parse(readFileSync(`${bundle.states}/${bundle.id}/state.json`, "utf8")) as State;
  return state.box.cgroups.find(({ path }) => path.startsWith("/sys/fs/cgroup/freezer/"))?.path;
};

test("a container that has frozen a part of itself is ended", async () => {
  using bundle = new Bundle((spec) => {
    const cgroup = spec.mounts.find(({ type }) => type === "cgroup");
    if (cgroup !== undefined) cgroup.options = ["nosuid", "noexec", "nodev"];
  });
  const before = machine(bundle);
  const script = `if cd /sys/fs/cgroup/freezer; then mkdir own; sleep 1000 & echo $! > own/tasks; echo FROZEN > own/freezer.state
    else cd /sys/fs/cgroup; mkdir own; sleep 1000 & echo $! > own/cgroup.procs; echo 1 > own/cgroup.freeze; fi 2>/dev/null; echo ready; wait`;
  using running = await bundle.startSh(script);
  const freezer = freezerOf(bundle);
  if (freezer !== undefined) await until(() => readFileSync(`${freezer}/own/freezer.state`, "utf8") === "FROZEN\n", "the frost");
  expect(await bundle.box(["delete", "--force", bundle.id])).toEqual(done);
  expect((await running.outcome()).exitCode).toBe(137);
  await until(() => descendants(process.pid).length === before.processes.length, "the end of all processes");
  expect(machine(bundle)).toEqual(before);
});

/** The state of a container whose init is the process `pid` since `startTime`, without any cgroup. */
function plant(bundle: Bundle, pid: number, startTime: number): void {
  const box = { startTime, supervisor: 0, cgroups: [], plugins: [] };
  const state = { id: "planted", status: "running", pid, bundle: bundle.folder, rootfs: bundle.rootfs, box };
  mkdirSync(`${bundle.states}/planted`, { recursive: true, mode: 0o711 });
  writeFileSync(`${bundle.states}/planted/state.json`, JSON.stringify(state));
}

test("a container that has ended is neither running nor paused", async () => {
  using bundle = new Bundle();
  plant(bundle, process.pid, 1);
  const refused = (problem: string) => ({ exitCode: 1, stdout: "", stderr: `box: ${problem}: planted is stopped\n` });
  expect(await bundle.box(["pause", "planted"])).toEqual(refused("container not running"));
  expect(await bundle.box(["resume", "planted"])).toEqual(refused("container not paused"));
});

test("without a cgroup, as an ordinary user's container may be, there is no freezer", async () => {
  using bundle = new Bundle();
  const init = Bun.spawn(["sleep", "1000"]);
  plant(bundle, init.pid, startTimeOf(readFileSync(`/proc/${init.pid}/stat`, "utf8")));
  expect(await bundle.box(["pause", "planted"])).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: "box: the container has no cgroup with a freezer\nhint: it was made without a right to cgroups\n",
  });
  init.kill();
  await init.exited;
});

for (const command of ["pause", "resume"])
  for (const [args, problem] of [
    [["nobody"], "id: the container nobody does not exist"],
    [["../x"], 'container id "../x" starts with ".": the first character must be a letter, a digit or "_"'],
    [[], `a container id is missing\nhint: box ${command} ID`],
    [["a", "b"], `one container id is enough, and b is another\nhint: box ${command} ID`],
  ] as const)
    test(`refused: ${command} ${args.join(" ")}`, async () => {
      using bundle = new Bundle();
      const { exitCode, stdout, stderr } = await bundle.box([command, ...args]);
      expect({ failed: exitCode > 0, stdout, stderr }).toEqual({ failed: true, stdout: "", stderr: `box: ${problem}\n` });
    });
