import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { checkSpec } from "../../src/config/check-spec.ts";
import { fromClientProfile } from "../../src/config/client-profile.ts";
import { BoxError } from "../../src/errors.ts";
import { compileSeccomp } from "../../src/seccomp/compile-seccomp.ts";
import { readPodmanProfile } from "../seccomp/profiles.ts";

const archMap = [
  { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] },
  { architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"] },
];
const rule = (names: string[], more: object = {}): object => ({ names, action: "SCMP_ACT_ALLOW", args: [], ...more });

/** Names that the rules let through. */
const allowed = (syscalls: object[], machine: "x64" | "arm64" = "x64", granted: string[] = []): unknown[] => {
  const { syscalls: rules } = fromClientProfile({ defaultAction: "SCMP_ACT_ERRNO", archMap, syscalls }, machine, granted) as {
    syscalls: { names: string[] }[];
  };
  return rules.flatMap(({ names }) => names);
};

describe("rules apply", () => {
  test("always", () => expect(allowed([rule(["read"], { includes: {}, excludes: {}, comment: "a" })])).toEqual(["read"]));
  test("on some machines", () => {
    const rules = [rule(["arch_prctl"], { includes: { arches: ["amd64", "x32"] } }), rule(["a"], { excludes: { arches: ["arm64"] } })];
    expect([allowed(rules), allowed(rules, "arm64")]).toEqual([["arch_prctl", "a"], []]);
  });
  test("with all of some capabilities", () => {
    const rules = [rule(["mount"], { includes: { caps: ["CAP_SYS_ADMIN", "CAP_KILL"] } })];
    expect([allowed(rules, "x64", ["CAP_SYS_ADMIN"]), allowed(rules, "x64", ["CAP_SYS_ADMIN", "CAP_KILL"])]).toEqual([[], ["mount"]]);
  });
  test("without any of some", () => {
    const rules = [rule(["clone"], { excludes: { caps: ["CAP_SYS_ADMIN", "CAP_KILL"] } })];
    expect([allowed(rules), allowed(rules, "x64", ["CAP_KILL"])]).toEqual([["clone"], []]);
  });
  test("on kernels from 4.8 on, which all are", () =>
    expect(allowed([rule(["ptrace"], { includes: { minKernel: "4.8" } }), rule(["a"], { excludes: { minKernel: "4.8" } })])).toEqual([
      "ptrace",
    ]));
  test("not on kernels that may be another", () =>
    expect(() => allowed([rule(["a"], { includes: { minKernel: "6.1" } })])).toThrow(
      new BoxError({ what: "a rule depends on Linux 6.1, and box knows only that this is 5.10 or newer" }),
    ));
  test("in the oldest form", () => expect(allowed([{ name: "read", action: "SCMP_ACT_ALLOW" }])).toEqual(["read"]));
});

test("architectures are those of the machine", () =>
  expect(fromClientProfile({ defaultAction: "SCMP_ACT_ERRNO", archMap, syscalls: [] }, "arm64", [])).toEqual({
    defaultAction: "SCMP_ACT_ERRNO",
    architectures: ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
    syscalls: [],
  }));

test("errnos may have their names alone", () =>
  expect(
    fromClientProfile(
      {
        defaultAction: "SCMP_ACT_ERRNO",
        defaultErrno: "ENOSYS",
        archMap: [],
        syscalls: [
          { names: ["a"], action: "SCMP_ACT_ERRNO", errno: "EPERM" },
          { names: ["b"], action: "SCMP_ACT_ERRNO", errno: "EPERM", errnoRet: 2 },
        ],
      },
      "x64",
      [],
    ),
  ).toEqual({
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 38,
    architectures: ["SCMP_ARCH_X86_64"],
    syscalls: [
      { names: ["a"], action: "SCMP_ACT_ERRNO", errnoRet: 1 },
      { names: ["b"], action: "SCMP_ACT_ERRNO", errnoRet: 2 },
    ],
  }));

test("what is no such file stays as it is", () => {
  for (const value of [{ defaultAction: "SCMP_ACT_ALLOW" }, [], "a", null, { archMap: "a" }])
    expect(fromClientProfile(value, "x64", [])).toBe(value);
  expect(fromClientProfile({ archMap: [1], syscalls: [2, null], defaultAction: 3 }, "x64", [])).toEqual({
    architectures: ["SCMP_ARCH_X86_64"],
    syscalls: [2, null],
    defaultAction: 3,
  });
});

const file = "/usr/share/containers/seccomp.json";
const podman = readPodmanProfile();
if (podman === undefined)
  console.warn(`SKIPPED: podman's file is what podman makes of it: this machine lacks ${file} (Debian package podman)`);
test.skipIf(podman === undefined)("podman's file is what podman makes of it", () => {
  const seccomp = fromClientProfile(JSON.parse(readFileSync(file, "utf8")), "x64", []);
  const spec = checkSpec({ ociVersion: "1.0.0", root: { path: "a" }, linux: { seccomp } });
  expect(spec.linux?.seccomp?.syscalls).toEqual(podman?.syscalls);
  expect(compileSeccomp(spec.linux?.seccomp as NonNullable<typeof podman>, "x64").filter.length).toBeGreaterThan(1000);
});
