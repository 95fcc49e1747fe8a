// SCMP_ACT_NOTIFY: an agent gets the listener and the container process state, and what it answers is what the container sees.

import { describe, expect } from "bun:test";
import type { Seccomp } from "../../src/config/spec.ts";
import { Bundle, type RichSpec, testWith } from "./harness.ts";
import { Agent } from "./seccomp-agent.ts";

const test = testWith();

const ask =
  (path: string, names: string[], more: Partial<Seccomp> = {}) =>
  (spec: RichSpec): void => {
    spec.linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW", listenerPath: path, syscalls: [{ names, action: "SCMP_ACT_NOTIFY" }], ...more };
  };

const ENOMEDIUM = 123;

test("try", async () => {
  using bundle = new Bundle();
  using agent = new Agent(`${bundle.folder}/agent`, () => ({ errno: ENOMEDIUM }));
  bundle.change(ask(agent.path, ["mkdir", "mkdirat"]));
  expect(await bundle.run(["mkdir", "/tmp/a"])).toEqual({ exitCode: 1, stdout: "", stderr: "mkdir: can't create directory '/tmp/a': No medium found\n" });
  console.log(agent.told, agent.asked);
});
