// All namespaces in use, out of what was read of every process: who is in each, which containers those belong to, and
// what else keeps it. Pure: src/inspect/read-namespaces.ts reads.

import type { Relations } from "../execute/namespace-relations.ts";
import type { Links, Probed } from "../execute/probe-processes.ts";
import { type NamespaceType, namespaceLinks, namespaceTypes, typeOfLink } from "../linux/namespace-types.ts";
import type { MountedNamespace } from "./mounted-namespaces.ts";

/** What keeps a namespace besides the processes in it. */
export type Holder =
  /** Where the next children of a process, or of one of its threads, will be, and it is not itself. */
  | { readonly by: "pid_for_children" | "time_for_children"; readonly pid: number; readonly thread: number; readonly name: string }
  | { readonly by: "fd"; readonly pid: number; readonly name: string; readonly fd: number }
  /** `pid`: a process that sees it there. */
  | { readonly by: "mount"; readonly pid: number; readonly path: string; readonly mountNamespace: number }
  /** A namespace that it owns, or whose parent it is. */
  | { readonly by: "owner" | "parent"; readonly of: number };

export type Namespace = {
  readonly id: number;
  readonly type: NamespaceType;
  /** It is the host's: that of process 1, or of box where that one may not be looked at. */
  readonly isHost: boolean;
  /** In ascending order. */
  readonly members: readonly Probed[];
  /** Threads of members that came here without the first thread of their process; not those of a member as a whole. */
  readonly strays: ReadonlyMap<number, number>;
  /** Effective users of the members, in ascending order. */
  readonly uids: readonly number[];
  /** Those with a member, in the order of their names. */
  readonly containers: readonly string[];
  readonly holders: readonly Holder[];
  /** undefined where the kernel does not tell it to this user. */
  readonly relations: Relations | undefined;
};

export type Survey = {
  readonly processes: readonly Probed[];
  readonly host: Links;
  readonly containerOf: ReadonlyMap<number, string>;
  readonly mounts: readonly (MountedNamespace & { readonly pid: number; readonly mountNamespace: number })[];
};

type Draft = {
  readonly type: NamespaceType;
  readonly members: Probed[];
  readonly strays: Map<number, number>;
  readonly uids: Set<number>;
  readonly containers: Set<string>;
  readonly holders: Holder[];
};

/** By inode, in ascending order: those with a member, or with a holder that is no other namespace. */
export type Drafts = ReadonlyMap<number, Draft>;

export function draftNamespaces({ processes, containerOf, mounts }: Survey): Drafts {
  const drafts = new Map<number, Draft>();
  for (const one of processes) {
    const container = containerOf.get(one.pid);
    for (const [index, type] of namespaceTypes.entries()) addMember(drafts, one.links[index] ?? 0, type, one, container);
    addForChildren(drafts, one, one.pid, one.links);
    for (const { id: thread, links } of one.strays) {
      for (const [index, type] of namespaceTypes.entries()) {
        const id = links[index] ?? 0;
        if (id !== one.links[index]) addStray(drafts, id, type, one, container);
      }
      addForChildren(drafts, one, thread, links);
    }
    for (const { type, id, fd } of one.open) draftOf(drafts, id, type).holders.push({ by: "fd", pid: one.pid, name: one.stat.name, fd });
  }
  for (const { type, id, path, pid, mountNamespace } of mounts)
    draftOf(drafts, id, type).holders.push({ by: "mount", pid, path, mountNamespace });
  return new Map([...drafts].sort(([one], [other]) => one - other));
}

function draftOf(drafts: Map<number, Draft>, id: number, type: NamespaceType): Draft {
  const there = drafts.get(id);
  if (there !== undefined) return there;
  const draft: Draft = { type, members: [], strays: new Map(), uids: new Set(), containers: new Set(), holders: [] };
  drafts.set(id, draft);
  return draft;
}

function addMember(
  drafts: Map<number, Draft>,
  id: number,
  type: NamespaceType,
  one: Probed,
  container: string | undefined,
): Draft | undefined {
  if (id === 0) return undefined;
  const draft = draftOf(drafts, id, type);
  if (draft.members.at(-1) !== one) draft.members.push(one);
  draft.uids.add(one.uid);
  if (container !== undefined) draft.containers.add(container);
  return draft;
}

function addStray(drafts: Map<number, Draft>, id: number, type: NamespaceType, one: Probed, container: string | undefined): void {
  const strays = addMember(drafts, id, type, one, container)?.strays;
  strays?.set(one.pid, (strays.get(one.pid) ?? 0) + 1);
}

const forChildren = ["pid_for_children", "time_for_children"] as const;
const places = forChildren.map((link) => {
  const type = typeOfLink(link);
  return { link, type, at: namespaceLinks.indexOf(link), own: namespaceLinks.indexOf(type) };
});

function addForChildren(drafts: Map<number, Draft>, { pid, stat: { name } }: Probed, thread: number, links: Links): void {
  for (const { link, type, at, own } of places) {
    const id = links[at] ?? 0;
    if (id === 0 || id === links[own]) continue;
    const { holders } = draftOf(drafts, id, type);
    if (!holders.some((one) => one.by === link && one.pid === pid)) holders.push({ by: link, pid, thread, name });
  }
}

/** The whole list, in ascending order: with the namespaces that are known by their relations alone. */
export function finishNamespaces(drafts: Drafts, host: Links, relations: ReadonlyMap<number, Relations>): Namespace[] {
  const byRelation = new Map<number, Holder[]>();
  const add = (id: number | undefined, holder: Holder): void => {
    if (id !== undefined) byRelation.set(id, [...(byRelation.get(id) ?? []), holder]);
  };
  for (const [of, { type, owner, parent }] of relations) {
    add(parent, { by: "parent", of });
    // A user namespace's owner is its parent.
    if (type !== "user") add(owner, { by: "owner", of });
  }
  const found: Namespace[] = [];
  for (const [id, { members, uids, containers, ...draft }] of drafts)
    found.push({
      ...draft,
      id,
      members,
      isHost: isHosts(host, draft.type, id),
      uids: [...uids].sort((one, other) => one - other),
      containers: [...containers].sort(),
      relations: relations.get(id),
    });
  const none = { members: [], strays: new Map<number, number>(), uids: [], containers: [] };
  for (const [id, one] of relations)
    if (!drafts.has(id))
      found.push({ ...none, id, type: one.type, isHost: isHosts(host, one.type, id), holders: byRelation.get(id) ?? [], relations: one });
  return found.sort((one, other) => one.id - other.id);
}

const isHosts = (host: Links, type: NamespaceType, id: number): boolean => host[namespaceTypes.indexOf(type)] === id;

/** The member that was there first. Pids begin anew at some point, so the least one need not be it. */
export const firstMember = ({ members }: Pick<Namespace, "members">): Probed | undefined =>
  members.reduce<Probed | undefined>(
    (first, one) => (first === undefined || one.stat.startTicks < first.stat.startTicks ? one : first),
    undefined,
  );
