// Without a terminal the container's stdio is box's own, untouched, and nothing else of box's descriptors is there.

import { expect } from "bun:test";
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { Bundle, binary, testWith, until } from "./harness.ts";

const test = testWith();

test("stdin reaches the program, to its end", async () => {
  using bundle = new Bundle();
  const text = "line\n".repeat(50_000);
  expect(await bundle.run(["cat"], { stdin: text })).toEqual({ exitCode: 0, stdout: text, stderr: "" });
});

test("stderr is apart from stdout", async () => {
  using bundle = new Bundle();
  expect(await bundle.run(["sh", "-c", "echo out; echo err >&2"])).toEqual({ exitCode: 0, stdout: "out\n", stderr: "err\n" });
});

test("ten megabytes through a pipe", async () => {
  using bundle = new Bundle();
  bundle.change((spec) => (spec.process.args = ["sh", "-c", "head -c 10000000 /dev/zero"]));
  const { exitCode, stdout } = Bun.spawnSync(["sh", "-c", `${binary} --root ${bundle.states} run ${bundle.id} | wc -c`], {
    cwd: bundle.folder,
    timeout: 10_000,
  });
  expect([exitCode, stdout.toString().trim()]).toEqual([0, "10000000"]);
});

test("a reader that goes away ends the program by SIGPIPE, as on the host", async () => {
  using bundle = new Bundle();
  // An init is spared by signals that it has no handler for, its children are not.
  const before = ["sh", "-c", '{ "$@"; echo $? >&2; } | head -n1', "sh"];
  expect(await bundle.run(["sh", "-c", "yes; exit $?"], { before })).toEqual({ exitCode: 0, stdout: "y\n", stderr: "141\n" });
});

for (const closed of ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
  test(`runs with ${closed}`, async () => {
    using bundle = new Bundle((spec) => {
      spec.root.readonly = false;
      spec.process.args = ["sh", "-c", "echo ran > /tmp/ran; exit 7"];
    });
    const { exitCode } = await bundle.box(["run", bundle.id], { before: ["sh", "-c", `"$@" ${closed}`, "sh"] });
    expect([exitCode, readFileSync(`${bundle.rootfs}/tmp/ran`, "utf8")]).toEqual([7, "ran\n"]);
  });

test("stdio is the very same files, at the same place, with the same flags", async () => {
  using bundle = new Bundle();
  bundle.change((spec) => (spec.process.args = ["sh", "-c", "echo ready >&2; exec sleep 1000"]));
  const stdout = openSync(`${bundle.folder}/output`, "a+");
  const child = Bun.spawn([binary, "--root", bundle.states, "run", bundle.id], {
    cwd: bundle.folder,
    stdin: "pipe",
    stdout,
    stderr: "pipe",
  });
  try {
    const reader = child.stderr.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("ready\n");
    // Until then the shell may still have its stdout where it wrote "ready".
    await until(() => readFileSync(`/proc/${bundle.initPid}/comm`, "utf8") === "sleep\n", "the shell to become sleep");
    const of = (pid: number): string[] => [0, 1, 2].map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    const flags = (pid: number): string[] => [0, 1, 2].map((fd) => readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8").split("\n")[1] ?? "");
    expect(of(bundle.initPid)).toEqual(of(child.pid));
    expect(flags(bundle.initPid)).toEqual(flags(child.pid));
    expect(of(bundle.initPid)[1]).toBe(`${bundle.folder}/output`);
    process.kill(bundle.initPid, "SIGKILL");
    expect(await child.exited).toBe(137);
  } finally {
    child.kill("SIGKILL");
    closeSync(stdout);
  }
});

test("no descriptor but stdio is in the container, however many box inherits", async () => {
  using bundle = new Bundle();
  const many = Array.from({ length: 60 }, (_, index) => `exec ${index + 3}</;`).join(" ");
  using _running = await bundle.startSh("echo ready; exec sleep 1000", { before: ["bash", "-c", `${many} exec "$@"`, "bash"] });
  expect(readdirSync(`/proc/${bundle.initPid}/fd`).toSorted()).toEqual(["0", "1", "2"]);
});

for (const fd of [0, 1, 2])
  test(`descriptor ${fd} may be no folder of the host, which would lead out of the root`, async () => {
    using bundle = new Bundle();
    // A folder cannot be opened for writing, so any descriptor is opened for reading.
    const before = ["sh", "-c", `exec 9>&2 && exec "$@" ${fd}</etc`, "sh"];
    const words = "is a folder, and a container must get none of the host's";
    const { exitCode, stderr } = await bundle.run(["true"], { before });
    expect([exitCode, fd === 2 ? "" : stderr]).toEqual([125, fd === 2 ? "" : `box: descriptor ${fd} ${words}\n`]);
    expect(readdirSync(bundle.folder)).not.toContain("states");
  });
