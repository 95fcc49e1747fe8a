// What happens to the cgroup of a running container on pure v2: updates, statistics, lack of memory, the freezer, the end.

import { expect } from "bun:test";
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Resources } from "../../src/config/spec.ts";
import { Bundle, cgroupsOf, linesOf, type Outcome, type Running, testWith, until } from "../integration/harness.ts";

const test = testWith("all of cgroup v2");
const mega = 1048576;
const done: Outcome = { exitCode: 0, stdout: "", stderr: "" };

/** A running container, its cgroup's files, and its end. */
class Life implements AsyncDisposable {
  readonly bundle: Bundle;
  readonly running: Running;
  readonly cgroup: string;

  private constructor(bundle: Bundle, running: Running) {
    this.bundle = bundle;
    this.running = running;
    this.cgroup = cgroupsOf("/sys/fs/cgroup", bundle.id)[0] ?? "";
  }

  static async start(resources: Resources, script: string): Promise<Life> {
    const bundle = new Bundle((spec) => (spec.linux.resources = resources));
    return new Life(bundle, await bundle.startSh(script));
  }

  read(...files: string[]): string[] {
    return files.map((file) => readFileSync(`${this.cgroup}/${file}`, "utf8").trim());
  }

  async update(resources: Resources): Promise<Outcome> {
    return await this.bundle.box(["update", "--resources", "-", this.bundle.id], { stdin: JSON.stringify(resources) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running.child.exitCode === null) process.kill(this.bundle.initPid, "SIGKILL");
    await this.running.outcome();
    this.running[Symbol.dispose]();
    this.bundle[Symbol.dispose]();
  }
}

const sleeps = "echo ready; exec sleep 1000";

test("an update in any order: up and down, and less than is in use only if it may be", async () => {
  await using life = await Life.start({ memory: { limit: 64 * mega, swap: 128 * mega }, cpu: { quota: 50000 } }, sleeps);
  copyFileSync(`${life.bundle.folder}/config.json`, `${life.bundle.states}/${life.bundle.id}/config.json`);
  const files = ["memory.max", "memory.swap.max", "cpu.max", "cpu.weight", "pids.max"];
  expect(await life.update({ memory: { limit: 32 * mega }, cpu: { period: 20000, shares: 2048 }, pids: { limit: 9 } })).toEqual(done);
  expect(life.read(...files)).toEqual([String(32 * mega), String(96 * mega), "50000 20000", "174", "9"]);
  expect(await life.update({ memory: { limit: 256 * mega, swap: 256 * mega }, cpu: { quota: -1 }, pids: { limit: -1 } })).toEqual(done);
  expect(life.read(...files)).toEqual([String(256 * mega), "0", "max 20000", "174", "max"]);
  const { exitCode, stderr } = await life.update({ memory: { limit: 4096, checkBeforeUpdate: true } });
  expect([exitCode, stderr.replace(/uses \d+/, "uses N")]).toEqual([
    1,
    "box: memory.limit: the container uses N bytes, so it cannot be limited to 4096\n",
  ]);
  expect(await life.update({ memory: { swap: 8 * mega } })).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: `box: memory.swap: counts memory and swap together, so it is at least memory.limit, ${256 * mega}\n`,
  });
  expect(life.read("memory.max", "memory.swap.max")).toEqual([String(256 * mega), "0"]);
});

test("statistics have every part", async () => {
  const resources: Resources = { memory: { limit: 64 * mega, swap: 96 * mega }, pids: { limit: 7 } };
  await using life = await Life.start(resources, "dd if=/dev/zero of=/tmp/x bs=1M count=2 2>/dev/null; echo ready; exec sleep 1000");
  const { exitCode, stdout } = await life.bundle.box(["events", "--stats", life.bundle.id]);
  const { data } = JSON.parse(stdout);
  const pressure = { avg10: expect.any(Number), avg60: expect.any(Number), avg300: expect.any(Number), total: expect.any(Number) };
  const psi = { some: pressure, full: pressure };
  expect([exitCode, data]).toEqual([
    0,
    {
      cpu: {
        usage: { total: expect.any(Number), kernel: expect.any(Number), user: expect.any(Number) },
        throttling: {},
        psi,
      },
      cpuset: expect.any(Object),
      memory: {
        cache: expect.any(Number),
        usage: { limit: 64 * mega, usage: expect.any(Number), max: expect.any(Number), failcnt: 0 },
        swap: { limit: 96 * mega, usage: expect.any(Number), failcnt: 0 },
        kernel: { limit: 0, failcnt: 0 },
        kernelTCP: { limit: 0, failcnt: 0 },
        raw: expect.objectContaining({ anon: expect.any(Number), file: expect.any(Number), pgfault: expect.any(Number) }),
        psi,
      },
      pids: { current: 1, limit: 7 },
      blkio: expect.objectContaining({ psi }),
      hugetlb: expect.objectContaining({ "2MB": { failcnt: 0 } }),
      intel_rdt: {},
      network_interfaces: null,
    },
  ]);
});

test("a kill for lack of memory is an event, and the container goes on", async () => {
  const fill = "dd if=/dev/zero of=/dev/null bs=64M count=1 2>/dev/null";
  const script = `echo ready; until test -e /go; do sleep 0.1; done; ${fill}; echo $?; until test -e /end; do sleep 0.1; done`;
  await using life = await Life.start({ memory: { limit: 24 * mega, swap: 24 * mega } }, script);
  using events = life.bundle.start(["events", "--interval", "1h", life.bundle.id]);
  await until(() => /memory\.events/.test(Bun.spawnSync(["ls", "-l", `/proc/${events.pid}/fd`]).stdout.toString()), "box to watch");
  writeFileSync(`${life.bundle.rootfs}/go`, "");
  await life.running.says("137");
  await until(() => events.stdout.includes("oom"), "the event");
  writeFileSync(`${life.bundle.rootfs}/end`, "");
  expect((await life.running.outcome()).exitCode).toBe(0);
  const { exitCode, stdout } = await events.outcome();
  expect([exitCode, ...new Set(linesOf(stdout))]).toEqual([0, `{"type":"oom","id":"${life.bundle.id}"}`]);
});

test("the freezer holds every process, and what is frozen can be ended", async () => {
  await using life = await Life.start({}, "sleep 1000 & echo ready; wait");
  const { bundle } = life;
  expect(await bundle.box(["pause", bundle.id])).toEqual(done);
  expect(life.read("cgroup.freeze", "cgroup.events")).toEqual(["1", "populated 1\nfrozen 1"]);
  expect(await bundle.box(["delete", "--force", bundle.id])).toEqual(done);
  expect((await life.running.outcome()).exitCode).toBe(137);
  expect(existsSync(life.cgroup)).toBe(false);
});
