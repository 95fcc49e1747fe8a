// Which cgroups a process of exec joins: the container's, or cgroups below them.

import { BoxError } from "../errors.ts";
import { components } from "../linux/components.ts";
import type { State } from "../state/state.ts";
import type { Parsed } from "./arguments.ts";

type Cgroups = State["box"]["cgroups"];

/** `--cgroup PATH` is below each of them, `--cgroup cpu,memory:PATH` below those of these controllers of version 1. */
export function cgroupsOf({ box: { cgroups } }: State, { lists }: Parsed): Cgroups {
  let out = cgroups;
  for (const flag of lists.cgroup ?? []) out = below(out, flag);
  return out;
}

function below(cgroups: Cgroups, flag: string): Cgroups {
  const colon = flag.indexOf(":");
  const controllers = colon < 0 ? undefined : flag.slice(0, colon).split(",");
  const parts = components(flag.slice(colon + 1));
  if (parts.some((part) => part === "..")) throw new BoxError({ origin: "--cgroup", what: `${flag} leads out of the container's cgroup` });
  if (parts.length === 0) return cgroups;
  const under = parts.join("/");
  return cgroups.map((one) =>
    controllers === undefined || controllers.includes(hierarchyOf(one)) ? { ...one, path: `${one.path}/${under}` } : one,
  );
}

/** The folder of the hierarchy's mount: `memory` in /sys/fs/cgroup/memory/box. */
const hierarchyOf = ({ version, path }: Cgroups[number]): string => (version === 2 ? "" : (path.split("/")[4] ?? ""));
