// Whether a profile lets calls through, by its rules.

import { expect, test } from "bun:test";
import type { Seccomp } from "../../src/config/spec.ts";
import { allows } from "../../src/seccomp/allows.ts";

const profile = (defaultAction: Seccomp["defaultAction"], ...syscalls: NonNullable<Seccomp["syscalls"]>): Seccomp => ({
  defaultAction,
  syscalls,
});
const on = (name: string, action: Seccomp["defaultAction"], args?: NonNullable<Seccomp["syscalls"]>[number]["args"]) => ({
  names: ["other", name],
  action,
  ...(args === undefined ? {} : { args }),
});
const argument = [{ index: 0, value: 1, op: "SCMP_CMP_EQ" as const }];

test("by name", () => expect(allows(profile("SCMP_ACT_ERRNO", on("read", "SCMP_ACT_ALLOW")), ["read"])).toBe(true));
test("by default", () => expect(allows(profile("SCMP_ACT_ALLOW"), ["read"])).toBe(true));
test("logged is allowed", () => expect(allows(profile("SCMP_ACT_LOG"), ["read"])).toBe(true));
test("one of two is not enough", () =>
  expect(allows(profile("SCMP_ACT_ERRNO", on("read", "SCMP_ACT_ALLOW")), ["read", "write"])).toBe(false));
test("for some arguments only", () =>
  expect(allows(profile("SCMP_ACT_ERRNO", on("read", "SCMP_ACT_ALLOW", argument)), ["read"])).toBe(false));
test("but for some arguments", () =>
  expect(allows(profile("SCMP_ACT_ERRNO", on("read", "SCMP_ACT_ALLOW"), on("read", "SCMP_ACT_KILL", argument)), ["read"])).toBe(false));
test("refused by name", () => expect(allows(profile("SCMP_ACT_ALLOW", on("read", "SCMP_ACT_ERRNO")), ["read"])).toBe(false));
