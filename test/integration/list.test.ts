// box list: every container, whatever else lies in the folder of all states.

import { expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import type { State } from "../../src/state/state.ts";
import { Bundle, execute, linesOf, testWith, until } from "./harness.ts";

const test = testWith();
const strace = testWith("strace");

/** A state folder with a state as box writes it, of a container that ended long ago. */
function plant(bundle: Bundle, id: string, change: Partial<State> = {}): void {
  const state: State = {
    ociVersion: "1.3.0",
    id,
    status: "running",
    pid: 0,
    bundle: bundle.folder,
    rootfs: bundle.rootfs,
    created: "2026-01-02T03:04:05.678Z",
    owner: "root",
    box: { startTime: 0, supervisor: 0, stays: false, ownPids: true, cgroups: [], plugins: [] },
    ...change,
  };
  mkdirSync(`${bundle.states}/${id}`, { recursive: true, mode: 0o700 });
  writeFileSync(`${bundle.states}/${id}/state.json`, JSON.stringify(state));
}

test("a table, JSON, ids alone", async () => {
  using bundle = new Bundle();
  using _running = await bundle.startSh("echo ready; exec sleep 1000");
  plant(bundle, "z", { owner: "65534" });
  plant(bundle, "a", { owner: "4242", annotations: { some: "thing" } });
  const { created } = JSON.parse(readFileSync(`${bundle.states}/${bundle.id}/state.json`, "utf8")) as State;
  const { folder, rootfs, id } = bundle;

  const [heading = "", ...lines] = linesOf((await bundle.box(["list"])).stdout);
  expect(heading.split(/ +/)).toEqual(["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]);
  expect(lines.map((line) => line.split(/ +/))).toEqual([
    ["a", "0", "stopped", folder, "2026-01-02T03:04:05.678Z", "#4242"],
    [id, String(bundle.initPid), "running", folder, created, "root"],
    ["z", "0", "stopped", folder, "2026-01-02T03:04:05.678Z", "nobody"],
  ]);

  const { exitCode, stdout, stderr } = await bundle.box(["list", "--format=json"]);
  expect({ exitCode, stderr, lines: linesOf(stdout).length }).toEqual({ exitCode: 0, stderr: "", lines: 1 });
  const old = { ociVersion: "1.3.0", pid: 0, status: "stopped", bundle: folder, rootfs, created: "2026-01-02T03:04:05.678Z" };
  expect(JSON.parse(stdout)).toEqual([
    { ...old, id: "a", annotations: { some: "thing" }, owner: "#4242" },
    { ...old, id, pid: bundle.initPid, status: "running", created, owner: "root" },
    { ...old, id: "z", owner: "nobody" },
  ]);

  expect(await bundle.box(["list", "-q"])).toEqual({ exitCode: 0, stdout: `a\n${id}\nz\n`, stderr: "" });
});

test("what is no container stops none: one warning each, and none for what box keeps itself", async () => {
  using bundle = new Bundle();
  plant(bundle, "good");
  plant(bundle, "renamed", { id: "other" });
  plant(bundle, "foreign", { box: undefined as never });
  for (const folder of ["half", "torn", "bad name", ".kept"]) mkdirSync(`${bundle.states}/${folder}`);
  writeFileSync(`${bundle.states}/torn/state.json`, '{"id": "torn"');
  writeFileSync(`${bundle.states}/file`, "");
  symlinkSync(`${bundle.states}/good`, `${bundle.states}/link`);
  const { exitCode, stdout, stderr } = await bundle.box(["list", "--quiet"]);
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "good\n" });
  const warned = linesOf(stderr).filter((line) => !line.startsWith("hint: "));
  expect(warned).toEqual(
    ["bad name", "foreign", "half", "renamed", "torn"].map(
      (name) => `box: warning: id: the container ${name} has no state: ${bundle.states}/${name}/state.json is missing or not whole`,
    ),
  );
  expect(await bundle.box(["--log-level", "error", "list", "--quiet"])).toEqual({ exitCode: 0, stdout: "good\n", stderr: "" });
});

strace("a container that is being made is one, and no warning, once its state is there", async () => {
  using bundle = new Bundle();
  plant(bundle, "a");
  mkdirSync(`${bundle.states}/half`);
  const calls = `${bundle.folder}/calls`;
  const stopping = ["-P", `${bundle.states}/half/state.json`, "-e", "trace=openat", "-e", "inject=openat:signal=SIGSTOP:when=1"];
  using running = bundle.start(["list", "--quiet"], { before: ["strace", "-f", "-o", calls, ...stopping] });
  const stopped = (): RegExpExecArray | null =>
    /^(\d+) +--- stopped by SIGSTOP/m.exec(existsSync(calls) ? readFileSync(calls, "utf8") : "");
  await until(() => stopped() !== null, "the first look");
  plant(bundle, "half");
  process.kill(Number(stopped()?.[1]), "SIGCONT");
  expect(await running.outcome()).toEqual({ exitCode: 0, stdout: "a\nhalf\n", stderr: "" });
});

test("none", async () => {
  using bundle = new Bundle();
  mkdirSync(bundle.states, { mode: 0o700 });
  expect(await bundle.box(["list"])).toEqual({
    exitCode: 0,
    stdout: "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n",
    stderr: "",
  });
  expect(await bundle.box(["list", "-f", "json"])).toEqual({ exitCode: 0, stdout: "[]\n", stderr: "" });
  expect(await bundle.box(["list", "-q"])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
});

test("refusals", async () => {
  using bundle = new Bundle();
  const list = async (...words: string[]) => {
    const { exitCode, stdout, stderr } = await bundle.box(["list", ...words]);
    return [exitCode, stdout, stderr];
  };
  expect(await list()).toEqual([1, "", `box: --root: cannot list ${bundle.states}: ENOENT (no such file or directory)\n`]);
  expect(await list("-f", "yaml")).toEqual([1, "", 'box: --format: expected table or json, got "yaml"\n']);
  expect(await list("some")).toEqual([1, "", "box: expected flags alone\nhint: box list [--format table|json] [--quiet]\n"]);
});

testWith("runc")("runc's heading, to the letter", async () => {
  using bundle = new Bundle();
  mkdirSync(bundle.states, { mode: 0o700 });
  const theirs = await execute(["runc", "--root", `${bundle.folder}/runc`, "list"]);
  expect((await bundle.box(["list"])).stdout).toBe(theirs.stdout);
});
