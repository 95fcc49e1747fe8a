// Which cgroups a process of exec joins: the container's, or cgroups below them.

import { BoxError } from "../errors.ts";
import { readText } from "../execute/files.ts";
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
  const meant = (one: Cgroups[number]): boolean =>
    controllers === undefined || controllersOf(one).some((controller) => controllers.includes(controller));
  return cgroups.map((one) => (meant(one) ? { ...one, path: `${one.path}/${under}` } : one));
}

/** As the folder of the hierarchy's mount names them: `cpu,cpuacct` in /sys/fs/cgroup/cpu,cpuacct/box. */
const controllersOf = ({ version, path }: Cgroups[number]): string[] => (version === 2 ? [] : (path.split("/")[4] ?? "").split(","));

/**
 * Where init is by now, on v2: it may have made cgroups below the container's and handed them controllers, and then no
 * process can be in the container's own (cgroups(7), "no internal processes"), which clone3 says with EBUSY.
 */
export function cgroupsOfInit({ pid, box: { cgroups } }: State): Cgroups {
  const text = readText(`/proc/${pid}/cgroup`);
  const line = typeof text === "string" ? text.split("\n").find((one) => one.startsWith("0::")) : undefined;
  return cgroups.map((one) => {
    const inside = one.version === 2 && line !== undefined ? line.indexOf(one.path.slice(one.path.lastIndexOf("/"))) : -1;
    return inside < 0 || line === undefined
      ? one
      : { ...one, path: `${one.path.slice(0, one.path.lastIndexOf("/"))}${line.slice(inside)}` };
  });
}
