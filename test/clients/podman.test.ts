// podman as root with box as its runtime: what people do with it from day to day.

import { expect } from "bun:test";
import { Podman, podmanPrograms } from "./podman.ts";
import { type Scenario, testRing } from "./scenarios.ts";

const output: Record<string, Scenario<Podman>> = {
  "run: output and exit code are the command's": async (podman) => {
    const outcome = await podman.run([], ["sh", "-c", "echo out; echo err >&2; exit 7"]);
    expect(outcome).toEqual({ exitCode: 7, stdout: "out\n", stderr: "err\n" });
  },
  "run: a command that is not there gives 127": async (podman) => {
    expect((await podman.run([], ["no-such-command"])).exitCode).toBe(127);
  },
  "run: a command that is not executable gives 126": async (podman) => {
    expect((await podman.run([], ["/etc/motd"])).exitCode).toBe(126);
  },
  "run: stdin arrives": async (podman) => {
    const { stdout } = await podman.run(["-i"], ["sh", "-c", "read line; echo got $line; cat"], { stdin: "one\ntwo\n" });
    expect(stdout).toBe("got one\ntwo\n");
  },
};

await testRing({
  name: "podman",
  programs: podmanPrograms,
  open: (runtime) => Podman.open(runtime),
  scenarios: { ...output },
});
