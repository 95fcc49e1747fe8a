// What commands say on stdout where nobody can take it: a full disk is a failure, and a reader that has left is none.

import { expect } from "bun:test";
import { Bundle, binary, execute, testWith } from "./harness.ts";

const test = testWith();

const commands: readonly (readonly string[])[] = [
  ["--version"],
  ["--help"],
  ["run", "--help"],
  ["list"],
  ["list", "--quiet"],
  ["list", "--format", "json"],
  ["state", "ID"],
  ["ps", "ID"],
  ["ps", "-f", "json", "ID"],
  ["ps"],
  ["ns"],
  ["cg", "ID", "cgroup.procs"],
  ["stats", "--json"],
  ["features"],
  ["plan", "--", "true"],
  ["plan", "--json", "--", "true"],
  ["plan", "--explain", "1", "--", "true"],
  ["plugin", "list"],
  ["spec", "--schema"],
  ["spec", "--yaml"],
];

test("a full disk is told, and the command fails", async () => {
  using bundle = new Bundle();
  using running = await bundle.startSh("echo ready; exec sleep 1000");
  expect(running.stdout).toBe("ready\n");
  for (const words of commands) {
    const argv = words.map((word) => (word === "ID" ? bundle.id : word));
    const script = 'exec "$@" > /dev/full';
    const { exitCode, stderr } = await execute(["sh", "-c", script, "sh", binary, "--root", bundle.states, ...argv], {
      cwd: bundle.folder,
    });
    const said = stderr.split("\n").filter((line) => line !== "" && !line.startsWith("box: warning: "));
    expect({ words, exitCode, said }).toEqual({
      words,
      exitCode: 1,
      said: ["box: cannot write to stdout: ENOSPC (no space left on device)"],
    });
  }
}, 60_000);

test("a reader that has left is no failure", async () => {
  using bundle = new Bundle();
  using running = await bundle.startSh("echo ready; exec sleep 1000");
  expect(running.stdout).toBe("ready\n");
  for (const words of commands) {
    const argv = words.map((word) => (word === "ID" ? bundle.id : word));
    // The only reader of the pipe is closed when box begins.
    const script = 'exec 3<> pipe 4> pipe 3<&-; "$@" >&4 4>&-; echo "ended with $?" >&2';
    const { stderr } = await execute(["sh", "-c", `rm -f pipe; mkfifo pipe; ${script}`, "sh", binary, "--root", bundle.states, ...argv], {
      cwd: bundle.folder,
    });
    const said = stderr.split("\n").filter((line) => line !== "" && !line.startsWith("box: warning: "));
    expect({ words, said }).toEqual({ words, said: ["ended with 0"] });
  }
}, 60_000);
