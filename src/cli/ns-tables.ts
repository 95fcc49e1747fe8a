// What box ns prints: a table of namespaces or of one's processes, or the same as JSON. docs/inspect.md names the keys.

import { hostReader } from "../execute/files.ts";
import type { Probed } from "../execute/probe-processes.ts";
import { namespaceTree } from "../inspect/namespace-tree.ts";
import { firstMember, type Holder, type Namespace } from "../inspect/namespaces.ts";
import { commandLine, namesOfUsers, type ProcessCgroup, parseCgroups, pidsWithin } from "../inspect/process-text.ts";
import type { ReadNamespaces } from "../inspect/read-namespaces.ts";
import type { Cell, Column } from "../inspect/table.ts";
import type { Placed } from "../inspect/tree.ts";
import type { NamespaceLink } from "../linux/namespace-types.ts";
import { showJson, showTable } from "./show-table.ts";

export type NamedLink = { readonly link: NamespaceLink; readonly id: number };
type Options = {
  readonly shared: boolean;
  /** The container that was asked for. */
  readonly container: string | undefined;
  readonly tree: boolean;
  readonly json: boolean;
  readonly wide: boolean;
};
/** With `link` where it is one of a process that was asked for. */
type Shown = Namespace & Partial<Pick<NamedLink, "link">>;

const read = (path: string): string => hostReader.read(path) ?? "";
const commandOf = ({ pid, stat }: Probed): string => commandLine(read(`/proc/${pid}/cmdline`), stat.name);

export function showNamespaces(namespaces: readonly Shown[], { unseen }: ReadNamespaces, options: Options): void {
  const placed = options.tree ? namespaceTree(namespaces) : namespaces.map((item) => ({ item, branch: "" }));
  if (options.json)
    return void showJson({ namespaces: placed.map(({ item }) => jsonOf(item, options.container)), unseenProcesses: unseen });
  const columns = namespaceColumns(options);
  showTable(
    columns,
    placed.map((one) => columns.map(({ cell }) => cell(one))),
    options.wide,
  );
}

type NamespaceColumn = Column & { readonly cell: (placed: Placed<Shown>) => Cell };

function namespaceColumns({ shared, container }: Options): NamespaceColumn[] {
  const users = namesOfUsers(read("/etc/passwd"));
  const first: NamespaceColumn[] = [
    { title: "NAMESPACE", cell: ({ item, branch }) => `${branch}${item.id}` },
    { title: "TYPE", cell: ({ item }) => item.link ?? item.type },
    { title: "PROCS", right: true, cell: ({ item }) => String(item.members.length) },
    { title: "USERS", least: 8, cell: ({ item }) => listOf(item.uids.map((uid) => users.get(uid) ?? String(uid))) },
  ];
  const containers: NamespaceColumn = {
    title: "CONTAINER",
    least: 9,
    cell: ({ item }) => listOf([...(item.isHost ? ["host"] : []), ...item.containers]),
  };
  const sharing: NamespaceColumn = {
    title: "SHARED",
    least: 6,
    cell: ({ item }) => {
      const others = sharedWith(item, container);
      return { text: listOf(others), mark: others.length > 0 };
    },
  };
  const last: NamespaceColumn[] = [
    { title: "PID", right: true, cell: ({ item }) => String(firstMember(item)?.pid ?? "-") },
    { title: "COMMAND", least: 10, cell: ({ item }) => commandOrHolders(item) },
  ];
  // Of a container that was asked for it is not said again whose a namespace is.
  return [...first, ...(container === undefined ? [containers] : []), ...(shared ? [sharing] : []), ...last];
}

const listOf = (words: readonly string[]): string => words.join(",") || "-";

function commandOrHolders(one: Namespace): string {
  const first = firstMember(one);
  return first === undefined ? one.holders.map(holderWords).join(", ") : commandOf(first);
}

/** `host` and the containers, where more than one of these have it; without the container that was asked for. */
function sharedWith({ isHost, containers }: Namespace, asked: string | undefined): string[] {
  const all = [...(isHost ? ["host"] : []), ...containers];
  return containers.length === 0 || all.length === 1 ? [] : all.filter((one) => one !== asked);
}

function holderWords(holder: Holder): string {
  switch (holder.by) {
    case "fd":
      return `fd ${holder.fd} of ${holder.pid} (${holder.name})`;
    case "mount":
      return `mount ${holder.path} of ${holder.pid}`;
    case "owner":
      return `owner of ${holder.of}`;
    case "parent":
      return `parent of ${holder.of}`;
    default:
      return `${holder.by} of ${holder.pid} (${holder.name})`;
  }
}

function jsonOf(one: Shown, asked?: string): Record<string, unknown> {
  const first = firstMember(one);
  return {
    id: one.id,
    type: one.type,
    ...(one.link === undefined ? {} : { link: one.link }),
    processes: one.members.length,
    users: one.uids,
    host: one.isHost,
    containers: one.containers,
    sharedWith: sharedWith(one, asked),
    pid: first?.pid ?? null,
    command: first === undefined ? null : commandOf(first),
    owner: one.relations?.owner ?? null,
    parent: one.relations?.parent ?? null,
    makerUid: one.relations?.makerUid ?? null,
    holders: one.holders,
  };
}

export function showNamespace(one: Namespace, all: ReadNamespaces, options: Pick<Options, "json" | "wide">): void {
  const processes = one.members.map((member) => processOf(member, one, all));
  if (options.json) return void showJson({ ...jsonOf(one), processes, unseenProcesses: all.unseen });
  if (processes.length > 0 || one.holders.length === 0) showTable(processColumns, processes.map(processRow), options.wide);
  if (one.holders.length > 0)
    showTable(
      [{ title: "HELD BY", least: 20 }],
      one.holders.map((holder) => [holderWords(holder)]),
      options.wide,
    );
}

type InNamespace = {
  readonly pid: number;
  readonly parent: number;
  readonly pids: readonly number[];
  readonly uid: number;
  readonly name: string;
  readonly state: string;
  readonly threads: number;
  readonly threadsInside: number;
  readonly container: string | null;
  readonly cgroups: readonly ProcessCgroup[];
  readonly command: string;
};

function processOf(member: Probed, { strays }: Namespace, { containerOf }: ReadNamespaces): InNamespace {
  const { pid, uid, stat } = member;
  return {
    pid,
    parent: stat.parent,
    pids: pidsWithin(read(`/proc/${pid}/status`)),
    uid,
    name: stat.name,
    state: stat.state,
    threads: stat.threads,
    threadsInside: strays.get(pid) ?? stat.threads,
    container: containerOf.get(pid) ?? null,
    cgroups: parseCgroups(read(`/proc/${pid}/cgroup`)),
    command: commandOf(member),
  };
}

const processColumns: readonly Column[] = [
  { title: "PID", right: true },
  { title: "PPID", right: true },
  { title: "NSPID", right: true },
  { title: "STATE" },
  { title: "THREADS", right: true },
  { title: "NAME", least: 6 },
  { title: "CGROUPS", least: 9 },
  { title: "COMMAND", least: 10 },
];

const processRow = ({ pid, parent, pids, state, threads, threadsInside, name, cgroups, command }: InNamespace): Cell[] => [
  String(pid),
  String(parent),
  // From box's pid namespace inwards; what the first column has needs not be said again.
  pids.slice(1).join(",") || String(pid),
  state,
  threadsInside === threads ? String(threads) : `${threadsInside}/${threads}`,
  name,
  [...new Set(cgroups.map(({ path }) => path))].join(" ") || "-",
  command,
];
