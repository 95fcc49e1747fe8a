// tmpcopyup: a tmpfs that begins with what is in the folder that it covers. The child cannot walk a folder, since a tape
// has no loops over what it does not know; so box makes the filesystem, attached nowhere, fills it from the root folder
// (src/execute/copy-tree.ts), and hands the child the mount. What other mounts would cover the folder with is not copied.

import type { Spec } from "../config/spec.ts";
import { components } from "../linux/components.ts";
import type { Flag } from "../linux/flags.ts";
import { compute, newSlot, type Slot, type Step, step } from "../tape/step.ts";
import { setAttributes } from "./attributes.ts";
import type { Building } from "./builder.ts";
import { makeFilesystem } from "./filesystem.ts";
import type { BoxVariables } from "./plan.ts";
import { sortOptions } from "./sort-options.ts";
import { openInRoot } from "./steps.ts";

/** Indexes of the mounts with that option. */
export function copyUps({ mounts }: Spec): number[] {
  const found: number[] = [];
  const list = mounts ?? [];
  for (let index = 0; index < list.length; index++)
    if (list[index]?.type === "tmpfs" && list[index]?.options?.includes("tmpcopyup")) found.push(index);
  return found;
}

/** Makes the filesystems, and opens what is to be copied into each. */
export function prepareCopies(building: Building, box: BoxVariables): Step[] {
  const { variables } = box;
  const steps: Step[] = [];
  for (const index of copyUps(building.spec)) {
    const mount = building.spec.mounts?.[index] ?? { destination: "/" };
    const origin = `mounts[${index}]`;
    const why = `mount tmpfs on ${mount.destination}`;
    const slot = (name: string): Slot<"fd"> => newSlot(variables, "fd", `${name} ${mount.destination}`);
    const [made, to, from, root] = [slot("filesystem for"), slot("mount for"), slot("what is in"), slot("root folder for")];
    const { data } = sortOptions(mount.options ?? []);
    box.copies.push({ from, to, ownMode: data.some((word) => word.startsWith("mode=")) });
    steps.push(
      ...makeFilesystem(slot("context for"), {
        type: "tmpfs",
        source: mount.source ?? "tmpfs",
        data,
        attributes: [],
        origin,
        why,
        out: made,
      }),
      step("fcntl", [made, ["F_DUPFD_CLOEXEC"], building.handed.end], origin, "move it out of the way", { out: to }),
      step(
        "openat",
        ["AT_FDCWD", building.rootPath, ["O_PATH", "O_DIRECTORY", "O_CLOEXEC"], 0],
        "root.path",
        `open the root folder ${building.rootPath}`,
        {
          out: root,
        },
      ),
      openInRoot(
        root,
        components(mount.destination).join("/"),
        "folder",
        origin,
        `open ${mount.destination} in the container's root, to copy it`,
        from,
        {
          onError: [
            ["ENOENT", []],
            ["ENOTDIR", []],
          ],
        },
      ),
    );
  }
  return steps;
}

/** The child's part: the mount that box has filled becomes that of its place. */
export const takeCopy = (
  building: Building,
  copy: number,
  attributes: readonly Flag<"MOUNT_ATTR">[],
  origin: string,
  out: Slot<"fd">,
): Step[] => [
  compute([building.handed.copies + copy, 0, 0, -1], origin, "take the mount that box has filled", { out }),
  ...setAttributes(building, out, { set: attributes, clear: [], reach: "this" }, origin, "set its options"),
];
