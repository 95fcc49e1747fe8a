// A mount of type cgroup. On a host with v1 hierarchies the container sees what it would see on such a host: a tmpfs
// with one folder a hierarchy. On pure v2, either type means cgroup2.
//
// A mount never shows another container's cgroup: in a cgroup namespace the hierarchy's root is the container's own;
// without one, only its own cgroup is bound. What v1 shows can be neither executed nor used as a device, as with runc.

import type { Mount } from "../config/spec.ts";
import { components } from "../linux/components.ts";
import type { Flag } from "../linux/flags.ts";
import { type Slot, type Step, step } from "../tape/step.ts";
import { setAttributes } from "./attributes.ts";
import { type Building, newFd } from "./builder.ts";
import { v2Of } from "./cgroups.ts";
import { makeFilesystem, propagate } from "./filesystem.ts";
import { attach } from "./root.ts";
import type { SortedOptions } from "./sort-options.ts";
import { ensureInRoot } from "./steps.ts";

/** undefined: nothing special here, an ordinary filesystem of that type. */
export function planCgroupMount(building: Building, mount: Mount, origin: string, sorted: SortedOptions): Step[] | undefined {
  const { cgroups } = building.facts;
  const destination = `/${components(mount.destination).join("/")}`;
  const target = newFd(building, `place of ${destination}`);
  const made = newFd(building, destination);
  const open = ensureInRoot(building.child, building.root, mount.destination, "folder", origin, target);
  const end = [step("close", [target], origin, "done with it"), step("close", [made], origin, "done with it")];
  if (cgroups.v1.length === 0 || mount.type === "cgroup2") {
    if (cgroups.v2 === undefined) return undefined;
    return [...cgroup2(building, origin, sorted, destination, target, made, open), ...propagate(building, made, sorted, origin), ...end];
  }
  const why = `mount a tmpfs for the cgroup hierarchies on ${destination}`;
  const hierarchies = building.cgroups.filter(({ version }) => version === 1);
  return [
    ...makeFilesystem(building, {
      type: "tmpfs",
      source: "tmpfs",
      data: ["mode=755"],
      attributes: restricted,
      origin,
      why,
      out: made,
    }),
    open,
    attach(made, target, origin, why),
    ...hierarchies.flatMap((hierarchy) => v1Hierarchy(building, origin, sorted, destination, made, hierarchy)),
    ...setAttributes(building, made, sorted.attributes, origin, `set the options of ${destination}`),
    ...propagate(building, made, sorted, origin),
    ...end,
  ];
}

const restricted = ["MOUNT_ATTR_NOSUID", "MOUNT_ATTR_NODEV", "MOUNT_ATTR_NOEXEC"] as const;

function cgroup2(
  building: Building,
  origin: string,
  sorted: SortedOptions,
  destination: string,
  target: Slot<"fd">,
  made: Slot<"fd">,
  open: Step,
): Step[] {
  const own = v2Of(building.cgroups);
  if (building.namespaces.made.has("cgroup") || own === undefined) {
    const why = `mount cgroup2 on ${destination}`;
    const { set } = sorted.attributes;
    return [
      ...makeFilesystem(building, {
        type: "cgroup2",
        source: "cgroup",
        data: sorted.data,
        attributes: set,
        oldFlags: sorted.oldFlags,
        origin,
        why,
        out: made,
      }),
      open,
      attach(made, target, origin, why),
    ];
  }
  // Without a cgroup namespace a fresh mount would show the host's whole tree.
  const why = `bind the container's cgroup to ${destination}`;
  return [
    step("open_tree", ["AT_FDCWD", own.path, ["OPEN_TREE_CLONE", "OPEN_TREE_CLOEXEC"]], origin, why, { out: made }),
    open,
    attach(made, target, origin, why),
    ...setAttributes(building, made, sorted.attributes, origin, `set the options of ${destination}`),
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
  const folder = newFd(building, `place of ${destination}/${name}`);
  const made = newFd(building, `${destination}/${name}`);
  const why = `mount the hierarchy ${name} on ${destination}/${name}`;
  const { controllers } = hierarchy;
  const data = controllers[0]?.startsWith("name=") === true ? ["none", ...controllers] : controllers;
  const set: Flag<"MOUNT_ATTR">[] = [...restricted];
  for (const name of sorted.attributes.set) if (!set.includes(name)) set.push(name);
  const make = building.namespaces.made.has("cgroup")
    ? {
        steps: makeFilesystem(building, {
          type: "cgroup",
          source: "cgroup",
          data,
          attributes: set,
          oldFlags: sorted.oldFlags,
          origin,
          why,
          out: made,
        }),
        after: [],
      }
    : {
        steps: [step("open_tree", ["AT_FDCWD", hierarchy.path, ["OPEN_TREE_CLONE", "OPEN_TREE_CLOEXEC"]], origin, why, { out: made })],
        after: setAttributes(building, made, { ...sorted.attributes, set }, origin, `set the options of ${destination}/${name}`),
      };
  const links: Step[] = [];
  for (const controller of controllers.length < 2 ? [] : controllers)
    links.push(step("symlinkat", [name, parent, controller], origin, `link ${controller} to ${name}`, { onError: [["EEXIST", []]] }));
  return [
    step("mkdirat", [parent, name, 0o755], origin, `make the folder ${destination}/${name}`),
    step("openat", [parent, name, ["O_PATH", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC"], 0], origin, `open ${destination}/${name}`, {
      out: folder,
    }),
    ...make.steps,
    attach(made, folder, origin, why),
    ...make.after,
    ...links,
  ];
}
