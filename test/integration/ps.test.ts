// box ps: the container's processes, as the host sees them.

import { expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { asUser, Bundle, linesOf, testWith, until, userId } from "./harness.ts";

const test = testWith();
const three = "sleep 1000 & sh -c 'sleep 1000 & echo ready; wait' & wait";

const pidsOf = async (bundle: Bundle): Promise<number[]> => JSON.parse((await bundle.box(["ps", "--format", "json", bundle.id])).stdout);
const nameOf = (pid: number): string => readFileSync(`/proc/${pid}/comm`, "utf8").trim();

test("JSON: the pids of the host", async () => {
  using bundle = new Bundle();
  using _running = await bundle.startSh(three);
  const pids = await pidsOf(bundle);
  expect(pids).toContain(bundle.initPid);
  expect(pids.map(nameOf).sort()).toEqual(["sh", "sh", "sleep", "sleep"]);
});

test("the table is that of ps(1): -ef, or with the options that are given", async () => {
  using bundle = new Bundle();
  using _running = await bundle.startSh("echo ready; exec sleep 1000");
  const pid = String(bundle.initPid);
  const full = await bundle.box(["ps", bundle.id]);
  expect({ ...full, stdout: linesOf(full.stdout).map((line) => line.split(/ +/).slice(0, 2)) }).toEqual({
    exitCode: 0,
    stdout: [
      ["UID", "PID"],
      ["root", pid],
    ],
    stderr: "",
  });
  const own = await bundle.box(["ps", bundle.id, "-o", "comm,pid"]);
  expect(linesOf(own.stdout).map((line) => line.trim().split(/ +/))).toEqual([
    ["COMMAND", "PID"],
    ["sleep", pid],
  ]);
});

test("without ps(1) box makes the usual table, and no other", async () => {
  using bundle = new Bundle();
  using _running = await bundle.startSh("echo ready; exec sleep 1000");
  const env = { PATH: bundle.folder };
  for (const options of [[], ["-ef"]]) {
    const { exitCode, stdout, stderr } = await bundle.box(["ps", bundle.id, ...options], { env });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const [heading = "", ...lines] = linesOf(stdout);
    expect(heading).toBe("UID          PID    PPID  C STIME TTY          TIME CMD");
    expect(lines.map((line) => line.replace(/\d\d:\d\d /, "HH:MM ").split(/ +/))).toEqual([
      ["root", String(bundle.initPid), String(_running.pid), "0", "HH:MM", "?", "00:00:00", "sleep", "1000"],
    ]);
  }
  expect(await bundle.box(["ps", bundle.id, "aux"], { env })).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: "box: cannot run ps: executable file not found in $PATH\n",
  });
});

test("processes in cgroups below the container's are found too", async () => {
  using bundle = new Bundle();
  using _running = await bundle.startSh(three);
  const { box } = JSON.parse(readFileSync(`${bundle.states}/${bundle.id}/state.json`, "utf8"));
  const before = await pidsOf(bundle);
  const cgroup = box.cgroups[0].path as string;
  const moved = before.find((pid) => nameOf(pid) === "sleep") as number;
  mkdirSync(`${cgroup}/below`);
  try {
    writeFileSync(`${cgroup}/below/cgroup.procs`, String(moved));
    expect(linesOf(readFileSync(`${cgroup}/cgroup.procs`, "utf8"))).not.toContain(String(moved));
    expect(await pidsOf(bundle)).toEqual(before);
  } finally {
    await bundle.box(["kill", bundle.id, "KILL"]);
    await until(() => readFileSync(`${cgroup}/below/cgroup.procs`, "utf8") === "", "an empty cgroup");
    rmdirSync(`${cgroup}/below`);
  }
});

testWith("setpriv", "user namespaces for users")("without root and cgroups: init and what descends from it", async () => {
  using bundle = new Bundle((spec) => {
    spec.linux.namespaces.push({ type: "user" });
    // A devpts for group 5 needs that group.
    spec.mounts = spec.mounts.filter(({ type }) => type === "proc");
    spec.linux.uidMappings = [{ containerID: 0, hostID: userId, size: 1 }];
    spec.linux.gidMappings = [{ containerID: 0, hostID: userId, size: 1 }];
  });
  bundle.giveTo(userId);
  using _running = await bundle.startSh(three, { before: asUser });
  const { stdout, stderr } = await bundle.box(["ps", "-f", "json", bundle.id], { before: asUser });
  expect(stderr).toBe("");
  const pids = JSON.parse(stdout) as number[];
  expect(pids).toContain(bundle.initPid);
  expect(pids.map(nameOf).sort()).toEqual(["sh", "sh", "sleep", "sleep"]);
});

test("a container that has ended has none", async () => {
  using bundle = new Bundle();
  {
    using running = await bundle.startSh("echo ready; exec sleep 1000");
    const { initPid } = bundle;
    running.child.kill("SIGKILL");
    await running.child.exited;
    process.kill(initPid, "SIGKILL");
    await until(() => !existsSync(`/proc/${initPid}/root`), "the end of init");
  }
  expect(await pidsOf(bundle)).toEqual([]);
  expect(linesOf((await bundle.box(["ps", bundle.id])).stdout)).toHaveLength(1);
});

test("refusals", async () => {
  using bundle = new Bundle();
  using _running = await bundle.startSh("echo ready; exec sleep 1000");
  const ps = async (...words: string[]) => {
    const { exitCode, stdout, stderr } = await bundle.box(["ps", ...words]);
    return [exitCode, stdout, stderr];
  };
  expect(await ps()).toEqual([1, "", "box: a container id is missing\nhint: box ps [--format table|json] ID [PS-OPTION…]\n"]);
  expect(await ps("nope")).toEqual([1, "", "box: id: the container nope does not exist\n"]);
  expect(await ps("-f", "x", bundle.id)).toEqual([1, "", 'box: --format: expected table or json, got "x"\n']);
  expect(await ps(bundle.id, "-o", "comm")).toEqual([
    1,
    "",
    "box: ps printed no column PID\nhint: the options must leave it in: box ps ID -o pid,comm\n",
  ]);
  const [code, , message] = await ps(bundle.id, "--no-such");
  expect(code).toBe(1);
  expect(message).toStartWith("box: ps --no-such ended with 1: error: unknown gnu long option");
});
