// box plugin list: the built-in plugins and those that the host names, with the hooks that they tap and what for.

import type { HookName } from "../../hooks/hooks.ts";
import { BoxError } from "../errors.ts";
import { writeLine } from "../execute/write-line.ts";
import { hostConfig } from "../host/host-config.ts";
import type { Globals } from "./commands.ts";
import { isHostConfigured, rootOfStates } from "./invocation.ts";
import { printTable } from "./list-table.ts";
import { builtIn, loadPlugins, type PluginRequest, tappedBy } from "./load-plugins.ts";
import { errorLines } from "./report-error.ts";

type Row = {
  readonly name: string;
  /** What puts it into a container. */
  readonly from: "built-in" | "every container" | "annotation";
  readonly file: string | undefined;
  readonly hooks: readonly HookName[];
  readonly description: string;
  /** Why it cannot be loaded. */
  readonly broken?: string;
};

/** Ends with 1 when one of the host's cannot be loaded. */
export async function listPlugins(json: boolean, { root }: Globals): Promise<number> {
  const rows: Row[] = [];
  for (const name of Object.keys(builtIn).sort()) {
    const { plugin, hooks } = await tappedBy(name);
    rows.push({ name, from: "built-in", file: undefined, hooks, description: plugin.description ?? "" });
  }
  const stateRoot = root ?? rootOfStates();
  if (isHostConfigured()) {
    const { plugins, allow } = await (await import("./host-plugins.ts")).readHostPlugins(true);
    for (const request of plugins) rows.push(await rowOf(request, "every container", stateRoot));
    for (const request of allow) rows.push(await rowOf(request, "annotation", stateRoot));
  }
  writeLine(json ? JSON.stringify(rows, null, 2) : asTable(rows));
  return rows.some(({ broken }) => broken !== undefined) ? 1 : 0;
}

async function rowOf(request: PluginRequest, from: Row["from"], stateRoot: string): Promise<Row> {
  const { name } = request;
  try {
    const { loaded } = await loadPlugins([request], { stateRoot });
    const [one] = loaded;
    const file = one?.name === name ? undefined : one?.name;
    return {
      name: one?.plugin.name ?? name,
      from,
      file,
      hooks: (one?.hooks ?? []) as HookName[],
      description: one?.plugin.description ?? "",
    };
  } catch (error) {
    if (!(error instanceof BoxError)) throw error;
    return { name, from, file: undefined, hooks: [], description: "", broken: errorLines(error).join("; ") };
  }
}

function asTable(rows: readonly Row[]): string {
  const table = printTable([
    ["NAME", "FROM", "HOOKS", "WHAT FOR"],
    ...rows.map(({ name, from, hooks, description, broken }) => [name, from, hooks.join(","), broken ?? description]),
  ]);
  return rows.some(({ from }) => from !== "built-in") ? `${table}\n\n${hostConfig} names those that are not built-in.` : table;
}
