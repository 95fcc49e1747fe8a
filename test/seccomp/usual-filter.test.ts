import { expect, test } from "bun:test";
import { defaultSeccomp } from "../../src/config/default-seccomp.ts";
import { usualCapabilities } from "../../src/config/embedded-spec.ts";
import { expandYaml, plainHost } from "../../src/index.ts";
import { allows, callsOfInit } from "../../src/seccomp/allows.ts";
import { compileSeccomp } from "../../src/seccomp/compile-seccomp.ts";
import { usualFilter, usualProfile } from "../../src/seccomp/usual-filter.ts";

for (const machine of ["x64", "arm64"] as const) {
  test(`${machine}: it is what the default profile compiles to`, () => {
    const profile = defaultSeccomp(usualCapabilities, machine);
    expect(usualProfile(machine)).toEqual(profile);
    expect(usualFilter(profile, machine)).toEqual({ ...compileSeccomp(profile, machine), early: allows(profile, callsOfInit) });
  });

  test(`${machine}: a box.yaml that names neither a profile nor capabilities has it`, () => {
    const filterOf = (text: string): boolean => {
      const { seccomp } = expandYaml(text, { host: { ...plainHost, machine } }).spec.linux ?? {};
      return seccomp !== undefined && usualFilter(seccomp, machine) !== undefined;
    };
    expect(filterOf("rootfs: host\n")).toBe(true);
    expect(filterOf("rootfs: host\noci: { linux: { seccomp: { defaultErrnoRet: 1 } } }\n")).toBe(false);
    expect(filterOf("rootfs: host\ncapabilities: { add: [SYS_ADMIN] }\n")).toBe(false);
  });
}

test("each call makes a new value", () => {
  const changed = usualProfile("x64");
  changed.syscalls?.pop();
  expect(usualFilter(changed, "x64")).toBeUndefined();
  expect(usualFilter(usualProfile("x64"), "x64")).toBeDefined();
});
