// Which container a process belongs to by its cgroups. Pure: cgroups as states name them, by their paths in the file
// system, against /proc/PID/cgroup, which has them below each hierarchy's root.

import type { CgroupFacts } from "../host/facts.ts";
import type { State } from "../state/state.ts";

type Container = Pick<State, "id"> & { readonly box: Pick<State["box"], "cgroups"> };

/** The containers' ids by their cgroups, of any hierarchy: the paths are the container's own in each. */
export function cgroupOwners(containers: readonly Container[], { v1, v2 }: Pick<CgroupFacts, "v1" | "v2">): Map<string, string> {
  const mounts = [...v1, ...(v2 === undefined ? [] : [v2])].map(({ mount }) => `${mount}/`);
  const owners = new Map<string, string>();
  for (const { id, box } of containers)
    for (const { path } of box.cgroups) {
      // The longest one is where the path is: /sys/fs/cgroup/unified/a is not in the hierarchy at /sys/fs/cgroup.
      const mount = mounts.filter((one) => path.startsWith(one)).sort((one, other) => other.length - one.length)[0];
      if (mount !== undefined) owners.set(path.slice(mount.length - 1), id);
    }
  return owners;
}

/** The container that a process with this /proc/PID/cgroup is in, or in a cgroup below. */
export function ownerOfCgroups(text: string, owners: ReadonlyMap<string, string>): string | undefined {
  for (const line of text.split("\n")) {
    let path = line.slice(line.indexOf(":", line.indexOf(":") + 1) + 1);
    while (path.length > 1) {
      const owner = owners.get(path);
      if (owner !== undefined) return owner;
      path = path.slice(0, path.lastIndexOf("/"));
    }
  }
  return undefined;
}
