import { describe, expect, test } from "bun:test";
import { parseFlags } from "../../src/cli/arguments.ts";
import { flags } from "../../src/cli/exec.ts";
import { cgroupsOf } from "../../src/cli/exec-cgroups.ts";
import { errorLines } from "../../src/cli/report-error.ts";
import { BoxError } from "../../src/errors.ts";
import type { State } from "../../src/state/state.ts";

const cgroups: State["box"]["cgroups"] = [
  { version: 1, path: "/sys/fs/cgroup/memory/box" },
  { version: 1, path: "/sys/fs/cgroup/cpu,cpuacct/a/box" },
  { version: 2, path: "/sys/fs/cgroup/unified/box" },
];
const state = { box: { cgroups } } as unknown as State;
const pathsFor = (...given: readonly string[]): string[] =>
  cgroupsOf(
    state,
    parseFlags(
      given.flatMap((value) => ["--cgroup", value]),
      flags,
      "exec",
    ),
  ).map(({ path }) => path);
const own = cgroups.map(({ path }) => path);

describe("a process of exec is", () => {
  test("in the container's cgroups", () => expect(pathsFor()).toEqual(own));
  test("in cgroups below them", () => expect(pathsFor("/sub//group")).toEqual(own.map((path) => `${path}/sub/group`)));
  test("in them by a path that says so", () => expect(pathsFor("/", "", ".", "memory:/")).toEqual(own));
  test("below that of one controller", () => expect(pathsFor("memory:sub")).toEqual([`${own[0]}/sub`, own[1] as string, own[2] as string]));
  test("below those of several", () =>
    expect(pathsFor("memory,cpuacct:sub")).toEqual([`${own[0]}/sub`, `${own[1]}/sub`, own[2] as string]));
  test("below each as it is told", () => expect(pathsFor("memory:a", "cpu:b")).toEqual([`${own[0]}/a`, `${own[1]}/b`, own[2] as string]));
});

test.each(["..", "../x", "a/../b", "memory:../x"])("never outside: %s", (path) => {
  const refused = (): void => {
    pathsFor(path);
  };
  expect(refused).toThrow(BoxError);
  try {
    refused();
  } catch (error) {
    expect(errorLines(error as BoxError)).toEqual([`box: --cgroup: ${path} leads out of the container's cgroup`]);
  }
});

test.each(["nothing:x", "memory,memroy:x", ":x"])("a controller that the container has no cgroup of is no silent nothing: %s", (flag) => {
  expect(() => pathsFor(flag)).toThrow(BoxError);
});
