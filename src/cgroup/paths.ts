// Where a container's cgroups are: one in each hierarchy of the host. Pure.

import { BoxError } from "../errors.ts";
import type { CgroupFacts } from "../host/facts.ts";
import { components } from "../linux/components.ts";

export type ContainerCgroup = {
  readonly version: 1 | 2;
  /** On v1 those of the hierarchy, on v2 those that its root offers. */
  readonly controllers: readonly string[];
  /** Mount point of the hierarchy. */
  readonly mount: string;
  /** Folders to make below the mount point, in order: the cgroup's path as components. */
  readonly parts: readonly string[];
  /** How many of them are there already: those of the cgroup that box itself is in. */
  readonly present: number;
  /** The whole path on the host. */
  readonly path: string;
};

/**
 * The cgroups of container `id`. An absolute `cgroupsPath` starts at the hierarchy's root; a relative one, or the id
 * when there is none, lies at box's own place: below box's cgroup on v1, in the parent of box's cgroup on v2,
 * since a v2 cgroup with processes cannot hand controllers to cgroups below it (cgroups(7), "no internal processes").
 */
export function containerCgroups(facts: CgroupFacts, cgroupsPath: string | undefined, id: string): ContainerCgroup[] {
  const wanted = cgroupsPath === undefined || cgroupsPath === "" ? id : cgroupsPath;
  const below = components(wanted);
  // The container's cgroup and all in it end with the container: that must never be the host's, or box's own.
  if (below.length === 0) {
    const fault = { path: "linux.cgroupsPath", expected: "a path that names a cgroup", got: JSON.stringify(wanted) };
    throw new BoxError({ what: "the configuration is not valid", faults: [fault] });
  }
  const out: ContainerCgroup[] = [];
  const add = (version: 1 | 2, controllers: readonly string[], mount: string, base: readonly string[]): void => {
    const parts = wanted.startsWith("/") ? below : [...base, ...below];
    out.push({ version, controllers, mount, parts, present: parts.length - below.length, path: `${mount}/${parts.join("/")}` });
  };
  for (const { controllers, mount, own } of facts.v1) add(1, controllers, mount, components(own));
  if (facts.v2 !== undefined) {
    const base = components(facts.v2.own);
    add(2, facts.v2.controllers, facts.v2.mount, facts.v1.length > 0 ? base : base.slice(0, -1));
  }
  return out;
}
