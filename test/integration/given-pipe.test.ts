// Files that a flag names may be pipes, whose writer takes its time: nothing of what it writes is missed.

import { expect } from "bun:test";
import { closeSync, constants, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { Bundle, machine, type Running, testWith, until } from "./harness.ts";

const test = testWith();
const PPOLL = process.arch === "arm64" ? "73 " : "271 ";

/** Held up in ppoll(2), which the engine's own event loop does not call. */
const waits = (running: Running): Promise<void> =>
  until(() => readFileSync(`/proc/${running.pid}/syscall`, "utf8").startsWith(PPOLL), "box to wait for the pipe");

function newPipe(bundle: Bundle, name: string): string {
  const path = `${bundle.folder}/${name}`;
  expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0);
  return path;
}

/** Writes it in two parts, each when box waits for it. */
async function writeSlowly(running: Running, path: string, text: string): Promise<void> {
  await waits(running);
  const pipe = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    writeSync(pipe, text.slice(0, 10));
    // What is in the pipe would be read at once.
    await waits(running);
    writeSync(pipe, text.slice(10));
  } finally {
    closeSync(pipe);
  }
}

const yaml = 'rootfs: ROOT\ncommand: ["echo", "said"]\n';
const filter = JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW" });

for (const [title, name, words, text, said] of [
  ["--file", "given.yaml", (path: string, id: string) => ["run", "--file", path, id], yaml, "said\n"],
  ["--seccomp", "filter", (path: string, id: string) => ["run", "--seccomp", path, id], filter, "said\n"],
  ["--from", "given.yaml", (path: string) => ["spec", "--from", path], yaml, '"said"'],
] as const)
  test(title, async () => {
    using bundle = new Bundle((spec) => (spec.process.args = ["echo", "said"]));
    const path = newPipe(bundle, name);
    using running = bundle.start(words(path, bundle.id));
    await writeSlowly(running, path, text.replace("ROOT", bundle.rootfs));
    const { exitCode, stdout, stderr } = await running.outcome();
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(stdout).toContain(said);
  });

for (const [title, words, text, said] of [
  [
    "exec --process",
    (path: string, id: string) => ["exec", "--process", path, id],
    JSON.stringify({ args: ["/bin/echo", "said"], cwd: "/", user: { uid: 0, gid: 0 } }),
    "said\n",
  ],
  ["update --resources", (path: string, id: string) => ["update", "--resources", path, id], "{ \n\n\n\n\n\n\n\n\n }", ""],
] as const)
  test(title, async () => {
    using bundle = new Bundle();
    using container = await bundle.startSh("echo ready; exec sleep 1000");
    const path = newPipe(bundle, "given");
    using running = bundle.start(words(path, bundle.id));
    await writeSlowly(running, path, text);
    expect(await running.outcome()).toEqual({ exitCode: 0, stdout: said, stderr: "" });
    process.kill(bundle.initPid, "SIGKILL");
    await container.outcome();
  });

test("who waits in vain can be ended", async () => {
  using bundle = new Bundle();
  const before = machine(bundle);
  const path = newPipe(bundle, "given.yaml");
  using running = bundle.start(["run", "--file", path, bundle.id]);
  await waits(running);
  running.child.kill("SIGINT");
  expect(await running.outcome()).toEqual({ exitCode: 130, stdout: "", stderr: "" });
  expect(machine(bundle)).toEqual(before);
});

test("where it would have to be read twice, box says so", async () => {
  using bundle = new Bundle();
  const before = machine(bundle);
  writeFileSync(`${bundle.folder}/given`, yaml.replace("ROOT", bundle.rootfs));
  const piped = { before: ["sh", "-c", 'cat given | "$0" "$@"'] };
  const what = "/dev/stdin is no file, and for a container in the background whose output a supervisor reads it would be read twice";
  expect(await bundle.box(["run", "-d", "--log-driver", "json-file", "--file", "/dev/stdin", bundle.id], piped)).toEqual({
    exitCode: 125,
    stdout: "",
    stderr: `box: --file: ${what}\nhint: write it to a file first\n`,
  });
  expect(machine(bundle)).toEqual(before);
});
