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
  const path = flag.slice(colon + 1);
  if (path.split("/").includes("..")) throw new BoxError({ origin: "--cgroup", what: `${flag} leads out of the container's cgroup` });
  for (const controller of controllers ?? [])
    if (!cgroups.some((one) => controllersOf(one).includes(controller)))
      throw new BoxError({ origin: "--cgroup", what: `the container has no cgroup of a controller ${JSON.stringify(controller)}` });
  const parts = components(path);
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
  const now = line?.slice("0::".length) ?? "";
  return cgroups.map((one) => {
    if (one.version !== 2) return one;
    const mount = one.path.startsWith(`${hybridMount}/`) ? hybridMount : v2Mount;
    return now.startsWith(`${one.path.slice(mount.length)}/`) ? { ...one, path: `${mount}${now}` } : one;
  });
}

/** Where the v2 hierarchy is, alone or beside those of v1. */
const v2Mount = "/sys/fs/cgroup";
const hybridMount = "/sys/fs/cgroup/unified";
