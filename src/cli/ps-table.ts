// What box ps prints of itself: a table of the processes of one container or of all, or the same as JSON.
// docs/inspect.md names the keys.

import { allContainers, type ContainerWithPids } from "../execute/all-containers.ts";
import { processesOf } from "../execute/container-processes.ts";
import { hostReader } from "../execute/files.ts";
import { type ContainerProcess, readContainerProcesses } from "../inspect/container-processes.ts";
import { elapsed } from "../inspect/elapsed.ts";
import { namesOfUsers } from "../inspect/process-text.ts";
import type { Cell, Column } from "../inspect/table.ts";
import { treeOf } from "../inspect/tree.ts";
import type { Globals } from "./commands.ts";
import { rootOfStates } from "./invocation.ts";
import { namedContainer } from "./named-container.ts";
import { showJson, showTable } from "./show-table.ts";

type Options = { readonly tree: boolean; readonly json: boolean; readonly wide: boolean };

/** Without an id: of all containers below the folder of all states. */
export function showProcesses({ root }: Globals, id: string | undefined, { tree, json, wide }: Options): void {
  const stateRoot = root ?? rootOfStates();
  const containers = id === undefined ? allContainers(stateRoot, root === undefined) : [withPids(stateRoot, id)];
  const found = readContainerProcesses(containers);
  const placed = tree
    ? treeOf(
        found,
        ({ pid }) => pid,
        ({ parent }) => parent,
      )
    : found.map((item) => ({ item, branch: "" }));
  if (json) return void showJson({ processes: placed.map(({ item }) => item) });
  const users = namesOfUsers(hostReader.read("/etc/passwd") ?? "");
  const skip = id === undefined ? 0 : 1;
  showTable(
    columns.slice(skip),
    placed.map(({ item, branch }) => rowOf(item, branch, users).slice(skip)),
    wide,
  );
}

function withPids(stateRoot: string, id: string): ContainerWithPids {
  const { state } = namedContainer(stateRoot, id);
  return { state, pids: processesOf(state) };
}

const columns: readonly Column[] = [
  { title: "CONTAINER", least: 9 },
  { title: "PID", right: true },
  { title: "PPID", right: true },
  { title: "INSIDE", right: true },
  { title: "USER", least: 6 },
  { title: "ELAPSED", right: true },
  { title: "CGROUP", least: 6 },
  { title: "SHARED", least: 6 },
  { title: "COMMAND", least: 8 },
];

const rowOf = (one: ContainerProcess, branch: string, users: ReadonlyMap<number, string>): Cell[] => [
  one.container,
  String(one.pid),
  String(one.parent),
  String(one.inside),
  users.get(one.uid) ?? String(one.uid),
  elapsed(one.elapsedSeconds),
  one.cgroup ?? "-",
  { text: one.shared === null ? "?" : one.shared.join(",") || "-", mark: (one.shared?.length ?? 0) > 0 },
  `${branch}${one.command}`,
];
