import { expect, test } from "bun:test";
import type { Namespace } from "../../src/config/spec.ts";
import { foreground, type Launch } from "../../src/plan/launch.ts";
import { firstState } from "../../src/state/first-state.ts";
import { parseState } from "../../src/state/state.ts";
import { cgroupLayouts, plainFacts, specWith, userFacts } from "../plan/plan-for.ts";

const container = { id: "web", bundle: "/srv/web", spec: specWith({ spec: { annotations: { a: "b" } } }), hostRoot: false };

test("names all that may have to be undone, before anything is made", () => {
  const { created, box, ...state } = firstState(container, { ...plainFacts, cgroups: cgroupLayouts.hybrid });
  expect(state).toEqual({
    ociVersion: "1.3.0",
    id: "web",
    status: "creating",
    pid: 0,
    bundle: "/srv/web",
    rootfs: "/srv/web/rootfs",
    owner: "root",
    annotations: { a: "b" },
  });
  expect(new Date(created).toISOString()).toBe(created);
  expect(box).toEqual({
    startTime: 0,
    supervisor: process.pid,
    stays: false,
    ownPids: true,
    cgroups: [
      { version: 1, path: "/sys/fs/cgroup/cpu,cpuacct/web" },
      { version: 1, path: "/sys/fs/cgroup/cpuset/web" },
      { version: 1, path: "/sys/fs/cgroup/systemd/user.slice/web" },
      { version: 2, path: "/sys/fs/cgroup/unified/user.slice/web" },
    ],
    plugins: [],
  });
});

test("says whether the container stays when it has ended", () => {
  const stays = (launch?: Partial<Launch>): boolean =>
    firstState(launch === undefined ? container : { ...container, launch: { ...foreground, ...launch } }, plainFacts).box.stays;
  expect([stays(), stays({}), stays({ keep: true }), stays({ way: "detached" }), stays({ way: "created" })]).toEqual([
    false,
    false,
    true,
    true,
    true,
  ]);
});

test("says whether the container has pids of its own", () => {
  const owns = (namespaces: Namespace[]): boolean =>
    firstState({ ...container, spec: specWith({ linux: { namespaces } }) }, plainFacts).box.ownPids;
  expect([owns([{ type: "pid" }]), owns([{ type: "pid", path: "/proc/7/ns/pid" }]), owns([{ type: "mount" }])]).toEqual([
    true,
    false,
    false,
  ]);
});

test("says whose namespaces it is in", () => {
  const joins = [
    { type: "network", path: "/proc/7/ns/net", to: "container:db", inode: 4026532000 },
    { type: "ipc", path: "/run/ipc" },
  ] as const;
  expect(firstState({ ...container, joins }, plainFacts).box.shares).toEqual([
    { type: "network", with: "container:db" },
    { type: "ipc", with: "/run/ipc" },
  ]);
});

test("is a state that can be read again", () => {
  const state = firstState(container, plainFacts);
  expect(parseState(JSON.stringify(state))).toEqual(state);
});

test("of a user who may make no cgroup names none", () => {
  const { owner, box } = firstState(container, { ...plainFacts, ...userFacts });
  expect([owner, box.cgroups]).toEqual(["1000", []]);
});
