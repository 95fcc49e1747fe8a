// box wait: how containers ended, whoever looked after them.

import { describe, expect } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { Bundle, ended, linesOf, type Outcome, type Running, testWith, until } from "./harness.ts";

const test = testWith();
const quiet: Outcome = { exitCode: 0, stdout: "", stderr: "" };

const bundleFor = (script: string): Bundle =>
  new Bundle((spec) => {
    spec.root.readonly = false;
    spec.process.args = ["sh", "-c", script];
  });
const untilGo = "until test -e /go; do sleep 0.01; done";
const go = (bundle: Bundle): void => writeFileSync(`${bundle.rootfs}/go`, "");

const detach = async (bundle: Bundle, ...flags: string[]): Promise<void> =>
  expect(await bundle.box(["run", "-d", "--log-driver", "local", ...flags, bundle.id])).toEqual(quiet);

type Exit = { exitCode: number; signal?: string; oomKilled: boolean; finished?: string };

async function waitFor(bundle: Bundle): Promise<Exit> {
  const { exitCode, stdout, stderr } = await bundle.box(["wait", "--json", bundle.id]);
  expect([exitCode, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout) as Exit;
}

/** Whether a process sleeps in ppoll(2) for one descriptor, as box wait does. */
const waits = ({ pid }: Running): boolean => readFileSync(`/proc/${pid}/syscall`, "utf8").split(" ")[2] === "0x1";

describe("with a supervisor", () => {
  test("an exit code, for one that runs and for one that has ended; state and list show it too", async () => {
    using bundle = bundleFor(`${untilGo}; exit 7`);
    await detach(bundle);
    using waiting = bundle.start(["wait", bundle.id]);
    await until(() => waits(waiting), "box to wait");
    go(bundle);
    expect(await waiting.outcome()).toEqual({ exitCode: 0, stdout: "7\n", stderr: "" });
    const exit = await waitFor(bundle);
    expect(exit).toEqual({ id: bundle.id, exitCode: 7, oomKilled: false, finished: expect.stringMatching(/^20.*Z$/) } as Exit);
    const { id: _, ...shown } = exit as Exit & { id: string };
    expect(JSON.parse((await bundle.box(["state", bundle.id])).stdout)).toMatchObject({ status: "stopped", pid: 0, exit: shown });
    expect(JSON.parse((await bundle.box(["list", "-f", "json"])).stdout)).toMatchObject([{ id: bundle.id, exit: shown }]);
  });

  test("a signal", async () => {
    using bundle = bundleFor("kill -KILL $$; exec sleep 1000");
    bundle.change((spec) => (spec.process.args = ["sleep", "1000"]));
    await detach(bundle);
    expect(await bundle.box(["kill", bundle.id, "KILL"])).toEqual(quiet);
    expect(await waitFor(bundle)).toMatchObject({ exitCode: 137, signal: "SIGKILL", oomKilled: false });
  });

  const limit = "/sys/fs/cgroup/memory";
  const countsMemory =
    existsSync(limit) ||
    (existsSync("/sys/fs/cgroup/cgroup.subtree_control") &&
      readFileSync("/sys/fs/cgroup/cgroup.subtree_control", "utf8").includes("memory"));
  if (!countsMemory) console.warn("SKIPPED: box wait after an OOM kill: this machine has no hierarchy that counts memory");
  (countsMemory ? test : undefined)?.("an OOM kill", async () => {
    using bundle = bundleFor("");
    bundle.change((spec) => {
      spec.process.args = ["sh", "-c", `${untilGo}; exec dd if=/dev/zero of=/dev/shm/x bs=1M count=60`];
      spec.linux.resources = { ...spec.linux.resources, memory: { limit: 16 * 1024 * 1024 } };
    });
    await detach(bundle);
    const { box } = JSON.parse(readFileSync(`${bundle.states}/${bundle.id}/state.json`, "utf8")) as {
      box: { cgroups: { path: string }[] };
    };
    const swap = box.cgroups.map(({ path }) => `${path}/memory.swap.max`).find(existsSync);
    if (swap !== undefined) writeFileSync(swap, "0");
    go(bundle);
    expect(await waitFor(bundle)).toMatchObject({ exitCode: 137, signal: "SIGKILL", oomKilled: true });
  });

  test("of a container whose id is another one's by then", async () => {
    using bundle = bundleFor(`${untilGo}; exit 3`);
    await detach(bundle);
    const other = `${bundle.id}-b`;
    const runOther = async (exitCode: number): Promise<void> => {
      bundle.change((spec) => (spec.process.args = ["sh", "-c", `until test -e /go-${exitCode}; do sleep 0.01; done; exit ${exitCode}`]));
      expect(await bundle.box(["run", "-d", "--log-driver", "local", other])).toEqual(quiet);
    };
    const endOther = async (exitCode: number): Promise<void> => {
      writeFileSync(`${bundle.rootfs}/go-${exitCode}`, "");
      expect((await bundle.box(["wait", other])).stdout).toBe(`${exitCode}\n`);
    };
    await runOther(4);
    using waiting = bundle.start(["wait", bundle.id, other]);
    await until(() => waits(waiting), "box to wait");
    await endOther(4);
    expect(await bundle.box(["delete", other])).toEqual(quiet);
    await runOther(5);
    await endOther(5);
    go(bundle);
    const { exitCode, stdout, stderr } = await waiting.outcome();
    // Before Linux 6.15 nobody can tell any more.
    const unknown = `box: id: cannot tell how the container ${other} ended: nobody waited for it\nhint: run -d with a log, or run --keep, keeps it\n`;
    expect([stdout, stderr]).toEqual(exitCode === 0 ? ["3\n4\n", ""] : ["3\n", unknown]);
  });

  test("several, in the order in which they were named", async () => {
    using bundle = bundleFor(`${untilGo}; exit 3`);
    await detach(bundle);
    const other = `${bundle.id}-b`;
    bundle.change((spec) => (spec.process.args = ["sh", "-c", "exit 4"]));
    expect(await bundle.box(["run", "-d", "--log-driver", "local", other])).toEqual(quiet);
    using waiting = bundle.start(["wait", bundle.id, other]);
    await until(() => waits(waiting), "box to wait");
    go(bundle);
    expect((await waiting.outcome()).stdout).toBe("3\n4\n");
  });
});

describe("without", () => {
  test("run --keep notes it", async () => {
    using bundle = bundleFor("exit 5");
    expect((await bundle.box(["run", "--keep", bundle.id])).exitCode).toBe(5);
    expect(await waitFor(bundle)).toMatchObject({ exitCode: 5, oomKilled: false });
  });

  // The kernel tells since Linux 6.15; before, box wait says that it cannot.
  test("the kernel tells, where box wait was there before the end, or nobody does", async () => {
    using bundle = bundleFor(`${untilGo}; exit 6`);
    expect(await bundle.box(["run", "-d", bundle.id])).toEqual(quiet);
    const { initPid } = bundle;
    using waiting = bundle.start(["wait", bundle.id]);
    await until(() => waits(waiting), "box to wait");
    go(bundle);
    await ended(initPid);
    const { exitCode, stdout, stderr } = await waiting.outcome();
    const unknown = `box: id: cannot tell how the container ${bundle.id} ended: nobody waited for it\nhint: run -d with a log, or run --keep, keeps it\n`;
    expect(exitCode === 0 ? [stdout, stderr] : [stderr, stdout]).toEqual([exitCode === 0 ? "6\n" : unknown, ""]);
    expect(await bundle.box(["wait", bundle.id])).toEqual({ exitCode: 1, stdout: "", stderr: unknown });
  });

  test("also for one whose supervisor was killed", async () => {
    using bundle = bundleFor(`${untilGo}; exit 8`);
    await detach(bundle);
    const { initPid } = bundle;
    const { box } = JSON.parse(readFileSync(`${bundle.states}/${bundle.id}/state.json`, "utf8")) as { box: { supervisor: number } };
    using waiting = bundle.start(["wait", bundle.id]);
    await until(() => waits(waiting), "box to wait");
    process.kill(box.supervisor, "SIGKILL");
    await ended(box.supervisor);
    go(bundle);
    await ended(initPid);
    const { exitCode, stdout } = await waiting.outcome();
    expect([exitCode, linesOf(stdout)]).toEqual(exitCode === 0 ? [0, ["8"]] : [1, []]);
  });

  test("a container that there is none of", async () => {
    using bundle = bundleFor("true");
    expect(await bundle.box(["wait", "nothing"])).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: "box: id: the container nothing does not exist\n",
    });
  });
});
