import { describe, expect, test } from "bun:test";
import type { Relations } from "../../src/execute/namespace-relations.ts";
import type { Probed } from "../../src/execute/probe-processes.ts";
import { draftNamespaces, finishNamespaces, firstMember, type Namespace, type Survey } from "../../src/inspect/namespaces.ts";
import { namespaceLinks } from "../../src/linux/namespace-types.ts";

type Ids = Partial<Record<(typeof namespaceLinks)[number], number>>;
/** The host has 1 to 8; a link for children leads where the process is, unless it is said otherwise. */
const base: Ids = { cgroup: 1, ipc: 2, mnt: 3, net: 4, pid: 5, time: 6, user: 7, uts: 8 };
const linksOf = (ids: Ids): number[] => {
  const all: Ids = { ...base, ...ids };
  const full: Ids = { pid_for_children: all.pid ?? 0, time_for_children: all.time ?? 0, ...all };
  return namespaceLinks.map((link) => full[link] ?? 0);
};

type Fake = Partial<Pick<Probed, "uid" | "open" | "strays">> & { start?: number };
const process = (pid: number, ids: Ids = {}, { uid = 0, open = [], strays = [], start = pid }: Fake = {}): Probed => ({
  pid,
  uid,
  stat: { name: `n${pid}`, state: "S", parent: 1, threads: 1 + strays.length, startTicks: start },
  links: linksOf(ids),
  strays,
  open,
  seen: true,
});

function survey(processes: Probed[], more: Partial<Survey> = {}, relations = new Map<number, Relations>()): Map<number, Namespace> {
  const host = linksOf({});
  const drafts = draftNamespaces({ processes, host, containerOf: new Map(), mounts: [], ...more });
  return new Map(finishNamespaces(drafts, host, relations).map((one) => [one.id, one]));
}
const pidsOf = (one: Namespace | undefined): number[] | undefined => one?.members.map(({ pid }) => pid);

test("all eight types, of the host and of others", () => {
  const found = survey([process(10), process(11, { net: 90 })]);
  expect([...found.values()].map(({ id, type, isHost }) => [id, type, isHost])).toEqual([
    [1, "cgroup", true],
    [2, "ipc", true],
    [3, "mnt", true],
    [4, "net", true],
    [5, "pid", true],
    [6, "time", true],
    [7, "user", true],
    [8, "uts", true],
    [90, "net", false],
  ]);
  expect([pidsOf(found.get(4)), pidsOf(found.get(90)), pidsOf(found.get(7))]).toEqual([[10], [11], [10, 11]]);
});

test("users and containers of the members, each once", () => {
  const containerOf = new Map([
    [11, "web"],
    [12, "db"],
    [13, "web"],
  ]);
  const found = survey([process(10), process(11, { net: 90 }, { uid: 1000 }), process(12, {}, { uid: 5 }), process(13, { net: 90 })], {
    containerOf,
  });
  expect(found.get(90)).toMatchObject({ uids: [0, 1000], containers: ["web"], isHost: false });
  expect(found.get(7)).toMatchObject({ uids: [0, 5, 1000], containers: ["db", "web"], isHost: true });
});

describe("what keeps a namespace", () => {
  test("children to come, told apart from members", () => {
    const found = survey([process(10, { pid_for_children: 90, time_for_children: 91 }), process(11, { pid: 90 })]);
    expect(pidsOf(found.get(90))).toEqual([11]);
    expect(found.get(90)?.holders).toEqual([{ by: "pid_for_children", pid: 10, thread: 10, name: "n10" }]);
    expect(found.get(91)).toMatchObject({
      type: "time",
      members: [],
      holders: [{ by: "time_for_children", pid: 10, thread: 10, name: "n10" }],
    });
    expect(found.get(5)?.holders).toEqual([]);
  });

  test("open files and mounts", () => {
    const mounts = [{ type: "net", id: 91, path: "/run/netns/blue", pid: 10, mountNamespace: 3 }] as const;
    const found = survey([process(10, {}, { open: [{ type: "uts", id: 90, fd: 9 }] })], { mounts });
    expect(found.get(90)).toMatchObject({ type: "uts", members: [], holders: [{ by: "fd", pid: 10, name: "n10", fd: 9 }] });
    expect(found.get(91)).toMatchObject({
      type: "net",
      holders: [{ by: "mount", pid: 10, path: "/run/netns/blue", mountNamespace: 3 }],
    });
  });

  test("other namespaces, where nothing else is known of it", () => {
    const none = { owner: undefined, parent: undefined, makerUid: undefined };
    const relations = new Map<number, Relations>([
      [7, { ...none, type: "user", makerUid: 0 }],
      [4, { ...none, type: "net", owner: 7 }],
      [90, { ...none, type: "net", owner: 92 }],
      [92, { ...none, type: "user", owner: 93, parent: 93, makerUid: 5 }],
      [93, { ...none, type: "user", owner: 7, parent: 7, makerUid: 6 }],
    ]);
    const found = survey([process(10), process(11, { net: 90 })], {}, relations);
    expect(found.get(92)).toMatchObject({ type: "user", members: [], holders: [{ by: "owner", of: 90 }] });
    expect(found.get(93)).toMatchObject({ holders: [{ by: "parent", of: 92 }], relations: { makerUid: 6 } });
    expect(found.get(7)?.holders).toEqual([]);
    expect(found.get(1)?.relations).toBeUndefined();
  });
});

test("threads that went somewhere without their process", () => {
  const strays = [
    { id: 11, links: linksOf({ uts: 90 }) },
    { id: 12, links: linksOf({ uts: 90, pid_for_children: 91 }) },
  ];
  const found = survey([process(10, {}, { strays })]);
  expect(pidsOf(found.get(8))).toEqual([10]);
  expect(pidsOf(found.get(90))).toEqual([10]);
  expect([...(found.get(90)?.strays ?? [])]).toEqual([[10, 2]]);
  expect([...(found.get(8)?.strays ?? [])]).toEqual([]);
  expect(found.get(91)?.holders).toEqual([{ by: "pid_for_children", pid: 10, thread: 12, name: "n10" }]);
});

test("a process that has ended, or may not be seen, is nowhere", () => {
  const nothing = Object.fromEntries(namespaceLinks.map((link) => [link, 0])) as Ids;
  expect([...survey([process(10, nothing)]).keys()]).toEqual([]);
});

test("the first member is the oldest, since pids begin anew", () => {
  const members = [process(10, {}, { start: 900 }), process(300, {}, { start: 50 }), process(301, {}, { start: 50 })];
  expect(firstMember({ members })?.pid).toBe(300);
  expect(firstMember({ members: [] })).toBeUndefined();
});
