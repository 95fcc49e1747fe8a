// box ps: the container's processes, as the host sees them.

import { expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync, readlinkSync, rmdirSync, writeFileSync } from "node:fs";
import { namespaceTypes } from "../../src/linux/namespace-types.ts";
import { tableOf } from "../docs/blocks.ts";
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
  const full = await bundle.box(["ps", "--format", "table", bundle.id]);
  expect(await bundle.box(["ps", bundle.id, "-ef"])).toEqual(full);
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
  for (const words of [
    ["--format", "table", bundle.id],
    [bundle.id, "-ef"],
  ]) {
    const { exitCode, stdout, stderr } = await bundle.box(["ps", ...words], { env });
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
  for (const words of [[bundle.id], ["--format", "table", bundle.id], []])
    expect(linesOf((await bundle.box(["ps", ...words])).stdout)).toHaveLength(1);
});

type Row = Record<string, unknown>;
const ownRows = async (bundle: Bundle, ...words: string[]): Promise<Row[]> =>
  (JSON.parse((await bundle.box(["ps", "--json", ...words])).stdout) as { processes: Row[] }).processes;

const sharedTypes = (pid: number): string[] =>
  namespaceTypes.filter((type) => readlinkSync(`/proc/${pid}/ns/${type}`) === readlinkSync(`/proc/self/ns/${type}`));

test("box's own: of one container, or of all", async () => {
  using bundle = new Bundle((spec) => {
    spec.linux.namespaces = spec.linux.namespaces.filter(({ type }) => type !== "uts");
    delete spec.hostname;
  });
  using _first = await bundle.startSh(three);
  const other = `${bundle.id}-other`;
  await bundle.box(["run", "--detach", other]);
  const rows = await ownRows(bundle, bundle.id);
  const { initPid } = bundle;
  expect(rows.map(({ container }) => container)).toEqual(rows.map(() => bundle.id));
  expect(rows.map(({ pid }) => pid)).toEqual(await pidsOf(bundle));
  expect(rows.map(({ inside }) => inside)).toEqual([1, 2, 3, 4]);
  const elapsedSeconds = expect.any(Number);
  expect(sharedTypes(initPid)).toContain("uts");
  expect(rows[0]).toEqual({
    ...{ container: bundle.id, pid: initPid, inside: 1, parent: _first.pid, uid: 0, state: "S", threads: 1, elapsedSeconds },
    ...{ cgroup: "/", shared: sharedTypes(initPid), name: "sh", command: `sh -c ${three}` },
  });
  const all = await ownRows(bundle);
  expect(all.filter(({ container }) => container === bundle.id)).toHaveLength(4);
  expect(new Set(all.map(({ container }) => container))).toEqual(new Set([bundle.id, other]));
});

test("box's own table, and its tree", async () => {
  using bundle = new Bundle();
  using _running = await bundle.startSh(three);
  const [init = 0, sleep, sh, inner] = await pidsOf(bundle);
  const shared = sharedTypes(init).join();
  const { exitCode, stdout, stderr } = await bundle.box(["ps", bundle.id, "--wide", "--tree"]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(linesOf(stdout).map((line) => line.trim().split(/ +/).join(" "))).toEqual([
    "PID PPID INSIDE USER ELAPSED CGROUP SHARED COMMAND",
    expect.stringMatching(new RegExp(`^${init} ${_running.pid} 1 root 00:\\d\\d / ${shared} sh -c `)),
    expect.stringMatching(new RegExp(`^${sleep} ${init} 2 root 00:\\d\\d / ${shared} ├─sleep 1000$`)),
    expect.stringMatching(new RegExp(`^${sh} ${init} 3 root 00:\\d\\d / ${shared} └─sh -c `)),
    expect.stringMatching(new RegExp(`^${inner} ${sh} 4 root 00:\\d\\d / ${shared} └─sleep 1000$`)),
  ]);
  const narrow = linesOf((await bundle.box(["ps"])).stdout);
  expect(narrow[0]).toStartWith("CONTAINER");
  expect(Math.max(...narrow.map((line) => Bun.stringWidth(line)))).toBeLessThanOrEqual(80);
});

test("the keys of --json are those of the documentation", async () => {
  using bundle = new Bundle();
  using _running = await bundle.startSh(three);
  const documented = tableOf(readFileSync("docs/inspect.md", "utf8"), "A process").map(([key = ""]) => key.replaceAll("`", ""));
  expect(Object.keys((await ownRows(bundle))[0] ?? {})).toEqual(documented);
});

test("refusals", async () => {
  using bundle = new Bundle();
  using _running = await bundle.startSh("echo ready; exec sleep 1000");
  const ps = async (...words: string[]) => {
    const { exitCode, stdout, stderr } = await bundle.box(["ps", ...words]);
    return [exitCode, stdout, stderr];
  };
  const hint = "hint: box ps [flags] [ID] | box ps [--format table|json] ID [PS-OPTION…]\n";
  expect(await ps("-f", "json")).toEqual([1, "", `box: a container id is missing\n${hint}`]);
  for (const words of [
    ["--tree", bundle.id, "-ef"],
    ["-f", "json", bundle.id, "--tree"],
  ])
    expect(await ps(...words)).toEqual([1, "", `box: --tree goes neither with --format nor with options of ps(1)\n${hint}`]);
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
