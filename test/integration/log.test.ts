// --log and its kin: what clients read when something fails. podman takes the whole file for one JSON value, containerd
// its last error, and both tell the reason from Go's words for it.

import { describe, expect } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { Bundle, linesOf, testWith } from "./harness.ts";

const test = testWith();
const aTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const withoutTime = (text: string): string => text.replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, "TIME");

describe("an error goes to the file and to stderr", () => {
  test("as text", async () => {
    using bundle = new Bundle();
    const log = `${bundle.folder}/log`;
    const stderr = "box: id: the container nope does not exist\n";
    for (const flags of [["--log", log], ["--log", log, "--log-format", "text"], [`--log=${log}`]])
      expect(await bundle.box([...flags, "state", "nope"])).toEqual({ exitCode: 1, stdout: "", stderr });
    const line = 'time="TIME" level=error msg="id: the container nope does not exist"\n';
    expect(withoutTime(readFileSync(log, "utf8"))).toBe(line.repeat(3));
  });

  test("as JSON, with runc's keys in runc's order", async () => {
    using bundle = new Bundle();
    const log = `${bundle.folder}/log`;
    await bundle.box(["--log", log, "--log-format=json", "state", "nope"], { before: ["sh", "-c", 'umask 022; exec "$@"', "sh"] });
    const record = JSON.parse(readFileSync(log, "utf8")) as Record<string, string>;
    expect(Object.entries(record)).toEqual([
      ["level", "error"],
      ["msg", "id: the container nope does not exist"],
      ["time", expect.stringMatching(aTime)],
    ]);
    expect(statSync(log).mode & 0o777).toBe(0o644);
  });

  test("one record for an error of several lines", async () => {
    using bundle = new Bundle();
    const log = `${bundle.folder}/log`;
    bundle.writeConfig('{"ociVersion": "1.0.2", "process": {"cwd": "srv", "args": ["true"]}, "hostnam": "x"}');
    const { stderr } = await bundle.box(["--log", log, "--log-format=json", "run", bundle.id]);
    const { msg } = JSON.parse(readFileSync(log, "utf8")) as { msg: string };
    expect(linesOf(stderr).length).toBeGreaterThan(2);
    expect(`box: ${msg}`).toBe(
      linesOf(stderr)
        .map((line, index) => (index === 0 ? line : line.replace(/^box: /, "")))
        .join("; "),
    );
  });

  test("nothing is written where nothing fails", async () => {
    using bundle = new Bundle((spec) => (spec.process.args = ["true"]));
    const log = `${bundle.folder}/log`;
    writeFileSync(log, "kept\n");
    expect(await bundle.box(["--log", log, "run", bundle.id])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    expect(readFileSync(log, "utf8")).toBe("kept\n");
  });
});

describe("why a start failed, in the words that podman and Docker look for", () => {
  const cases: [what: string, args: string[], exitCode: number, words: string][] = [
    ["no such file", ["/bin/nope"], 127, "no such file or directory"],
    ["not in $PATH", ["nope"], 127, "executable file not found in $PATH"],
    ["not executable", ["/etc/passwd"], 126, "permission denied"],
  ];
  for (const [what, args, exitCode, words] of cases)
    test(what, async () => {
      using bundle = new Bundle((spec) => (spec.process.args = args));
      chmodSync(`${bundle.rootfs}/etc/passwd`, 0o644);
      const log = `${bundle.folder}/log`;
      const outcome = await bundle.box(["--log", log, "--log-format", "json", "run", bundle.id]);
      expect(outcome.exitCode).toBe(exitCode);
      expect(outcome.stderr).toContain(words);
      expect(JSON.parse(readFileSync(log, "utf8"))).toMatchObject({ level: "error", msg: expect.stringContaining(words) });
    });
});

describe("warnings", () => {
  const withHalf = (bundle: Bundle): void => void mkdirSync(`${bundle.states}/half`, { recursive: true, mode: 0o700 });

  test("go to the file too", async () => {
    using bundle = new Bundle();
    withHalf(bundle);
    const log = `${bundle.folder}/log`;
    const { exitCode, stderr } = await bundle.box(["--log", log, "--log-format", "json", "list", "-q"]);
    expect(exitCode).toBe(0);
    expect(stderr).toStartWith("box: warning: id: the container half has no state: ");
    const { level, msg } = JSON.parse(readFileSync(log, "utf8")) as { level: string; msg: string };
    expect([level, msg.split("; ")[0]]).toEqual(["warning", linesOf(stderr)[0]?.replace("box: warning: ", "")]);
  });

  test("and nowhere with --log-level error", async () => {
    using bundle = new Bundle();
    withHalf(bundle);
    const log = `${bundle.folder}/log`;
    writeFileSync(log, "");
    expect(await bundle.box(["--log", log, "--log-level", "error", "list", "-q"])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    expect(readFileSync(log, "utf8")).toBe("");
  });
});

test("--log-format json without --log: stderr, as with runc", async () => {
  using bundle = new Bundle();
  const { exitCode, stdout, stderr } = await bundle.box(["--log-format", "json", "state", "nope"]);
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
  expect(withoutTime(stderr)).toBe('{"level":"error","msg":"id: the container nope does not exist","time":"TIME"}\n');
});

test("a file that cannot be written is a second complaint", async () => {
  using bundle = new Bundle();
  expect(await bundle.box(["--log", "/nope/log", "state", "nope"])).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: "box: id: the container nope does not exist\nbox: --log: cannot write to /nope/log: ENOENT (no such file or directory)\n",
  });
});

test("--log-level debug shows the calls before an error, as --debug does", async () => {
  using bundle = new Bundle((spec) => (spec.process.args = ["/bin/nope"]));
  const outcomes = [];
  for (const flags of [["--debug"], ["--log-level", "debug"]]) outcomes.push(await bundle.box([...flags, "run", bundle.id]));
  expect(linesOf(outcomes[0]?.stderr ?? "").filter((line) => line.startsWith("before: ")).length).toBeGreaterThan(0);
  expect(outcomes[1]).toEqual(outcomes[0] as never);
});

test("what is not supported yet is said at once", async () => {
  using bundle = new Bundle((spec) => (spec.process.args = ["true"]));
  expect(await bundle.box(["--systemd-cgroup", "run", bundle.id])).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: "box: --systemd-cgroup: not supported yet\nhint: box makes cgroups itself: leave it out\n",
  });
});

test("box --version is what dockerd and containerd can read", async () => {
  using bundle = new Bundle();
  const lines = linesOf((await bundle.box(["--version"])).stdout);
  // dockerd takes any line with "version" in it for the name and the version.
  expect(lines.filter((line) => line.includes("version"))).toEqual([expect.stringMatching(/^box version \d+\.\d+\.\d+/)]);
  expect(lines.filter((line) => line.startsWith("commit: "))).toHaveLength(1);
  expect(lines.filter((line) => line.startsWith("spec: "))).toEqual([expect.stringMatching(/^spec: 1\.\d+\.\d+/)]);
});
