// box state: what a container is doing, in runc's shape.

import { expect } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { Bundle, execute, testWith, until } from "./harness.ts";

const test = testWith();

test("a container that runs", async () => {
  using bundle = new Bundle((spec) => {
    spec.annotations = { "org.example": 'a "b" <c>' };
    spec.ociVersion = "1.0.2";
  });
  using _running = await bundle.startSh("echo ready; exec sleep 1000");
  const { exitCode, stdout, stderr } = await bundle.box(["state", bundle.id]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(stdout.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z/, "TIME")).toBe(`{
  "ociVersion": "1.3.0",
  "id": "${bundle.id}",
  "pid": ${bundle.initPid},
  "status": "running",
  "bundle": "${bundle.folder}",
  "rootfs": "${bundle.rootfs}",
  "created": "TIME",
  "annotations": {
    "org.example": "a \\"b\\" <c>"
  },
  "owner": "root"
}
`);
});

test("a container that was killed with its box: stopped, pid 0, and no annotations", async () => {
  using bundle = new Bundle();
  {
    using running = await bundle.startSh("echo ready; exec sleep 1000");
    const { initPid } = bundle;
    running.child.kill("SIGKILL");
    await running.child.exited;
    process.kill(initPid, "SIGKILL");
    await until(() => !existsSync(`/proc/${initPid}/root`), "the end of init");
  }
  const state = JSON.parse((await bundle.box(["state", bundle.id])).stdout) as Record<string, unknown>;
  expect(state).toMatchObject({ status: "stopped", pid: 0 });
  expect(Object.keys(state)).toEqual(["ociVersion", "id", "pid", "status", "bundle", "rootfs", "created", "owner"]);
});

testWith("runc")("has runc's keys in runc's order", async () => {
  using bundle = new Bundle((spec) => {
    spec.annotations = { a: "b" };
  });
  using _running = await bundle.startSh("echo ready; exec sleep 1000");
  const runc = ["runc", "--root", `${bundle.folder}/runc`];
  const options = { cwd: bundle.folder };
  expect(await execute([...runc, "create", `${bundle.id}-runc`], options)).toMatchObject({ exitCode: 0 });
  try {
    const theirs = (await execute([...runc, "state", `${bundle.id}-runc`], options)).stdout;
    const ours = (await bundle.box(["state", bundle.id])).stdout;
    const shape = (text: string): string[] =>
      text
        .trimEnd()
        .split("\n")
        .map((line) => line.replace(/: [^{]*$/, ""));
    expect(shape(ours)).toEqual(shape(theirs));
  } finally {
    await execute([...runc, "delete", "--force", `${bundle.id}-runc`], options);
  }
});

test("refusals", async () => {
  using bundle = new Bundle();
  mkdirSync(`${bundle.states}/torn`, { recursive: true, mode: 0o700 });
  writeFileSync(`${bundle.states}/torn/state.json`, '{"id": "torn"');
  const state = async (...words: string[]) => {
    const { exitCode, stdout, stderr } = await bundle.box(["state", ...words]);
    return [exitCode, stdout, stderr];
  };
  expect(await state("nope")).toEqual([1, "", "box: id: the container nope does not exist\n"]);
  expect(await state()).toEqual([1, "", "box: expected one container id\nhint: box state ID\n"]);
  expect(await state("a", "b")).toEqual([1, "", "box: expected one container id\nhint: box state ID\n"]);
  expect(await state("../torn")).toEqual([
    1,
    "",
    'box: container id "../torn" starts with ".": the first character must be a letter, a digit or "_"\n',
  ]);
  expect(await state("torn")).toEqual([
    1,
    "",
    `box: id: the container torn has no state: ${bundle.states}/torn/state.json is missing or not whole\nhint: unless it is being made right now, box delete --force torn removes what there is of it\n`,
  ]);
});
