import { describe, expect, test } from "bun:test";
import { isTapped, parseState, type State, startTimeOf } from "../../src/state/state.ts";

const state: State = {
  ociVersion: "1.3.0",
  id: "web",
  status: "running",
  pid: 77,
  bundle: "/srv/web",
  rootfs: "/srv/web/rootfs",
  created: "2026-01-01T00:00:00.000Z",
  owner: "root",
  box: {
    startTime: 12345,
    supervisor: 76,
    stays: false,
    ownPids: true,
    cgroups: [{ version: 2, path: "/sys/fs/cgroup/web" }],
    plugins: [],
  },
};
const parse = (changes: object): State | undefined => parseState(JSON.stringify({ ...state, ...changes }));
const withCgroup = (version: unknown, path: unknown): boolean =>
  parse({ box: { ...state.box, cgroups: [{ version, path }] } }) !== undefined;

describe("a state file", () => {
  test("as box writes it", () => expect(parse({})).toEqual(state));
  test("with what a later version adds", () => expect(parse({ more: 1 })).toEqual({ ...state, more: 1 } as State));

  test("of one that shares namespaces", () => {
    const box = { ...state.box, shares: [{ type: "network", with: "container:db" }] };
    expect(parse({ box })).toEqual({ ...state, box } as State);
    expect(parse({ box: { ...box, shares: [{ type: "network" }] } })).toBeUndefined();
    expect(parse({ box: { ...box, shares: {} } })).toBeUndefined();
  });

  test.each(["", "{", "null", "[]", "7", '"web"', '{"id":"web"}', "\0\0\0\0", JSON.stringify(state).slice(0, -20)])(
    "torn or foreign: %j",
    (text) => expect(parseState(text)).toBeUndefined(),
  );
  test.each([
    { id: 7 },
    { status: null },
    { pid: "77" },
    { pid: 1.5 },
    { box: null },
    { box: [] },
    { box: { ...state.box, startTime: "1" } },
    { box: { ...state.box, cgroups: {} } },
    { box: { ...state.box, plugins: [{ label: "own", name: "/own.ts", options: {} }] } },
  ])("wrong in itself: %j", (changes) => expect(parse(changes)).toBeUndefined());
});

test("which hooks its plugins tap", () => {
  const plugins = [
    { label: "a", name: "a", options: {}, hooks: ["config"] },
    { label: "b", name: "b", options: {}, hooks: ["prestart", "poststop"] },
  ];
  const tapped = (hook: string): boolean => isTapped({ ...state, box: { ...state.box, plugins } }, hook);
  expect([tapped("poststop"), tapped("config"), tapped("onExec"), isTapped(state, "config")]).toEqual([true, true, false, false]);
});

describe("cgroups, in which everything is killed", () => {
  test("below the root of a hierarchy", () =>
    expect([
      withCgroup(2, "/sys/fs/cgroup/web"),
      withCgroup(2, "/sys/fs/cgroup/unified/a/b"),
      withCgroup(1, "/sys/fs/cgroup/memory/web"),
    ]).toEqual([true, true, true]));
  test.each([
    [2, "/sys/fs/cgroup"],
    [2, "/sys/fs/cgroup/"],
    [2, "/sys/fs/cgroup/."],
    [2, "/sys/fs/cgroup/web/.."],
    [2, "/sys/fs/cgroup//web"],
    [2, "/sys/fs/cgroup/web/"],
    [1, "/sys/fs/cgroup/memory"],
    [1, "/sys/fs/cgroup/memory/"],
    [1, "/sys/fs/cgroup/memory/../web"],
    [2, "/sys/fs/cgroupx/web"],
    [2, "/etc"],
    [2, "sys/fs/cgroup/web"],
    [3, "/sys/fs/cgroup/a/b"],
    ["2", "/sys/fs/cgroup/a/b"],
    [2, 7],
    [2, undefined],
  ])("never version %p at %p", (version, path) => expect(withCgroup(version, path)).toBe(false));
});

describe("when a process started", () => {
  const stat = (name: string): string =>
    `77 (${name}) S 1 77 77 0 -1 4194304 100 0 0 0 0 0 0 0 20 0 1 0 987654 1000 100 18446744073709551615`;
  test("by its stat", () => expect(startTimeOf(stat("sh"))).toBe(987654));
  test("whatever its name", () => expect(startTimeOf(stat(") S 1 2 (3) "))).toBe(987654));
  test("no number from no stat", () => expect(startTimeOf("")).toBeNaN());
});
