// A mount of type cgroup. On a host with v1 hierarchies the container sees what it would see on such a host: a tmpfs
// with one folder a hierarchy. On pure v2, either type means cgroup2.
//
// A v1 mount is read-only unless the configuration says otherwise and never shows another container's cgroup: in a
// cgroup namespace the hierarchy's root is the container's own; without one, only its own cgroup is bound.

import type { Mount } from "../config/spec.ts";
import { type Slot, type Step, step } from "../tape/step.ts";
import { setAttributes } from "./attributes.ts";
import { type Building, newFd } from "./builder.ts";
import { containerCgroups } from "./cgroups.ts";
import { makeFilesystem, type SortedOptions } from "./mounts.ts";
import { attach } from "./root.ts";
import { components, ensureInRoot } from "./steps.ts";

/** undefined: nothing special here, an ordinary filesystem of that type. */
export function planCgroupMount(building: Building, mount: Mount, origin: string, sorted: SortedOptions): Step[] | undefined {
  const { cgroups } = building.facts;
  const destination = `/${components(mount.destination).join("/")}`;
  const target = newFd(building, `${destination}, below`);
  const made = newFd(building, destination);
  const open = ensureInRoot(building.child, building.root, mount.destination, "folder", origin, target);
  if (cgroups.v1.length === 0 || mount.type === "cgroup2") {
    if (cgroups.v2 === undefined) return undefined;
    return [...cgroup2(building, origin, sorted, destination, made), open, attach(made, target, origin, `mount cgroup2 on ${destination}`)];
  }
  const why = `mount a tmpfs for the cgroup hierarchies on ${destination}`;
  const folder = { attributes: { ...sorted.attributes, set: sorted.attributes.set.filter((name) => name !== "MOUNT_ATTR_RDONLY") } };
  const steps = [
    ...makeFilesystem(building, { type: "tmpfs", source: "tmpfs", data: ["mode=755"], sorted: folder, origin, why, out: made }),
    open,
    attach(made, target, origin, why),
  ];
  for (const hierarchy of containerCgroups(building)) {
    if (hierarchy.version !== 1) continue;
    steps.push(...v1Hierarchy(building, origin, sorted, destination, made, hierarchy));
  }
  steps.push(...setAttributes(made, sorted.attributes, origin, `set the options of ${destination}`));
  return steps;
}

function cgroup2(building: Building, origin: string, sorted: SortedOptions, destination: string, made: Slot<"fd">): Step[] {
  const why = `mount cgroup2 on ${destination}`;
  const own = containerCgroups(building).find(({ version }) => version === 2);
  if (building.namespaces.made.has("cgroup") || own === undefined)
    return makeFilesystem(building, { type: "cgroup2", source: "cgroup", data: sorted.data, sorted, origin, why, out: made });
  // Without a cgroup namespace a fresh mount would show the host's whole tree.
  return [
    step("open_tree", ["AT_FDCWD", own.path, ["OPEN_TREE_CLONE", "OPEN_TREE_CLOEXEC"]], origin, `bind the container's cgroup to ${destination}`, {
      out: made,
    }),
  ];
}

type Hierarchy = { readonly controllers: readonly string[]; readonly mount: string; readonly path: string };

function v1Hierarchy(
  building: Building,
  origin: string,
  sorted: SortedOptions,
  destination: string,
  parent: Slot<"fd">,
  hierarchy: Hierarchy,
): Step[] {
  const name = hierarchy.mount.slice(hierarchy.mount.lastIndexOf("/") + 1);
  const folder = newFd(building, `${destination}/${name}, below`);
  const made = newFd(building, `${destination}/${name}`);
  const why = `mount the hierarchy ${name} on ${destination}/${name}`;
  const options = hierarchy.controllers.map((controller) => (controller.startsWith("name=") ? controller : controller));
  const named = hierarchy.controllers[0]?.startsWith("name=") === true;
  const data = named ? ["none", ...options] : options;
  const make = building.namespaces.made.has("cgroup")
    ? makeFilesystem(building, { type: "cgroup", source: "cgroup", data, sorted, origin, why, out: made })
    : [step("open_tree", ["AT_FDCWD", hierarchy.path, ["OPEN_TREE_CLONE", "OPEN_TREE_CLOEXEC"]], origin, why, { out: made })];
  const links =
    hierarchy.controllers.length < 2
      ? []
      : hierarchy.controllers.map((controller) =>
          step("symlinkat", [name, parent, controller], origin, `link ${controller} to ${name}`, { onError: [["EEXIST", []]] }),
        );
  return [
    step("mkdirat", [parent, name, 0o755], origin, `make the folder ${destination}/${name}`),
    step("openat", [parent, name, ["O_PATH", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC"], 0], origin, `open ${destination}/${name}`, { out: folder }),
    ...make,
    attach(made, folder, origin, why),
    ...setAttributes(made, sorted.attributes, origin, `set the options of ${destination}/${name}`),
    step("close", [folder], origin, "done with it"),
    step("close", [made], origin, "done with it"),
    ...links,
  ];
}
